import { instanceId, interfaceId, type LaneStatus } from '@inorder/core';
import { ADMIN_SECRET_HEADER, LANES_STREAM_PATH } from '@inorder/shared';
import { expect, test } from 'vitest';
import { startAdmin } from './server.ts';

const STATUS = {
  interfaceId: interfaceId('01900000-0000-7000-8000-000000000001'),
  state: 'FLOWING',
  instance: instanceId('a'),
} as LaneStatus;

test('G19: of a lane that changes faster than the console reads only the last status waits', async () => {
  let publish: (changed: readonly LaneStatus[]) => void = () => undefined;
  const admin = await startAdmin({
    port: 0,
    secret: 'secret',
    dependencies: [],
    isServing: () => true,
    lanes: {
      snapshot: () => [],
      onChanged: (listener) => {
        publish = listener;
        return () => undefined;
      },
    },
    counters: () => ({}),
  });
  const response = await fetch(`${admin.url}${LANES_STREAM_PATH}`, { headers: { [ADMIN_SECRET_HEADER]: 'secret' } });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader?.read())?.value).toContain('event: ping');
  for (const state of ['FLOWING', 'WAITING', 'IDLE'] as const) publish([{ ...STATUS, state }]);
  const text = (await reader?.read())?.value ?? '';
  expect(JSON.parse(text.replace(/^data: /, ''))).toMatchObject([{ state: 'IDLE' }]);
  await reader?.cancel();
  await admin.close();
});
