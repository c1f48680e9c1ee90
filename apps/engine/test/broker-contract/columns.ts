/** The three columns. What stands here is checked: a note by the test of its behaviour, a reason by nobody but its reader. */
import { not, yes } from './behaviours.ts';
import { openBroker } from './broker-column.ts';
import type { Column } from './column.ts';
import { openListener } from './listener-column.ts';

export const LISTENER: Column = {
  name: 'Our listener',
  cells: {
    order: yes(),
    content: yes(),
    durable: not('it keeps nothing: accepted means stored in Postgres (G1)'),
    redelivery: not('the sender is told `released` and sends again'),
    reject: yes('no dead letters: the sender is told `rejected` and why'),
    credit: yes(),
    postgresAway: yes(),
    lapsed: yes(),
    tls: yes(),
    sasl: yes(),
    many: yes(),
    shared: yes(),
    restart: yes('the engine itself is killed; the sender repeats what was not accepted'),
    failover: not('there is no queue to hand over; `producers: one` refuses a second sender'),
    frozen: not('nobody else can accept what a frozen engine has not: the sender still has it'),
    protection: not('there is no queue'),
    limits: not('there is no queue'),
  },
  expected: {
    redeliveredAfterRelease: false,
    outcomeOfRejected: 'rejected',
    deadLetters: undefined,
    wrongPassword: /unauthorized-access/,
    wrongAuthority: /self-signed certificate|unable to verify/,
  },
  open: () => openListener(),
};

export const ARTEMIS: Column = {
  name: 'Artemis',
  cells: {
    order: yes(),
    content: yes(),
    durable: yes(),
    redelivery: yes(),
    reject: yes(),
    credit: yes(),
    postgresAway: yes(),
    lapsed: yes(),
    tls: yes(),
    sasl: yes(),
    many: yes(),
    shared: yes(),
    restart: yes(),
    failover: yes('`exclusive`'),
    frozen: yes('`exclusive`'),
    protection: yes('`exclusive`'),
    limits: yes(),
  },
  expected: {
    redeliveredAfterRelease: false,
    outcomeOfRejected: 'accepted',
    deadLetters: 'DLQ',
    wrongPassword: /unauthorized-access/,
    wrongAuthority: /self-signed certificate|unable to verify/,
  },
  open: (queues) => openBroker('artemis', queues),
};

export const RABBITMQ: Column = {
  name: 'RabbitMQ',
  cells: {
    order: yes(),
    content: yes(),
    durable: yes(),
    redelivery: yes('a message that comes back says `redelivered`'),
    reject: yes(),
    credit: yes(),
    postgresAway: yes(),
    lapsed: yes(),
    tls: yes(),
    sasl: yes(),
    many: yes(),
    shared: yes(),
    restart: yes(),
    failover: yes('`x-single-active-consumer`'),
    frozen: yes('`x-single-active-consumer`'),
    protection: yes('`x-single-active-consumer`'),
    limits: yes(),
  },
  expected: {
    redeliveredAfterRelease: true,
    outcomeOfRejected: 'accepted',
    deadLetters: 'DLQ',
    wrongPassword: /unauthorized-access/,
    wrongAuthority: /self-signed certificate|unable to verify/,
  },
  open: (queues) => openBroker('rabbitmq', queues),
};
