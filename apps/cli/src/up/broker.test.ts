import { expect, test } from 'vitest';
import { CommandFailure } from '../exit.ts';
import { givenBroker } from './broker.ts';

test('AMQP_URL: host, port and login, each as the URL has it', () => {
  expect(givenBroker('amqp://orders:p%40ss@broker.example:5673')).toEqual({
    host: 'broker.example',
    port: 5673,
    username: 'orders',
    password: 'p@ss',
  });
  expect(givenBroker('amqp://broker.example')).toEqual({ host: 'broker.example', port: 5672 });
  expect(givenBroker('')).toBeUndefined();
});

test('AMQP_URL: what the demonstration cannot use is refused in words', () => {
  for (const url of ['broker.example:5672', 'http://broker.example', 'amqp://'])
    expect(() => givenBroker(url), url).toThrow(/it takes amqp:/);
  expect(() => givenBroker('amqps://broker.example')).toThrow(CommandFailure);
});
