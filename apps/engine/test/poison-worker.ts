/** Entry of a stage worker for tests of G16: the message itself says what its stage does. */
import { fault } from '@inorder/core';
import type { StageOutcome } from '../src/stages/pipeline.ts';
import { serveStages } from '../src/stages/worker-loop.ts';

serveStages((input, tables): StageOutcome => {
  const text = Buffer.from(input.raw).toString();
  const [act = '', argument = ''] = text.split(' ');
  const failed = (what: ReturnType<typeof fault>): StageOutcome => {
    return { kind: 'FAILED', stage: 'ENRICH', fault: what, faults: [what], controlId: null, keys: [] };
  };
  switch (act) {
    case 'exit':
      process.exit(1);
      break;
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      for (;;);
    case 'loop':
      for (;;);
    case 'memory': {
      const hoard: unknown[] = [];
      for (;;) hoard.push(new Array(100_000).fill(hoard.length));
    }
    case 'internal':
      return failed(fault('STAGE_FAILED', 'a bug'));
    case 'permanent':
      return failed(fault('HL7_FIELD_TABLE', 'not in the table', { path: 'OBR-4.1', table: '0125', value: 'ZZ' }));
    case 'filter':
      return { kind: 'FILTERED', rule: 'not for us', controlId: 'C', keys: [] };
    case 'nowhere':
      return { kind: 'PROCESSED', destination: 'no-such', processed: null, controlId: 'C', keys: [] };
    case 'lookup': {
      const found = tables.lookup('tests', argument);
      if (found === 'TABLE_MISSING') return failed(fault('ENRICH_TABLE_MISSING', 'no table'));
      if (found === undefined) return failed(fault('ENRICH_CODE_UNKNOWN', 'no code', { value: argument }));
      const processed = Buffer.from(`${found.target}^${found.display}^${found.targetSystem}`);
      return { kind: 'PROCESSED', destination: 'lis', processed, controlId: 'C', keys: [] };
    }
    case 'nul':
      return { kind: 'PROCESSED', destination: 'lis', processed: null, controlId: 'C\0', keys: [] };
  }
  const keys = [
    { kind: 'PLACER' as const, value: `P-${text}`, orderControl: 'NW' },
    { kind: 'MRN' as const, value: 'M-1', orderControl: null },
  ];
  const processed = act === 'same' ? null : Buffer.from(text.toUpperCase());
  return { kind: 'PROCESSED', destination: 'lis', processed, controlId: `C-${text}`, keys };
});
