/** What happened to Workloads, as far as they tell of it, in the order of time: policies are told it again after a restart, or when a queue changes. */
import { keyOf } from '../../sdk/index.ts';
import type { Workload } from '../../api/kueue/types.ts';
import { is, isReserved, sinceSeconds } from './conditions.ts';
import { queuedAt } from './build.ts';

export interface Happening {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly workload: Workload;
  /** `comes`: it waits from now on; `starts`: it has quota; `ends`: it is over. */
  readonly what: 'comes' | 'starts' | 'ends';
}

/** Of one moment, first who comes, then who starts, then who ends. */
const TURNS = ['comes', 'starts', 'ends'] as const;

/** Of one that was stopped and let in again, the last time alone is told; of one that never got quota and is over, nothing. */
export function pastOf(workloads: readonly Workload[], { byEviction }: { byEviction: boolean }): Happening[] {
  return workloads.flatMap((each) => happeningsOf(each, byEviction)).sort((left, right) => left.at - right.at || TURNS.indexOf(left.what) - TURNS.indexOf(right.what) || keyOf(left.workload).localeCompare(keyOf(right.workload)));
}

function happeningsOf(workload: Workload, byEviction: boolean): Happening[] {
  const cameAt = queuedAt(workload, byEviction);
  const comes = { at: cameAt, workload, what: 'comes' } as const;
  const isOver = is(workload, 'Finished');
  if (!isOver && !isReserved(workload)) return [comes];
  const admittedAt = (isOver ? sinceSeconds(workload, 'Admitted') : undefined) ?? sinceSeconds(workload, 'QuotaReserved');
  if (workload.status?.admission === undefined || admittedAt === undefined) return [];
  // Conditions tell seconds, and whole ones only.
  const startedAt = Math.max(cameAt, admittedAt);
  const starts = { at: startedAt, workload, what: 'starts' } as const;
  return isOver ? [comes, starts, { at: Math.max(startedAt, sinceSeconds(workload, 'Finished') ?? 0), workload, what: 'ends' }] : [comes, starts];
}
