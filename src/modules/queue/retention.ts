/** How long is kept what has ended, and what queues gave up. Source: Kueue, objectRetentionPolicies. */
import { Job } from '../../api/batch/job.ts';
import { Pod } from '../../api/core/pod.ts';
import { JobSet } from '../../api/jobset/job-set.ts';
import { Workload } from '../../api/kueue/workload.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { ifThere } from '../../sdk/if-there.ts';
import type { Controller, ReconcileContext } from '../../sdk/index.ts';
import { conditionOf, is, isReserved, sinceSeconds } from './conditions.ts';
import type { Retention } from './configuration.ts';
import { FRAMEWORK_KINDS } from './frameworks/table.ts';

/** What may be deleted with its Workload. What serves is not: of that the pods are. */
const OWNERS: readonly Kind[] = [Job, JobSet, Pod, ...FRAMEWORK_KINDS] as readonly Kind[];

/** Timers run for 24 days at most. */
const MOST_MS = 86_400_000;

export const workloadRetention = ({ finishedSeconds, deactivatedSeconds }: Retention): Controller<Workload> => ({
  name: 'workload-retention',
  for: Workload,
  writes: OWNERS,
  async reconcile(_key, workload, context) {
    if (workload === undefined || workload.metadata.deletionTimestamp !== undefined) return;
    const isFinished = is(workload, 'Finished');
    const [seconds, condition] = isFinished ? [finishedSeconds, 'Finished'] : isGivenUp(workload) ? [deactivatedSeconds, 'Evicted'] : [];
    if (seconds === undefined || condition === undefined) return;
    const leftMs = ((sinceSeconds(workload, condition) ?? 0) + seconds) * 1_000 - context.clock.nowMs();
    if (leftMs > 0) return { requeueAfterMs: Math.min(leftMs + 5, MOST_MS) };
    const owners = workload.metadata.ownerReferences ?? [];
    if (isFinished || owners.length === 0) return remove(Workload as unknown as Kind, workload.metadata, context);
    for (const { apiVersion, kind, name, uid } of owners) {
      const found = OWNERS.find((each) => each.kind === kind && each.group === groupOf(apiVersion));
      if (found === undefined) continue;
      await remove(found, { name, uid, namespace: workload.metadata.namespace }, context);
      context.events.event(workload, 'Normal', 'Deleted', `Deleted ${kind} ${workload.metadata.namespace}/${name}: its workload was deactivated`);
    }
  },
});

/** Deactivated, but not by its user, and all that it held is given back. */
function isGivenUp(workload: Workload): boolean {
  return workload.spec.active === false && !isReserved(workload) && is(workload, 'Evicted') && conditionOf(workload, 'Evicted')?.reason?.startsWith('DeactivatedDueTo') === true;
}

const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '');

async function remove(kind: Kind, { name = '', namespace, uid }: KubeObject['metadata'], { client }: ReconcileContext): Promise<void> {
  await ifThere(client.delete(kind, name, { namespace, preconditions: { uid }, propagationPolicy: 'Background' }));
}
