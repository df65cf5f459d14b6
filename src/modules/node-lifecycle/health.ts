/** Whether a node still shows signs of life, and what its conditions and taints should be (upstream: node lifecycle controller). Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { Node, NodeCondition, Taint } from '../../api/generated/core-v1.ts';
import { rfc3339 } from '../../base/clock.ts';

/** A node that shows no sign of life for this long is Unknown, unless the configuration says otherwise (upstream: node-monitor-grace-period). */
export const GRACE_MS = 50_000;
/** A new node may take longer (upstream: node-startup-grace-period). */
const STARTUP_GRACE_MS = 60_000;

export interface Sign {
  /** What the node last wrote; only whether it changes counts, so that clocks need not agree. */
  text: string;
  /** When the change was seen, by our own clock. */
  seenMs: number;
}

export function signOf(node: Node, lease: Lease | undefined, before: Sign | undefined, nowMs: number): Sign {
  const text = `${lease?.spec?.renewTime ?? ''} ${conditionOf(node, 'Ready')?.lastHeartbeatTime ?? ''}`;
  return before?.text === text ? before : { text, seenMs: nowMs };
}

export function isSilent(node: Node, sign: Sign, nowMs: number, graceMs = GRACE_MS): boolean {
  return nowMs - sign.seenMs > (conditionOf(node, 'Ready') === undefined ? STARTUP_GRACE_MS : graceMs);
}

const REPORTED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** The conditions of a silent node: nothing of it is known any more. */
export function silentConditions(node: Node, nowMs: number): NodeCondition[] {
  const time = rfc3339(nowMs);
  const kept = (node.status?.conditions ?? []).map((each) => {
    if (!REPORTED.includes(each.type) || each.status === 'Unknown') return each;
    return { ...each, status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.', lastTransitionTime: time };
  });
  const missing = REPORTED.filter((type) => !kept.some((each) => each.type === type));
  const never = missing.map((type) => ({
    type, status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.', lastHeartbeatTime: node.metadata.creationTimestamp, lastTransitionTime: time,
  }));
  return [...kept, ...never];
}

const READY_TAINTS: Readonly<Record<string, string>> = { False: 'node.kubernetes.io/not-ready', Unknown: 'node.kubernetes.io/unreachable' };
const PRESSURE_TAINTS: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure', DiskPressure: 'node.kubernetes.io/disk-pressure', PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';
const OURS = new Set([...Object.values(READY_TAINTS), ...Object.values(PRESSURE_TAINTS), UNSCHEDULABLE]);

/** The taints that conditions ask for beside those that others have set; undefined when they are right already. */
export function wantedTaints(node: Node, conditions: readonly NodeCondition[], nowMs: number): Taint[] | undefined {
  const before = node.spec?.taints ?? [];
  const wanted: Taint[] = before.filter((each) => !OURS.has(each.key));
  const add = (key: string, effect: Taint['effect']): void => {
    wanted.push(before.find((each) => each.key === key && each.effect === effect) ?? { key, effect, timeAdded: rfc3339(nowMs) });
  };
  const ready = READY_TAINTS[conditions.find((each) => each.type === 'Ready')?.status ?? ''];
  if (ready !== undefined) {
    add(ready, 'NoSchedule');
    add(ready, 'NoExecute');
  }
  for (const [type, key] of Object.entries(PRESSURE_TAINTS)) if (conditions.some((each) => each.type === type && each.status === 'True')) add(key, 'NoSchedule');
  if (node.spec?.unschedulable === true) add(UNSCHEDULABLE, 'NoSchedule');
  return isDeepStrictEqual(new Set(wanted), new Set(before)) ? undefined : wanted;
}

export function conditionOf(node: Node, type: string): NodeCondition | undefined {
  return node.status?.conditions?.find((each) => each.type === type);
}
