/** WorkloadPriorityClasses: whoever names one waits until it is there, and one that is given another value changes those that name it. Source: Kueue, core/workloadpriorityclass_controller.go and jobframework ExtractPriority. */
import { WORKLOAD_PRIORITY_SOURCE } from '../../api/kueue/conversion.ts';
import { WorkloadPriorityClass } from '../../api/kueue/local-queue.ts';
import { PRIORITY_CLASS } from '../../api/kueue/names.ts';
import { Workload } from '../../api/kueue/workload.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { keyOf, watching, type Caches, type Controller, type ReconcileContext } from '../../sdk/index.ts';
import { is } from './conditions.ts';

const BY_CLASS = 'queue-priority-class';

/** Whether the class that the object names is not there; its user is told. */
export function lacksClass(owner: KubeObject, { caches, events }: Pick<ReconcileContext, 'caches' | 'events'>): boolean {
  const named = owner.metadata.labels?.[PRIORITY_CLASS];
  if (named === undefined || caches.of(WorkloadPriorityClass).get(named) !== undefined) return false;
  events.event(owner, 'Warning', 'WorkloadPriorityClassNotFound', `WorkloadPriorityClass ${JSON.stringify(named)} not found`);
  return true;
}

/** Objects of the kind are looked at when the class that they name comes. `keysOf`: default their own keys. */
export function namingClass<T extends KubeObject>(kind: Kind<T>, keysOf: (object: T) => readonly string[] = (object) => [keyOf(object)]): ReturnType<typeof watching> {
  return watching(WorkloadPriorityClass, ({ metadata }, caches: Caches) => {
    const cache = caches.of(kind);
    cache.addIndex(BY_CLASS, (object) => (object.metadata.labels?.[PRIORITY_CLASS] === undefined ? [] : [object.metadata.labels[PRIORITY_CLASS]]));
    return cache.byIndex(BY_CLASS, metadata.name ?? '').flatMap(keysOf);
  });
}

export const workloadPriorities: Controller<WorkloadPriorityClass> = {
  name: 'workload-priorities',
  for: WorkloadPriorityClass,
  writes: [Workload],
  async reconcile(name, priorityClass, { caches, client }) {
    if (priorityClass === undefined) return;
    const cache = caches.of(Workload);
    cache.addIndex(BY_CLASS, ({ spec }) => (spec.priorityClassSource === WORKLOAD_PRIORITY_SOURCE && spec.priorityClassName !== undefined ? [spec.priorityClassName] : []));
    const others = cache.byIndex(BY_CLASS, name).filter((each) => !is(each, 'Finished') && each.spec.priority !== priorityClass.value);
    for (const workload of others) await ifThere(client.update(Workload, { ...workload, spec: { ...workload.spec, priority: priorityClass.value } }));
  },
};
