/** Ports on loopback: the wanted one where it is free, else the next free one, and a line that says so. */
import net from 'node:net';

/** How far from the wanted port we look before the system chooses. */
const NEARBY = 100;

export class PortPicker {
  readonly #given = new Set<number>();
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** A port nobody listens on and this picker has not given before; says so when it is not the wanted one. */
  async pick(wanted: number): Promise<number> {
    const { port, taken } = await this.look(wanted);
    if (taken !== undefined) this.#say(taken);
    return port;
  }

  /** The same, and the line about it is the caller's to say. */
  async look(wanted: number): Promise<{ port: number; taken?: string }> {
    const wantedByUs = this.#given.has(wanted);
    for (let port = wanted; port < wanted + NEARBY && port < 65_536; port += 1) {
      if (this.#given.has(port) || !(await isFree(port))) continue;
      this.#given.add(port);
      return port === wanted || wantedByUs
        ? { port }
        : { port, taken: `port ${wanted} is taken by another process; using ${port}` };
    }
    throw new Error(`no free port from ${wanted} to ${wanted + NEARBY - 1}`);
  }

  /** `count` ports, each the wanted one or one near it. */
  async pickMany(wanted: number, count: number): Promise<number[]> {
    const ports: number[] = [];
    for (let index = 0; index < count; index += 1) ports.push(await this.pick(wanted + index));
    return ports;
  }
}

/** Nobody answers there and we could listen there: on some systems only one of the two notices a listener on all addresses. */
export async function isFree(port: number): Promise<boolean> {
  return !(await answers(port)) && (await canListen(port));
}

/** Whether something accepts a connection on loopback. */
export function answers(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host, timeout: 1_000 });
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
    socket.on('timeout', () => end(false));
  });
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.on('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
