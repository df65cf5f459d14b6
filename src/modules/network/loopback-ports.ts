/**
 * Ports on 127.0.0.1 on which load balancers answer. A port is claimed by listening on it, so that a program of the machine that has it
 * keeps it, a later one is told that it is taken, and two instances do not take it from each other. The rules steer connections away
 * before they reach the listener; it answers nobody.
 */
import { createServer } from 'node:net';
import { createSocket } from 'node:dgram';
import { LOOPBACK, type LoopbackPort } from './fragment.ts';

export interface LoopbackPorts {
  /** Says what an owner wants now; gives which of these ports it has, and why it does not have the others. */
  want(owner: string, ports: readonly LoopbackPort[]): Promise<{ granted: LoopbackPort[]; refused: { port: LoopbackPort; why: string }[] }>;
  /** Gives all ports back. */
  close(): void;
}

interface Claim {
  owner: string;
  release: () => void;
}

export function createLoopbackPorts(): LoopbackPorts {
  const claims = new Map<string, Claim>();

  async function claim(owner: string, port: LoopbackPort): Promise<string | undefined> {
    const key = `${port.protocol}/${port.port}`;
    const held = claims.get(key);
    if (held !== undefined) return held.owner === owner ? undefined : `service ${held.owner} answers there`;
    try {
      claims.set(key, { owner, release: await (port.protocol === 'tcp' ? holdTcp(port.port) : holdUdp(port.port)) });
      return undefined;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === 'EADDRINUSE' ? 'another program of this machine uses it' : `it cannot be had (${code})`;
    }
  }

  return {
    async want(owner, ports) {
      const keys = new Set(ports.map((each) => `${each.protocol}/${each.port}`));
      for (const [key, held] of claims) {
        if (held.owner !== owner || keys.has(key)) continue;
        held.release();
        claims.delete(key);
      }
      const granted: LoopbackPort[] = [];
      const refused: { port: LoopbackPort; why: string }[] = [];
      for (const port of ports) {
        const why = await claim(owner, port);
        if (why === undefined) granted.push(port);
        else refused.push({ port, why });
      }
      return { granted, refused };
    },
    close() {
      for (const held of claims.values()) held.release();
      claims.clear();
    },
  };
}

function holdTcp(port: number): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen({ host: LOOPBACK, port, exclusive: true, backlog: 1 }, () => {
      server.unref();
      resolve(() => void server.close());
    });
  });
}

function holdUdp(port: number): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind({ address: LOOPBACK, port, exclusive: true }, () => {
      socket.unref();
      resolve(() => void socket.close());
    });
  });
}
