/** What kinds with replicas of a pod have in common. */
import { AGE, column, containerColumns, NAME } from '../columns.ts';
import type { PodTemplateSpec } from '../generated/core-v1.ts';
import type { Column } from '../kind.ts';
import type { KubeObject } from '../meta.ts';

/** Where the scale subresource finds its numbers. */
export const REPLICAS = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.spec.selector' };

interface Replicated extends KubeObject {
  spec?: { replicas?: number; template?: PodTemplateSpec };
  status?: { replicas?: number; readyReplicas?: number };
}

/** What `kubectl get` shows of those that keep so many pods of one template. */
export function replicaColumns<T extends Replicated>(selectorOf: (object: T) => string): Column<T>[] {
  return [
    NAME,
    column<T>('Desired', ({ spec }) => spec?.replicas ?? 0, { type: 'integer' }),
    column<T>('Current', ({ status }) => status?.replicas ?? 0, { type: 'integer' }),
    column<T>('Ready', ({ status }) => status?.readyReplicas ?? 0, { type: 'integer' }),
    AGE,
    ...containerColumns<T>(({ spec }) => spec?.template),
    column<T>('Selector', selectorOf, { wide: true }),
  ];
}
