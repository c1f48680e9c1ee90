/** Where orders of an interface are sent to, read off the site's sources. */
import type { SiteDocument } from '@inorder/shared';
import { CommandFailure, EXIT } from '../exit.ts';

export interface WayIn {
  readonly url: string;
  readonly address: string;
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * A source that feeds the interface; one that several may send to comes before one that its sender keeps to itself.
 * @param address takes the source of this address, or this address with the first source's connection.
 * @param elsewhere the caller has a URL of its own, so the connection's password is not needed.
 */
export function wayIn(
  site: SiteDocument,
  interfaceCode: string,
  address: string | undefined,
  elsewhere: boolean,
): WayIn {
  const feeding = Object.values(site.sources).filter((source) => source.interfaces.includes(interfaceCode));
  const chosen =
    feeding.find((source) => source.address === address) ??
    feeding.find((source) => source.producers === 'many') ??
    feeding[0];
  if (chosen === undefined) {
    const reason = site.interfaces[interfaceCode] === undefined ? 'there is no interface' : 'no source feeds';
    throw new CommandFailure(EXIT.failed, `${reason} ${interfaceCode}`);
  }
  const connection = site.connections[chosen.connection];
  if (connection === undefined) throw new CommandFailure(EXIT.failed, `there is no connection ${chosen.connection}`);
  if (connection.password !== undefined && !elsewhere)
    throw new CommandFailure(EXIT.wrongUse, `connection ${chosen.connection} has a password: give --url with it`);
  const scheme = connection.tls === undefined ? 'amqp' : 'amqps';
  return {
    url: `${scheme}://${connection.host === '0.0.0.0' ? '127.0.0.1' : connection.host}:${connection.port}`,
    address: address ?? chosen.address,
    properties: { [chosen.interfaceProperty ?? 'interface']: interfaceCode },
  };
}
