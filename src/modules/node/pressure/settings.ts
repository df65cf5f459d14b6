/**
 * When this node is short of something (upstream: node-pressure eviction; the keys of KubeletConfiguration under modules.node): evictionHard, evictionSoft,
 * evictionSoftGracePeriod, evictionMinimumReclaim, evictionPressureTransitionPeriod, evictionMaxPodGracePeriod, evictionEverySeconds.
 */
import { isQuantity, quantityValue } from '../../../api/quantity.ts';
import { parseDuration } from '../../../api/times.ts';

const SIGNALS = ['memory.available', 'nodefs.available', 'nodefs.inodesFree', 'imagefs.available', 'imagefs.inodesFree', 'pid.available'] as const;
export type Signal = (typeof SIGNALS)[number];
export type PressureCondition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

export const CONDITION_OF: Readonly<Record<Signal, PressureCondition>> = {
  'memory.available': 'MemoryPressure', 'nodefs.available': 'DiskPressure', 'nodefs.inodesFree': 'DiskPressure', 'imagefs.available': 'DiskPressure', 'imagefs.inodesFree': 'DiskPressure', 'pid.available': 'PIDPressure',
};

/** A part of the capacity, or an amount: bytes, inodes, processes. */
export type Amount = { share: number } | { value: number };

export interface Threshold {
  /** Unique: the signal, and whether it is a soft one. */
  key: string;
  signal: Signal;
  least: Amount;
  /** 0 for a hard one. */
  graceMs: number;
  hard: boolean;
  /** So much more than `least` must be there until it is over. */
  reclaim?: Amount;
}

export interface PressureSettings {
  thresholds: readonly Threshold[];
  /** How long a condition stays after it was last seen. */
  transitionMs: number;
  /** The most that a pod gets to end at a soft threshold. */
  mostGraceSeconds: number;
  everyMs: number;
}

/** Smaller than the kubelet's for disks (10 % and 15 %), since the machine is often a person's own. */
const HARD: Readonly<Record<string, unknown>> = { 'memory.available': '100Mi', 'nodefs.available': '5%', 'nodefs.inodesFree': '5%', 'imagefs.available': '5%', 'imagefs.inodesFree': '5%' };

/** Throws with the path of what is wrong. */
export function pressureSettings(config: Readonly<Record<string, unknown>>): PressureSettings {
  const hard = amounts(config, 'evictionHard', HARD);
  const soft = amounts(config, 'evictionSoft', {});
  const reclaim = amounts(config, 'evictionMinimumReclaim', {});
  const grace = mapOf(config, 'evictionSoftGracePeriod', {});
  const thresholds: Threshold[] = [...hard].map(([signal, least]) => ({ key: signal, signal, least, graceMs: 0, hard: true, reclaim: reclaim.get(signal) }));
  for (const [signal, least] of soft) {
    if (grace[signal] === undefined) throw new Error(`modules.node.evictionSoftGracePeriod must name a time for ${signal}, which evictionSoft has`);
    thresholds.push({ key: `${signal} soft`, signal, least, graceMs: durationMs(grace[signal], `evictionSoftGracePeriod.${signal}`), hard: false, reclaim: reclaim.get(signal) });
  }
  return {
    thresholds,
    transitionMs: durationMs(config['evictionPressureTransitionPeriod'] ?? '5m', 'evictionPressureTransitionPeriod'),
    mostGraceSeconds: numberOf(config, 'evictionMaxPodGracePeriod', 0, 0),
    everyMs: numberOf(config, 'evictionEverySeconds', 10, 1) * 1_000,
  };
}

function amounts(config: Readonly<Record<string, unknown>>, name: string, otherwise: Readonly<Record<string, unknown>>): Map<Signal, Amount> {
  return new Map(Object.entries(mapOf(config, name, otherwise)).map(([signal, text]) => {
    if (!(SIGNALS as readonly string[]).includes(signal)) throw new Error(`modules.node.${name} may name ${SIGNALS.join(', ')}, not ${signal}`);
    return [signal as Signal, amountOf(text, `${name}.${signal}`)];
  }));
}

function amountOf(text: unknown, path: string): Amount {
  const share = /^(\d+(?:\.\d+)?)%$/.exec(String(text))?.[1];
  if (share !== undefined && Number(share) <= 100) return { share: Number(share) / 100 };
  if (isQuantity(text) && quantityValue(text) >= 0) return { value: quantityValue(text) };
  throw new Error(`modules.node.${path} must be a quantity such as 100Mi or a share such as 10%, not ${JSON.stringify(text)}`);
}

export function durationMs(value: unknown, path: string): number {
  const ms = typeof value === 'string' ? parseDuration(value) / 1e6 : Number.NaN;
  if (!(ms >= 0) || (ms === 0 && !/^0+[a-z]*$/.test(String(value)))) throw new Error(`modules.node.${path} must be a time such as 1m30s, not ${JSON.stringify(value)}`);
  return ms;
}

function mapOf(config: Readonly<Record<string, unknown>>, name: string, otherwise: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const value = config[name] ?? otherwise;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`modules.node.${name} must be a map`);
  return value as Readonly<Record<string, unknown>>;
}

function numberOf(config: Readonly<Record<string, unknown>>, name: string, otherwise: number, least: number): number {
  const value = config[name] ?? otherwise;
  if (typeof value !== 'number' || !(value >= least)) throw new Error(`modules.node.${name} must be a number of at least ${least}, not ${JSON.stringify(value)}`);
  return value;
}
