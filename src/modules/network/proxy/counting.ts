/** What HAProxy counted, over processes that came one after the other: a counter that goes back would be one that began anew. */
import { askHaproxy } from '../../../sdk/haproxy/commands.ts';
import { createEndpointCounts } from './endpoint-counts.ts';
import { added, countersOf, SIGNAL_COMMANDS, stillCarried, type Counters } from './signals.ts';

/** What a process counted since it was last asked goes with it when it is killed. */
const COUNT_MS = 4_000;

export interface Counting {
  /** Asks the process that runs. Rejects when there is none, or when it breaks off; what is known stays. */
  count(): Promise<void>;
  /** The same, where the last time is some seconds ago. */
  countInTime(): Promise<void>;
  /** Another process begins, with nothing. */
  nextProcess(): void;
  /** Nothing is carried any more: what comes then begins with nothing. */
  forget(): void;
  /** As last asked. */
  total(): Counters;
}

export function createCounting(socket: string): Counting {
  /** Of processes of before. */
  let counted: Counters = new Map();
  /** Of this process, when it was last asked. */
  let recent: Counters = new Map();
  let countedAtMs = -Infinity;
  const endpoints = createEndpointCounts();

  async function count(): Promise<void> {
    const [stat = '', table = ''] = await Promise.all(SIGNAL_COMMANDS.map((command) => askHaproxy(socket, command)));
    // One that ends in the midst of it leaves a part; an answer ends with an empty line (management guide, section 9.3).
    if (!stat.startsWith('# pxname') || ![stat, table].every((answer) => answer.endsWith('\n\n'))) throw new Error('HAProxy broke off its statistics');
    recent = countersOf(stat, table);
    counted = stillCarried(counted, recent);
    endpoints.take(stat);
    countedAtMs = performance.now();
  }

  return {
    count,
    async countInTime() {
      if (performance.now() - countedAtMs > COUNT_MS) await count();
    },
    nextProcess() {
      counted = added(counted, recent);
      recent = new Map();
      endpoints.nextProcess();
    },
    forget() {
      counted = recent = new Map();
      endpoints.forget();
    },
    total: () => new Map([...added(counted, recent), ...endpoints.now()]),
  };
}
