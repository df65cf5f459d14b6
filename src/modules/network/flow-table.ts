/**
 * The kernel's table of connections, of which it follows so many and no more (nf_conntrack): from then on it drops who is new, to Services and elsewhere, and says so in its own log alone.
 * So who can give it more room is told before, and when it happened.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Node } from '../../api/core/node.ts';
import type { ModuleContext } from '../../sdk/module.ts';

const LOOK_MS = 15_000;
/** Of its room; it is told of again when it was emptier in between. */
const [NEARLY_FULL, EMPTIER] = [0.9, 0.8];

export interface FlowTable {
  flows: number;
  room: number;
  /** Packets that found no room, since the kernel began. */
  dropped: number;
}

/** Of this network namespace; undefined where the kernel follows no connections. */
export function readFlowTable(proc = '/proc'): FlowTable | undefined {
  try {
    const number = (name: string): number => Number(readFileSync(join(proc, 'sys/net/netfilter', name), 'utf8'));
    return { flows: number('nf_conntrack_count'), room: number('nf_conntrack_max'), dropped: droppedOf(readFileSync(join(proc, 'net/stat/nf_conntrack'), 'utf8')) };
  } catch {
    return undefined;
  }
}

/** A line of hexadecimal numbers for each cpu, under their names. */
function droppedOf(text: string): number {
  const [names = [], ...cpus] = text.trim().split('\n').map((line) => line.trim().split(/\s+/));
  const at = names.indexOf('drop');
  return cpus.reduce((sum, numbers) => sum + Number.parseInt(numbers[at] ?? '0', 16), 0);
}

/** Says what there is to tell of each look, once as long as it is so. */
export function flowTableTeller(): (table: FlowTable) => string | undefined {
  let before: number | undefined;
  let told: 'nothing' | 'nearly' | 'full' = 'nothing';
  return ({ flows, room, dropped }) => {
    const lost = dropped - (before ?? dropped);
    before = dropped;
    if (lost > 0 && told !== 'full') {
      told = 'full';
      return `the kernel follows as many connections as it has room for (${room}) and dropped ${lost} packets of new ones: ${advice(room)}`;
    }
    if (told === 'nothing' && flows >= room * NEARLY_FULL) {
      told = 'nearly';
      return `the kernel follows ${flows} connections and has room for ${room}; beyond that new ones are dropped: ${advice(room)}`;
    }
    if (lost <= 0 && flows < room * EMPTIER) told = 'nothing';
    return undefined;
  };
}

const advice = (room: number): string => `give it more (each takes some 400 bytes of memory): sysctl -w net.netfilter.nf_conntrack_max=${room * 2}`;

/** Looks four times a minute, and tells by a log line and an Event of the Node; settles on the abort. */
export async function watchFlowTable({ caches, clock, events, log, machine, signal }: ModuleContext): Promise<void> {
  const tell = flowTableTeller();
  while (!signal.aborted) {
    const table = readFlowTable();
    const message = table === undefined ? undefined : tell(table);
    if (message !== undefined) {
      log.warn(message);
      const node = caches.of(Node).get(machine.nodeName);
      if (node !== undefined) events.event(node, 'Warning', 'ConnectionTableFull', message);
    }
    await clock.sleep(LOOK_MS, signal);
  }
}
