/** Pods of a StatefulSet that wait follow it into another queue: it replaces none that is not ready, whatever its template says now. Source: Kueue, jobs/statefulset. */
import { StatefulSet } from '../../api/apps/stateful-set.ts';
import { Pod } from '../../api/core/pod.ts';
import { POD_GROUP, PRIORITY_CLASS, QUEUE_NAME } from '../../api/kueue/names.ts';
import { controllerOf } from '../../api/owner.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { splitKey, watching, type Controller } from '../../sdk/index.ts';
import { isGated } from './pod-rules.ts';

const BY_SET = 'queue-stateful-set';

/** `namespace/name` of the StatefulSet that made the pod and with which it waits. */
function setKeysOf(pod: Pod): string[] {
  const owner = controllerOf(pod);
  return owner?.kind === StatefulSet.kind && pod.metadata.labels?.[POD_GROUP] !== undefined && isGated(pod) ? [`${pod.metadata.namespace}/${owner.name}`] : [];
}

export const statefulSetPods: Controller<StatefulSet> = {
  name: 'queued-stateful-sets',
  for: StatefulSet,
  watches: [watching(Pod, setKeysOf)],
  writes: [Pod],
  async reconcile(key, set, { caches, client }) {
    const { labels = {}, uid } = set?.metadata ?? {};
    const group = set?.spec?.template.metadata?.labels?.[POD_GROUP];
    if (labels[QUEUE_NAME] === undefined || group === undefined) return;
    const pods = caches.of(Pod);
    pods.addIndex(BY_SET, setKeysOf);
    const wanted = { [QUEUE_NAME]: labels[QUEUE_NAME], ...(labels[PRIORITY_CLASS] !== undefined && { [PRIORITY_CLASS]: labels[PRIORITY_CLASS] }) };
    for (const pod of pods.byIndex(BY_SET, key)) {
      const { name = '', labels: has = {}, deletionTimestamp } = pod.metadata;
      const isSame = Object.entries(wanted).every(([label, value]) => has[label] === value);
      if (isSame || deletionTimestamp !== undefined || has[POD_GROUP] !== group || controllerOf(pod)?.uid !== uid) continue;
      await ifThere(client.patch(Pod, name, { type: 'merge', body: { metadata: { labels: wanted } } }, { namespace: splitKey(key).namespace }));
    }
  },
};
