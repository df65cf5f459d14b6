/** Pressure stall information: how long tasks waited for cpu, memory or disks. Of the machine from /proc/pressure; of a control group on cgroup v2 only. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CGROUP_ROOT } from '../cgroup/layout.ts';

/** Nanoseconds since the beginning, and shares of the last 10, 60 and 300 s in percent (stats/v1alpha1 PSIData). */
export interface StallData { total: number; avg10: number; avg60: number; avg300: number }
export interface Stalls { some: StallData; full: StallData }

const RESOURCES = ['cpu', 'memory', 'io'] as const;
export type AllStalls = Partial<Record<(typeof RESOURCES)[number], Stalls>>;
const NONE: StallData = { total: 0, avg10: 0, avg60: 0, avg300: 0 };

/** Empty where the kernel does not say. */
export function machineStalls(folder = '/proc/pressure'): AllStalls {
  return stallsIn((name) => join(folder, name));
}

export function cgroupStalls(options: { version: 'v1' | 'v2'; path: string; root?: string }): AllStalls {
  return options.version === 'v1' ? {} : stallsIn((name) => join(options.root ?? CGROUP_ROOT, options.path, `${name}.pressure`));
}

function stallsIn(file: (name: string) => string): AllStalls {
  return Object.fromEntries(RESOURCES.flatMap((name) => {
    try { return [[name, parseStalls(readFileSync(file(name), 'utf8'))]]; } catch { return []; }
  }));
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and the same for `full`; the kernel's total is in microseconds. */
function parseStalls(text: string): Stalls {
  const line = (sort: string): StallData => {
    const match = new RegExp(`^${sort} avg10=([\\d.]+) avg60=([\\d.]+) avg300=([\\d.]+) total=(\\d+)`, 'm').exec(text);
    return match === null ? NONE : { total: Number(match[4]) * 1_000, avg10: Number(match[1]), avg60: Number(match[2]), avg300: Number(match[3]) };
  };
  return { some: line('some'), full: line('full') };
}
