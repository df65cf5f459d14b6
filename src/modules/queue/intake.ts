/** What is made for a queue is held back from its first moment on: Jobs are suspended, pods get a gate. Source: Kueue, the webhooks of jobs and pods. */
import { Job } from '../../api/batch/job.ts';
import { Pod } from '../../api/core/pod.ts';
import { ApiError } from '../../api/errors.ts';
import { ADMISSION_GATE, MANAGED, MIN_PARALLELISM, POD_GROUP, POD_GROUP_TOTAL, QUEUE_NAME } from '../../api/kueue/names.ts';
import { controllerOf } from '../../api/owner.ts';
import type { KubeObject } from '../../api/meta.ts';
import { LocalQueue } from '../../api/kueue/local-queue.ts';
import type { Admission, AdmissionRequest, ModuleContext } from '../../sdk/index.ts';

export const queuedJobs: Admission = {
  name: 'queued-jobs', kinds: [Job], operations: ['CREATE'],
  admit(request, context) {
    const job = request.object as Job | undefined;
    if (job?.spec === undefined || (request.subresource ?? '') !== '' || job.metadata.labels?.[QUEUE_NAME] === undefined) return;
    const least = job.metadata.annotations?.[MIN_PARALLELISM];
    if (least !== undefined && !(Number.isInteger(Number(least)) && Number(least) > 0 && Number(least) <= (job.spec.parallelism ?? 1))) {
      throw new ApiError('BadRequest', `metadata.annotations[${MIN_PARALLELISM}] is '${least}', and must be a whole number from 1 to spec.parallelism`);
    }
    job.spec.suspend = true;
    warnWithoutQueue(request, job, context);
  },
};

/** Where there is no queue at all nobody is there to tell what waits for one. */
function warnWithoutQueue(request: AdmissionRequest, { metadata }: KubeObject, { caches }: Pick<ModuleContext, 'caches'>): void {
  const [name, namespace = request.namespace] = [metadata.labels?.[QUEUE_NAME], metadata.namespace];
  if (caches.of(LocalQueue).get(`${namespace}/${name}`) === undefined) request.warnings?.push(`there is no LocalQueue ${name} in namespace ${namespace}: it waits until there is`);
}

export const queuedPods: Admission = {
  name: 'queued-pods', kinds: [Pod], operations: ['CREATE'],
  admit(request, context) {
    const pod = request.object as Pod | undefined;
    const { labels } = pod?.metadata ?? {};
    if (pod?.spec === undefined || (request.subresource ?? '') !== '' || labels?.[QUEUE_NAME] === undefined || controllerOf(pod)?.kind === 'Job') return;
    const total = pod.metadata.annotations?.[POD_GROUP_TOTAL];
    if ((labels[POD_GROUP] === undefined) !== (total === undefined)) throw new ApiError('BadRequest', `the label ${POD_GROUP} and the annotation ${POD_GROUP_TOTAL} must be set both or not at all`);
    if (total !== undefined && !(Number.isInteger(Number(total)) && Number(total) > 0)) throw new ApiError('BadRequest', `metadata.annotations[${POD_GROUP_TOTAL}] is '${total}', and must be a whole number above 0`);
    labels[MANAGED] = 'true';
    warnWithoutQueue(request, pod, context);
    if (pod.spec.schedulingGates?.some(({ name }) => name === ADMISSION_GATE) !== true) pod.spec.schedulingGates = [...(pod.spec.schedulingGates ?? []), { name: ADMISSION_GATE }];
  },
};
