/** One ScaledJob at work: reads its triggers, starts Jobs for what waits, and clears away those that ended long ago. */
import { isDeepStrictEqual } from 'node:util';
import { Job } from '../../api/batch/job.ts';
import { withCondition } from '../../api/conditions.ts';
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import { ScaledJob } from '../../api/keda/scaled-job.ts';
import { PAUSED } from '../../api/keda/scaled-object.ts';
import { isMarked, type KedaCondition } from '../../api/keda/triggers.ts';
import { controllerReference, isControlledBy } from '../../api/owner.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { isResource } from './autoscaler.ts';
import { isPending, jobsToStart } from './job-count.ts';
import type { Settings } from './settings.ts';
import { openSources, sameTriggers, type Sources } from './sources.ts';

const NAME_LABEL = 'scaledjob.keda.sh/name';
/** Of the spec that a Job was made by. */
const GENERATION = 'scaledjob.keda.sh/generation';
/** How earlier releases of llmos called it: their Jobs run on. */
const FORMER_GENERATION = 'llmos.dev/scaledjob-generation';
/** Labels of the ScaledJob that its Jobs do not get, with commas. */
const EXCLUDED_LABELS = 'scaledjob.keda.sh/job-excluded-labels';
const DEFAULT_HISTORY = 100;

export interface JobWorker {
  turn(object: ScaledJob): Promise<void>;
  close(): void;
}

/** `wake` is called when a trigger has news, so that a turn comes before its time. */
export function jobWorker(context: ModuleContext, settings: Settings, wake: () => void): JobWorker {
  const { client, caches, clock, events, signal } = context;
  const jobs = caches.of(Job);
  const pods = caches.of(Pod);
  pods.addIndex('job', ({ metadata }) => (metadata.labels?.['batch.kubernetes.io/job-name'] === undefined ? [] : [`${metadata.namespace}/${metadata.labels['batch.kubernetes.io/job-name']}`]));
  let opened: { made: ScaledJob; sources: Sources } | undefined;
  /** Made a moment ago, until the cache has them. */
  const started = new Set<string>();

  async function sourcesOf(object: ScaledJob): Promise<Sources> {
    const failed = opened?.sources.all.some(({ failures }) => failures > 0 && failures % 3 === 0) === true;
    const same = opened !== undefined && sameTriggers(opened.made.spec.triggers, object.spec.triggers) ? opened.sources : undefined;
    if (same !== undefined && !failed && clock.nowMs() < same.staleMs) return same;
    const { namespace = '', name = '' } = object.metadata;
    const sources = await openSources({ triggers: object.spec.triggers, namespace, owner: name, settings, wake, podSpec: object.spec.jobTargetRef.template.spec, container: object.spec.envSourceContainerName, context }).catch((error: unknown) => {
      // Where one of them is away, the others go on.
      if (same === undefined) throw error;
      return same;
    });
    if (sources === same) return same;
    opened?.sources.close();
    opened = { made: object, sources };
    return sources;
  }

  function jobsOf(object: ScaledJob): Job[] {
    return jobs.list(object.metadata.namespace).filter((job) => isControlledBy(job, object));
  }

  const podsOf = ({ metadata }: Job): readonly Pod[] => pods.byIndex('job', `${metadata.namespace}/${metadata.name}`);

  /** Those of an earlier spec end with it, unless the roll-out is gradual. */
  async function dropOld(object: ScaledJob, running: readonly Job[]): Promise<Job[]> {
    if ((object.spec.rollout?.strategy ?? object.spec.rolloutStrategy) === 'gradual') return [...running];
    const old = running.filter(({ metadata: { annotations = {} } }) => (annotations[GENERATION] ?? annotations[FORMER_GENERATION]) !== String(object.metadata.generation));
    await Promise.all(old.map(({ metadata }) => drop(metadata.namespace, metadata.name ?? '', object.spec.rollout?.propagationPolicy === 'foreground' ? 'Foreground' : 'Background')));
    return running.filter((job) => !old.includes(job));
  }

  async function drop(namespace: string | undefined, name: string, propagationPolicy: 'Foreground' | 'Background' = 'Background'): Promise<void> {
    await client.delete(Job, name, { namespace, propagationPolicy }).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
    });
  }

  async function start(object: ScaledJob): Promise<void> {
    const { name = '', namespace, labels, annotations } = object.metadata;
    const { template, ...spec } = structuredClone(object.spec.jobTargetRef);
    const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...kept } = annotations ?? {};
    const excluded = new Set((annotations?.[EXCLUDED_LABELS] ?? '').split(',').map((each) => each.trim()));
    const own = Object.fromEntries(Object.entries(labels ?? {}).filter(([label]) => !excluded.has(label)));
    const made = await client.create(Job, {
      metadata: {
        generateName: `${name}-`, namespace, labels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/managed-by': 'keda-operator', 'app.kubernetes.io/part-of': name, ...own, [NAME_LABEL]: name }, annotations: { ...kept, [GENERATION]: String(object.metadata.generation) },
        ownerReferences: [controllerReference(ScaledJob, object)],
      },
      // A Job may not have the policy that pods have by default.
      spec: { ...spec, template: { ...template, spec: template.spec && { ...template.spec, restartPolicy: template.spec.restartPolicy ?? 'OnFailure' }, metadata: { ...template.metadata, labels: { ...template.metadata?.labels, [NAME_LABEL]: name } } } },
    } as Job);
    started.add(made.metadata.uid ?? '');
  }

  async function clear(object: ScaledJob, ended: readonly Job[]): Promise<void> {
    const { successfulJobsHistoryLimit = DEFAULT_HISTORY, failedJobsHistoryLimit = DEFAULT_HISTORY } = object.spec;
    for (const [type, most] of [['Complete', successfulJobsHistoryLimit], ['Failed', failedJobsHistoryLimit]] as const) {
      const oldestFirst = ended.filter((job) => endOf(job)?.type === type).sort((left, right) => ((endOf(left)?.lastTransitionTime ?? '') < (endOf(right)?.lastTransitionTime ?? '') ? -1 : 1));
      for (const { metadata } of oldestFirst.slice(0, Math.max(0, oldestFirst.length - most))) await drop(metadata.namespace, metadata.name ?? '');
    }
  }

  async function work(object: ScaledJob): Promise<Pick<NonNullable<ScaledJob['status']>, 'lastActiveTime'> & { conditions: KedaCondition[] }> {
    if (isMarked(object.metadata.annotations, PAUSED)) return { conditions: [ready, inactive, { type: 'Paused', status: 'True', reason: 'ScaledJobPaused', message: 'ScaledJob is paused' }] };
    checkTriggers(object);
    const sources = await sourcesOf(object);
    await sources.read(signal);
    await jobs.ready();
    const all = jobsOf(object);
    for (const { metadata } of all) started.delete(metadata.uid ?? '');
    const running = await dropOld(object, all.filter((job) => endOf(job) === undefined && job.metadata.deletionTimestamp === undefined));
    await clear(object, all.filter((job) => endOf(job) !== undefined));
    const readable = sources.all.filter(({ failures }) => failures === 0);
    const count = jobsToStart(object.spec, { sources: readable.map(({ reading, target }) => ({ value: reading?.value ?? 0, active: reading?.active ?? false, target })), running: running.length + started.size, pending: running.filter((job) => isPending(podsOf(job), object.spec.scalingStrategy?.pendingPodConditions)).length + started.size });
    for (let made = 0; made < count; made += 1) await start(object);
    if (count > 0) events.event(object, 'Normal', 'KEDAJobsCreated', `Created ${count} jobs`);
    const failing = sources.all.filter(({ failures }) => failures > 0);
    const active = readable.some(({ reading }) => reading?.active === true);
    return {
      ...(active ? { lastActiveTime: rfc3339(clock.nowMs()) } : {}),
      conditions: [
        failing.length === 0 ? ready : { type: 'Ready', ...(failing.length === sources.all.length ? { status: 'False', reason: 'TriggerError' } : { status: 'Unknown', reason: 'PartialTriggerError' }), message: failing.map(({ name, error }) => `${name}: ${error}`).join('; ') },
        active ? { type: 'Active', status: 'True', reason: 'ScalerActive', message: 'Scaling is performed because triggers are active' } : inactive,
        { type: 'Paused', status: 'False', reason: 'ScaledJobUnpaused', message: 'ScaledJob is unpaused' },
      ],
    };
  }

  return {
    close: () => opened?.sources.close(),
    async turn(object) {
      let said: Awaited<ReturnType<typeof work>>;
      try {
        said = await work(object);
      } catch (error) {
        const { message } = error as Error;
        events.event(object, 'Warning', 'ScaledJobCheckFailed', message);
        said = { conditions: [{ type: 'Ready', status: 'False', reason: 'ScaledJobCheckFailed', message }] };
      }
      const readyOf = (all: readonly KedaCondition[] | undefined): KedaCondition | undefined => all?.find(({ type }) => type === 'Ready');
      const [before, now] = [readyOf(object.status?.conditions), readyOf(said.conditions)];
      if (now?.status === 'True' && before?.status !== 'True') events.event(object, 'Normal', 'ScaledJobReady', 'ScaledJob is ready for scaling');
      else if (now?.reason?.endsWith('TriggerError') === true && before?.message !== now.message) events.event(object, 'Warning', 'KEDAScalerFailed', now.message ?? '');
      const status = { ...object.status, ...said, conditions: said.conditions.reduce<KedaCondition[]>((all, condition) => withCondition(all, condition, rfc3339(clock.nowMs())), object.status?.conditions ?? []) };
      if (isDeepStrictEqual(status, object.status)) return;
      await client.update(ScaledJob, { ...object, status }, { subresource: 'status' }).catch((error: unknown) => {
        if (!isApiError(error, 'Conflict', 'NotFound')) throw error;
      });
    },
  };
}

const ready: KedaCondition = { type: 'Ready', status: 'True', reason: 'ScaledJobReady', message: 'ScaledJob is defined correctly and is ready to scaling' };
const inactive: KedaCondition = { type: 'Active', status: 'False', reason: 'ScalerNotActive', message: 'Scaling is not performed because triggers are not active' };

/** Jobs have no autoscaler that could read these. Throws Error, in upstream's words. */
function checkTriggers({ spec }: ScaledJob): void {
  const resource = spec.triggers.find(({ type }) => isResource(type));
  if (resource !== undefined) throw new Error(`the trigger ${resource.type} is for ScaledObjects only: a ScaledJob has no autoscaler that could read it`);
  if (spec.triggers.some(({ metricType = '' }) => metricType !== '')) throw new Error('Cannot set metricType in ScaledJob triggers');
}

function endOf({ status }: Job): { type: string; lastTransitionTime?: string } | undefined {
  return status?.conditions?.find(({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True');
}
