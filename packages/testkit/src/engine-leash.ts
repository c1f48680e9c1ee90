/** Preloaded into an engine under test: it ends when whoever started it is gone, in whatever way. */
import { isMainThread } from 'node:worker_threads';

// Worker threads inherit the preload, and have a standard input of their own that ends at once.
if (isMainThread) {
  process.stdin.resume();
  process.stdin.on('close', () => process.exit(70));
}
