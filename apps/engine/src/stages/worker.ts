/** Entry of a stage worker: the product's pipeline. */
import { runPipeline } from './pipeline.ts';
import { serveStages } from './worker-loop.ts';

serveStages((input, tables) => runPipeline(input, tables));
