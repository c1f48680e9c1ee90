/** What Artemis reads at its start. */
import { type BrokerQueue, DEAD_LETTERS, IDLE_TIMEOUT_MS } from './broker.ts';

export interface ArtemisConfig {
  readonly dataFolder: string;
  readonly port: number;
  readonly tls: { readonly port: number; readonly keyStore: string } | undefined;
  readonly queues: readonly BrokerQueue[];
}

/** Queues whose name begins with this are exclusive from their first use on, without being listed. */
export const EXCLUSIVE_PREFIX = 'exclusive.';

/** Where expired messages go: without such an address they are dropped. */
export const EXPIRED = 'ExpiryQueue';

/**
 * Settings that hold everywhere, against defaults that would hurt: no delivery limit (10), queues that stay when they
 * are empty (auto-created ones go), anycast for clients that name no routing type (multicast drops what nobody
 * listens to), a dead-letter address (without one a rejected message is gone), no stop at a disk that is 90 % full.
 */
export function brokerXml({ dataFolder, port, tls, queues }: ArtemisConfig): string {
  const options = `protocols=AMQP;amqpIdleTimeout=${IDLE_TIMEOUT_MS};amqpCredits=1000;amqpLowCredits=300;securityDomain=activemq`;
  const tlsOptions = (keyStore: string): string =>
    `${options};sslEnabled=true;keyStoreType=PEMCFG;keyStorePath=${keyStore}`;
  const own = queues.filter((queue) => queue.name !== DEAD_LETTERS);
  return `<?xml version="1.0" encoding="UTF-8"?>
<configuration xmlns="urn:activemq">
  <core xmlns="urn:activemq:core">
    <name>inorder</name>
    <persistence-enabled>true</persistence-enabled>
    <journal-type>NIO</journal-type>
    <journal-directory>${xml(dataFolder)}/journal</journal-directory>
    <bindings-directory>${xml(dataFolder)}/bindings</bindings-directory>
    <large-messages-directory>${xml(dataFolder)}/large-messages</large-messages-directory>
    <paging-directory>${xml(dataFolder)}/paging</paging-directory>
    <journal-min-files>2</journal-min-files>
    <journal-pool-files>10</journal-pool-files>
    <journal-file-size>10M</journal-file-size>
    <max-disk-usage>-1</max-disk-usage>
    <jmx-management-enabled>false</jmx-management-enabled>
    <acceptors>
      <acceptor name="amqp">tcp://127.0.0.1:${port}?${options}</acceptor>${
        tls === undefined
          ? ''
          : `
      <acceptor name="amqps">tcp://127.0.0.1:${tls.port}?${xml(tlsOptions(tls.keyStore))}</acceptor>`
      }
    </acceptors>
    <security-settings>
      <security-setting match="#">
        ${PERMISSIONS.map((type) => `<permission type="${type}" roles="inorder"/>`).join('\n        ')}
      </security-setting>
    </security-settings>
    <address-settings>
      ${addressSetting('#', { name: '#' })}
      ${addressSetting(`${EXCLUSIVE_PREFIX}#`, { name: '#', exclusive: true })}
      ${own
        .filter(hasSettings)
        .map((queue) => addressSetting(queue.name, queue))
        .join('\n      ')}
    </address-settings>
    <addresses>
      ${address(DEAD_LETTERS, false)}
      ${address(EXPIRED, false)}
      ${own.map((queue) => address(queue.name, queue.exclusive === true)).join('\n      ')}
    </addresses>
  </core>
</configuration>
`;
}

const PERMISSIONS = [
  ...['createAddress', 'deleteAddress', 'createDurableQueue', 'deleteDurableQueue', 'createNonDurableQueue'],
  ...['deleteNonDurableQueue', 'send', 'consume', 'browse', 'manage'],
];

function hasSettings({ exclusive, deadLetter, deliveriesMax, expiryMs }: BrokerQueue): boolean {
  return [exclusive, deadLetter, deliveriesMax, expiryMs].some((setting) => setting !== undefined);
}

function addressSetting(match: string, queue: BrokerQueue): string {
  const deadLetter = queue.deadLetter === undefined ? DEAD_LETTERS : queue.deadLetter;
  return [
    `<address-setting match="${xml(match)}">`,
    // Settings of "#" are inherited: an empty one takes it back.
    `<dead-letter-address>${xml(deadLetter ?? '')}</dead-letter-address>`,
    `<expiry-address>${EXPIRED}</expiry-address>`,
    ...(queue.expiryMs === undefined ? [] : [`<expiry-delay>${queue.expiryMs}</expiry-delay>`]),
    `<max-delivery-attempts>${queue.deliveriesMax ?? -1}</max-delivery-attempts>`,
    '<redelivery-delay>0</redelivery-delay>',
    '<default-address-routing-type>ANYCAST</default-address-routing-type>',
    '<default-queue-routing-type>ANYCAST</default-queue-routing-type>',
    `<default-exclusive-queue>${queue.exclusive === true}</default-exclusive-queue>`,
    '<auto-create-queues>true</auto-create-queues>',
    '<auto-create-addresses>true</auto-create-addresses>',
    '<auto-delete-queues>false</auto-delete-queues>',
    '<auto-delete-addresses>false</auto-delete-addresses>',
    '</address-setting>',
  ].join('');
}

function address(name: string, exclusive: boolean): string {
  const queue = `<queue name="${xml(name)}" exclusive="${exclusive}"><durable>true</durable></queue>`;
  return `<address name="${xml(name)}"><anycast>${queue}</anycast></address>`;
}

/** Users and roles come from the two properties files beside it. */
export function loginConfig(): string {
  return `activemq {
  org.apache.activemq.artemis.spi.core.security.jaas.PropertiesLoginModule required
    org.apache.activemq.jaas.properties.user="users.properties"
    org.apache.activemq.jaas.properties.role="roles.properties";
};
`;
}

function xml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
