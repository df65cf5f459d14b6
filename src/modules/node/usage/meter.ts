/** The meter: reads what the running containers and the machine use, every 15 s and when asked, and keeps a few minutes of it in memory. */
import type { Agent } from '../agent.ts';
import type { ContainerRecord } from '../lifecycle/record.ts';
import type { NodeParts } from '../parts.ts';
import { cgroupUsage, machineUsage, type Usage } from './read-usage.ts';
import { series, type Rate, type Series } from './series.ts';

export interface ContainerUsage {
  record: ContainerRecord;
  rate: Rate;
}

export interface Meter {
  /** undefined in the first second after the start. */
  machine(): Rate | undefined;
  /** Running containers by the uid of their pod; those in their first second are left out. */
  containers(): ReadonlyMap<string, readonly ContainerUsage[]>;
  /** One pod's. */
  containersOf(podUid: string): readonly ContainerUsage[];
  run(signal: AbortSignal): Promise<void>;
}

const EVERY_MS = 15_000;
/** What is read within this time of another look is the same. */
const FRESH_MS = 1_000;
const NOTHING: Usage = { cpuNs: 0, memoryBytes: 0, workingSetBytes: 0, rssBytes: 0, majorFaults: 0, pageFaults: 0 };

export function meter(parts: NodeParts, agent: Agent): Meter {
  const { clock, machine } = parts.context;
  const known = new Map<string, Series>();
  const whole = series({ timeMs: clock.nowMs(), usage: nodeUsage() });

  /** Of several nodes on the machine, further ones use what their pods do, the first one all the rest. */
  function nodeUsage(): Usage {
    const { nodes = 1, instance, cgroupVersion: version } = machine;
    if (machine.further !== undefined) return cgroupUsage({ version, path: `/${instance}` }) ?? NOTHING;
    const others = Array.from({ length: nodes - 1 }, (_, index) => cgroupUsage({ version, path: `/${instance}n${index + 2}` }) ?? NOTHING);
    return others.reduce(less, machineUsage());
  }

  function running(): ContainerRecord[] {
    return agent.workers().flatMap((worker) => worker.records()).filter((record) => record.exit === undefined && record.startedMs !== undefined);
  }

  function look(record: ContainerRecord): Rate | undefined {
    const timeMs = clock.nowMs();
    const kept = known.get(record.id) ?? series({ timeMs: record.createdMs, usage: NOTHING });
    known.set(record.id, kept);
    if (kept.points.length > 1 && timeMs - kept.points.at(-1)!.timeMs < FRESH_MS) return kept.rate();
    const usage = cgroupUsage({ version: machine.cgroupVersion, path: record.cgroup });
    if (usage === undefined) return undefined;
    kept.refresh({ timeMs, usage }, EVERY_MS);
    return kept.rate();
  }

  function lookAtMachine(): Rate | undefined {
    const timeMs = clock.nowMs();
    if (timeMs - whole.points.at(-1)!.timeMs >= FRESH_MS) whole.refresh({ timeMs, usage: nodeUsage() }, EVERY_MS);
    return whole.rate();
  }

  function usageOf(records: readonly ContainerRecord[]): ContainerUsage[] {
    return records.flatMap((record) => {
      const rate = look(record);
      return rate === undefined ? [] : [{ record, rate }];
    });
  }

  function everything(): ContainerUsage[] {
    const records = running();
    const alive = new Set(records.map(({ id }) => id));
    for (const id of known.keys()) if (!alive.has(id)) known.delete(id);
    return usageOf(records);
  }

  return {
    machine: lookAtMachine,
    containers: () => Map.groupBy(everything(), ({ record }) => record.pod.uid),
    containersOf: (podUid) => usageOf(running().filter((record) => record.pod.uid === podUid)),
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(EVERY_MS, signal);
        if (signal.aborted) return;
        lookAtMachine();
        everything();
      }
    },
  };
}

function less(one: Usage, other: Usage): Usage {
  const fields = Object.keys(one) as (keyof Usage)[];
  return Object.fromEntries(fields.map((field) => [field, Math.max(0, one[field] - other[field])])) as unknown as Usage;
}
