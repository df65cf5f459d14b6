/** The ports of the gateway's address on which HAProxy listens for Services. Each keeps its own, over lives of llmos too, so that a reload changes nothing for who is connected. */
import { existsSync, readFileSync } from 'node:fs';
import { isFreePort } from '../../../base/sys/is-free-port.ts';
import { SERVICE_PORTS } from '../../../sdk/haproxy/ports.ts';

const { first: FIRST_PORT, last: LAST_PORT } = SERVICE_PORTS;
/** Who asked so lately may be carried next. */
const ASKED_LATELY_MS = 60_000;

export interface ListenPorts {
  /** A port that is free, or that `name` had before. Rejects when there is none. */
  portFor(name: string): Promise<number>;
}

/** `configuration` is the file that an earlier llmos may have left; `carried` names who listens now. */
export function createListenPorts({ gatewayIp, configuration, carried }: { gatewayIp: string; configuration: string; carried(): readonly string[] }): ListenPorts {
  const known = portsIn(configuration);
  const askedMs = new Map<string, number>();

  /** Ports of what is carried no longer are given again when there are no others. */
  function forgetOld(): void {
    const kept = new Set(carried());
    for (const name of known.keys()) {
      if (kept.has(name) || performance.now() - (askedMs.get(name) ?? -Infinity) < ASKED_LATELY_MS) continue;
      known.delete(name);
      askedMs.delete(name);
    }
  }

  return {
    async portFor(name) {
      askedMs.set(name, performance.now());
      const before = known.get(name);
      if (before !== undefined) return before;
      if (known.size >= LAST_PORT - FIRST_PORT) forgetOld();
      const taken = new Set(known.values());
      for (let port = FIRST_PORT; port <= LAST_PORT; port++) {
        if (taken.has(port) || !(await isFreePort(gatewayIp, port))) continue;
        known.set(name, port);
        return port;
      }
      throw new Error(`no port of ${gatewayIp} between ${FIRST_PORT} and ${LAST_PORT} is free for the proxy`);
    },
  };
}

/** The ports by name that a configuration listens on. */
function portsIn(file: string): Map<string, number> {
  if (!existsSync(file)) return new Map();
  return new Map([...readFileSync(file, 'utf8').matchAll(/^listen (\S+)\n {2}bind .*?:(\d+)(?: proto h2)?$/gm)].map(([, name = '', port]) => [name, Number(port)]));
}
