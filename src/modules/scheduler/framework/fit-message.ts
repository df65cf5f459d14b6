/** What is said when no node fits (upstream: FitError): `0/3 nodes are available: 1 Too many pods, 2 Insufficient cpu. preemption: ...` */
import type { NodeInfo } from './node-info.ts';
import type { Rejection } from './plugin.ts';

export function fitMessage(nodeCount: number, why: Rejection | ReadonlyMap<NodeInfo, Rejection>, after?: string): string {
  const text = `0/${nodeCount} nodes are available: ${why instanceof Map ? histogram(why) : (why as Rejection).reasons.join(', ')}.`;
  return after === undefined || after === '' ? text : `${text} ${after}`;
}

function histogram(rejections: ReadonlyMap<NodeInfo, Rejection>): string {
  const counts = new Map<string, number>();
  for (const { reasons } of rejections.values()) for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count} ${reason}`).sort().join(', ');
}
