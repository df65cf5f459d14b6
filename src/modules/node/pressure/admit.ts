/** Which new pods a node under pressure takes (upstream: kubelet eviction manager, Admit). Pure. */
import { qosClassOf } from '../../../api/core/pod-qos.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { tolerates } from '../../../api/tolerations.ts';
import { isCritical } from './rank.ts';
import type { PressureCondition } from './settings.ts';

/** Why not; undefined when it is taken. Under memory pressure alone only BestEffort pods are refused. */
export function refusedUnderPressure(pod: Pod, conditions: ReadonlySet<PressureCondition>): { reason: string; message: string } | undefined {
  if (conditions.size === 0 || isCritical(pod)) return undefined;
  if (conditions.size === 1 && conditions.has('MemoryPressure')) {
    if (qosClassOf(pod) !== 'BestEffort') return undefined;
    if (tolerates(pod.spec?.tolerations ?? [], { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' })) return undefined;
  }
  return { reason: 'Evicted', message: `The node had condition: [${[...conditions].join(' ')}]. ` };
}
