/**
 * One process per instance name and data folder: whoever holds it knows that the process before it is dead, and may take
 * its own shards back at once (G10). The operating system ends the lock with the process.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';

export interface InstanceLock {
  release(): Promise<void>;
}

/** @throws Error naming the instance when another process holds it. */
export async function lockInstance(dataDir: string, instance: string): Promise<InstanceLock> {
  mkdirSync(dataDir, { recursive: true });
  const address = lockAddress(dataDir, instance);
  for (let tries = 0; tries < 3; tries++) {
    const server = await listen(address);
    if (server !== undefined) {
      return {
        release: () =>
          new Promise((resolve) => {
            server.close(() => resolve());
          }),
      };
    }
    if (await answers(address)) throw new Error(`instance ${instance} is running already in ${dataDir}`);
    // A dead process left its socket file behind.
    rmSync(address, { force: true });
  }
  throw new Error(`instance ${instance} cannot take its lock ${address}`);
}

/** A short path of its own: socket paths may not be longer than about 100 characters. */
function lockAddress(dataDir: string, instance: string): string {
  const name = createHash('sha256')
    .update(`${path.resolve(dataDir)}\0${instance}`)
    .digest('hex')
    .slice(0, 24);
  return process.platform === 'win32' ? `\\\\.\\pipe\\inorder-${name}` : path.join(os.tmpdir(), `inorder-${name}.lock`);
}

function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(address, () => {
      server.unref();
      resolve(server);
    });
  });
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
