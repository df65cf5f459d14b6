/** Deletes finished jobs when ttlSecondsAfterFinished are over (upstream: ttlafterfinished). */
import { Job } from '../../../api/batch/job.ts';
import { isApiError } from '../../../api/errors.ts';
import type { Controller, ReconcileContext, ReconcileResult } from '../../../sdk/index.ts';

export const ttlAfterFinishedController: Controller<Job> = {
  name: 'ttl-after-finished',
  eventSource: 'ttl-after-finished-controller',
  for: Job,
  reconcile: (_key, job, context) => expire(job, context),
};

async function expire(job: Job | undefined, { client, clock }: ReconcileContext): Promise<ReconcileResult | void> {
  const leftMs = job === undefined ? undefined : untilExpiryMs(job, clock.nowMs());
  if (job === undefined || leftMs === undefined) return;
  if (leftMs > 0) return { requeueAfterMs: leftMs };
  const { name = '', namespace } = job.metadata;
  try {
    // Somebody may have prolonged its life meanwhile.
    const fresh = await client.get(Job, name, { namespace });
    if ((untilExpiryMs(fresh, clock.nowMs()) ?? 1) > 0 || fresh.metadata.uid !== job.metadata.uid) return;
    const { uid, resourceVersion } = fresh.metadata;
    await client.delete(Job, name, { namespace, propagationPolicy: 'Foreground', preconditions: { uid, resourceVersion } });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
}

/** Ms until the job may go; undefined when it is not finished, has no limit or goes already. */
function untilExpiryMs({ spec, status, metadata }: Job, nowMs: number): number | undefined {
  const ended = status?.conditions?.find((each) => (each.type === 'Complete' || each.type === 'Failed') && each.status === 'True');
  if (spec?.ttlSecondsAfterFinished === undefined || ended?.lastTransitionTime === undefined || metadata.deletionTimestamp !== undefined) return undefined;
  return Date.parse(ended.lastTransitionTime) + spec.ttlSecondsAfterFinished * 1000 - nowMs;
}
