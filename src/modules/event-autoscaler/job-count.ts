/** How many Jobs a ScaledJob starts now, by its strategy (KEDA: scalingStrategy). Pure. */
import type { Pod } from '../../api/generated/core-v1.ts';
import { ownValue } from '../../api/json.ts';
import type { ScaledJobSpec } from '../../api/keda/scaled-job.ts';
import { podCondition } from '../../api/pod-readiness.ts';

const DEFAULT_MOST = 100;

export interface Waiting {
  /** Of each trigger: what waits, and what of it one Job is for. */
  sources: readonly { value: number; target: number; active: boolean }[];
  /** Jobs that have not ended; of these, those of which no pod runs yet. */
  running: number;
  pending: number;
}

export function jobsToStart({ minReplicaCount = 0, maxReplicaCount = DEFAULT_MOST, scalingStrategy = {} }: ScaledJobSpec, { sources, running, pending }: Waiting): number {
  const least = Math.min(minReplicaCount, maxReplicaCount);
  const most = maxReplicaCount - least;
  const combined = combine(sources.filter((each) => each.active).map(({ value, target }) => ({ waits: value, asked: Math.min(most, target > 0 ? value / target : 0) })), scalingStrategy.multipleScalersCalculation);
  const asked = Math.ceil(Math.min(most, combined.asked));
  // As many as may be, at once, do not count what waits.
  const waits = scalingStrategy.strategy === 'eager' ? most : Math.ceil(combined.waits);
  const beyondLeast = Math.max(0, Math.min(waits, strategyOf(scalingStrategy)({ asked, running: Math.max(0, running - least), pending, most }, scalingStrategy)));
  const toLeast = Math.max(0, least - running);
  return Math.max(0, Math.min(toLeast + beyondLeast, maxReplicaCount - running));
}

/** A Job is, until one of its pods runs or has run; or until one of them has all conditions that are asked for (pendingPodConditions). */
export function isPending(pods: readonly Pod[], wanted: readonly string[] = []): boolean {
  if (wanted.length === 0) return pods.every(({ status }) => status?.phase !== 'Running' && status?.phase !== 'Succeeded');
  return !pods.some((pod) => wanted.every((type) => podCondition(pod, type)?.status === 'True'));
}

interface Counts { asked: number; running: number; pending: number; most: number }

const strategies: Readonly<Record<string, (counts: Counts, strategy: NonNullable<ScaledJobSpec['scalingStrategy']>) => number>> = {
  /** What waits includes what is being worked on: messages that are locked, not taken. */
  default: ({ asked, running }) => asked - running,
  custom: ({ asked, running, most }, { customScalingQueueLengthDeduction = 0, customScalingRunningJobPercentage = '0' }) => Math.min(asked - customScalingQueueLengthDeduction - Math.trunc(running * Number(customScalingRunningJobPercentage)), most - running),
  /** What waits does not include what is being worked on. */
  accurate: ({ asked, running, pending, most }) => (asked + running > most ? most - running : asked - pending),
  /** As many as may be, at once. */
  eager: ({ asked, running, pending, most }) => Math.min(most - running - pending, asked),
};

/** What none knows is the default, and so is a custom one without a percentage that is a number. */
function strategyOf({ strategy = 'default', customScalingRunningJobPercentage: percentage = '' }: NonNullable<ScaledJobSpec['scalingStrategy']>): (typeof strategies)[string] {
  const lacking = strategy === 'custom' && (percentage.trim() === '' || !Number.isFinite(Number(percentage)));
  return (lacking ? undefined : ownValue(strategies, strategy)) ?? strategies['default']!;
}

interface Work { waits: number; asked: number }

/** Of several triggers the one in which the most waits, or the least, with what that one asks for; or all of them together. */
function combine(all: readonly Work[], how = 'max'): Work {
  const sum = all.reduce((total, { waits, asked }) => ({ waits: total.waits + waits, asked: total.asked + asked }), { waits: 0, asked: 0 });
  if (how === 'sum') return sum;
  if (how === 'avg') return all.length === 0 ? sum : { waits: sum.waits / all.length, asked: sum.asked / all.length };
  return all.reduce<Work>((chosen, each) => ((how === 'min' ? chosen.waits === 0 || each.waits < chosen.waits : each.waits > chosen.waits) ? each : chosen), { waits: 0, asked: 0 });
}
