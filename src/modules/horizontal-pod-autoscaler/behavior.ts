/**
 * From the replicas that the metrics ask for to those that are set: stabilised over a window, limited in speed, kept between least and most. Pure, with the
 * history of an autoscaler as its memory. Source: the configurable scaling behaviour of autoscaling/v2.
 */
import type { HPAScalingRules } from '../../api/generated/autoscaling-v2.ts';

/** What was asked for and what was done, newest last. */
export interface History {
  recommended: { atMs: number; replicas: number }[];
  /** Changes: above 0 for up, below for down. */
  changes: { atMs: number; by: number }[];
}

export interface Limits {
  least: number;
  most: number;
  up: HPAScalingRules;
  down: HPAScalingRules;
  /** Where the rules for down name none. */
  downWindowSeconds: number;
  /** The greatest of what was asked for within the window for down is had again where there are fewer by now, as an autoscaler without a behaviour does. Default false. */
  restores?: boolean;
  /** How long the history is kept. Default an hour, since windows may be changed to that. */
  memoryMs?: number;
}

export interface Limited {
  replicas: number;
  /** Of the condition AbleToScale; undefined when what is asked for now counts. */
  stabilizedBy?: { reason: 'ScaleUpStabilized' | 'ScaleDownStabilized'; message: string };
  /** Of the condition ScalingLimited; undefined when what counts is done. */
  limitedBy?: { reason: 'TooFewReplicas' | 'TooManyReplicas' | 'ScaleUpLimit' | 'ScaleDownLimit'; message: string };
}

const LONGEST_MEMORY_MS = 3_600_000;
const TOO_MANY = { reason: 'TooManyReplicas', message: 'the desired replica count is more than the maximum replica count' } as const;
const TOO_FEW = { reason: 'TooFewReplicas', message: 'the desired replica count is less than the minimum replica count' } as const;
const TOO_FAST_UP = { reason: 'ScaleUpLimit', message: 'the desired replica count is increasing faster than the maximum scale rate' } as const;
const TOO_FAST_DOWN = { reason: 'ScaleDownLimit', message: 'the desired replica count is decreasing faster than the maximum scale rate' } as const;

/** Remembers what is asked for now in `history` and gives what to set. */
export function limit(current: number, asked: number, { history, limits, nowMs }: { history: History; limits: Limits; nowMs: number }): Limited {
  forget(history, nowMs - (limits.memoryMs ?? LONGEST_MEMORY_MS), nowMs);
  const stable = stabilise(current, asked, { history, limits, nowMs });
  // What is asked for again and again is remembered once, by its last time: that is when it leaves a window.
  const newest = history.recommended.at(-1);
  if (newest?.replicas === asked) newest.atMs = nowMs;
  else history.recommended.push({ atMs: nowMs, replicas: asked });
  return { ...stable, ...pace(current, stable.replicas, { history, limits, nowMs }) };
}

function pace(current: number, wanted: number, { history, limits: { least, most, up, down }, nowMs }: { history: History; limits: Limits; nowMs: number }): Limited {
  if (wanted > current) {
    const fastest = Math.max(current, upTo(current, up, history, nowMs));
    if (wanted > Math.min(fastest, most)) return fastest < most ? { replicas: fastest, limitedBy: TOO_FAST_UP } : { replicas: most, limitedBy: TOO_MANY };
  }
  if (wanted < current) {
    const fastest = Math.min(current, downTo(current, down, history, nowMs));
    if (wanted < Math.max(fastest, least)) return fastest > least ? { replicas: fastest, limitedBy: TOO_FAST_DOWN } : { replicas: least, limitedBy: TOO_FEW };
  }
  if (wanted > most) return { replicas: most, limitedBy: TOO_MANY };
  return wanted < least ? { replicas: least, limitedBy: TOO_FEW } : { replicas: wanted };
}

/** Up no further than the least, and down no further than the greatest, of what was asked for within the window. */
function stabilise(current: number, asked: number, { history, limits, nowMs }: { history: History; limits: Limits; nowMs: number }): Pick<Limited, 'replicas' | 'stabilizedBy'> {
  const up = extreme(asked, history.recommended, { pick: Math.min, sinceMs: nowMs - (limits.up.stabilizationWindowSeconds ?? 0) * 1_000 });
  const down = extreme(asked, history.recommended, { pick: Math.max, sinceMs: nowMs - (limits.down.stabilizationWindowSeconds ?? limits.downWindowSeconds) * 1_000 });
  const replicas = limits.restores === true ? down : up > current ? up : down < current ? down : current;
  if (replicas === asked) return { replicas };
  return asked > replicas
    ? { replicas, stabilizedBy: { reason: 'ScaleUpStabilized', message: 'recent recommendations were lower than current one, applying the lowest recent recommendation' } }
    : { replicas, stabilizedBy: { reason: 'ScaleDownStabilized', message: 'recent recommendations were higher than current one, applying the highest recent recommendation' } };
}

/** Of what was asked for since, and is asked for now. The newest are last, so that the search ends with the window. */
function extreme(asked: number, recommended: History['recommended'], { pick, sinceMs }: { pick: (one: number, other: number) => number; sinceMs: number }): number {
  let found = asked;
  for (let index = recommended.length - 1; index >= 0 && recommended[index]!.atMs > sinceMs; index--) found = pick(found, recommended[index]!.replicas);
  return found;
}

function upTo(current: number, rules: HPAScalingRules, { changes }: History, nowMs: number): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const bounds = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const started = current - changedBy(changes, 1, nowMs - periodSeconds * 1_000) + changedBy(changes, -1, nowMs - periodSeconds * 1_000);
    return type === 'Pods' ? started + value : Math.ceil(started * (1 + value / 100));
  });
  return rules.selectPolicy === 'Min' ? Math.min(...bounds) : Math.max(...bounds);
}

function downTo(current: number, rules: HPAScalingRules, { changes }: History, nowMs: number): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const bounds = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const started = current - changedBy(changes, 1, nowMs - periodSeconds * 1_000) + changedBy(changes, -1, nowMs - periodSeconds * 1_000);
    return type === 'Pods' ? started - value : Math.floor(started * (1 - value / 100));
  });
  return Math.max(0, rules.selectPolicy === 'Min' ? Math.max(...bounds) : Math.min(...bounds));
}

/** How many replicas were added (sign 1) or taken (sign -1) since. */
function changedBy(changes: History['changes'], sign: 1 | -1, sinceMs: number): number {
  return changes.reduce((sum, { atMs, by }) => (atMs > sinceMs && Math.sign(by) === sign ? sum + Math.abs(by) : sum), 0);
}

function forget(history: History, sinceMs: number, nowMs: number): void {
  for (const list of [history.recommended, history.changes] as { atMs: number }[][]) {
    for (const each of list) each.atMs = Math.min(each.atMs, nowMs); // the clock was set back
    const first = list.findIndex(({ atMs }) => atMs > sinceMs);
    list.splice(0, first === -1 ? list.length : first);
  }
}
