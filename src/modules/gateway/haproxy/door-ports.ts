/** The ports of the gateway's address on which doors listen. A door keeps its own: while llmos starts again, and when it goes and comes back. */
import { readFileSync, writeFileSync } from 'node:fs';
import { isFreePort } from '../../../base/sys/is-free-port.ts';
import { GATEWAY_PORTS } from '../../../sdk/haproxy/ports.ts';

const { first: FIRST_PORT, last: LAST_PORT } = GATEWAY_PORTS;
/** A door that is gone gives its port back when there are more of them. */
const MOST_KEPT = 1_000;

export interface DoorPorts {
  /** By the name of the door, or of a way to stand-ins. */
  readonly all: ReadonlyMap<string, number>;
  /** Gives each of the names a port, and keeps that in the file. Rejects with Error where none is free. */
  ensure(names: ReadonlySet<string>): Promise<void>;
}

export function createDoorPorts({ file, gatewayIp }: { file: string; gatewayIp: string }): DoorPorts {
  const ports = readPorts(file);

  async function ensureOne(name: string): Promise<void> {
    if (ports.has(name)) return;
    const taken = new Set(ports.values());
    for (let port = FIRST_PORT; port <= LAST_PORT; port++) {
      if (taken.has(port) || !(await isFreePort(gatewayIp, port)) || (name.startsWith('forward:') && !(await isFreePort('127.0.0.1', port)))) continue;
      ports.set(name, port);
      writeFileSync(file, JSON.stringify(Object.fromEntries(ports)), { mode: 0o600 });
      return;
    }
    throw new Error(`no port of ${gatewayIp} between ${FIRST_PORT} and ${LAST_PORT} is free for a gateway`);
  }

  return {
    all: ports,
    async ensure(names) {
      if (ports.size > MOST_KEPT) for (const name of ports.keys()) if (!names.has(name)) ports.delete(name);
      for (const name of names) await ensureOne(name);
    },
  };
}

function readPorts(file: string): Map<string, number> {
  try {
    return new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>));
  } catch {
    return new Map();
  }
}
