/** One ScaledObject at work: reads its triggers, keeps its autoscaler, wakes its target and lets it sleep, and says how it is. */
import { isDeepStrictEqual } from 'node:util';
import { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { isApiError } from '../../api/errors.ts';
import type { PodSpec } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/meta.ts';
import { parseApiVersion } from '../../api/meta.ts';
import { FORCED, PAUSED, PAUSED_REPLICAS, ScaledObject, TRANSFER, type ScaledObjectStatus } from '../../api/keda/scaled-object.ts';
import { isMarked, type KedaCondition } from '../../api/keda/triggers.ts';
import { withCondition } from '../../api/conditions.ts';
import { isControlledBy } from '../../api/owner.ts';
import { rfc3339 } from '../../base/clock.ts';
import { scaleTargetOf, type ScaleTarget } from '../../sdk/scale-target.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { autoscalerName, desiredAutoscaler, isResource } from './autoscaler.ts';
import { fallbackReplicas, inFallback, isNil, type Replicas } from './fallback.ts';
import { learn } from './learn.ts';
import { COMPOSITE, compositeOf, type Composite } from './composite.ts';
import { decideScale } from './scale.ts';
import { isTransferred, rivalOf } from './rivals.ts';
import type { Settings } from './settings.ts';
import { openSources, sameTriggers, type Source, type Sources, type SourcesInput } from './sources.ts';
import { LEARNED } from './triggers/calendar.ts';

export interface ScaledWorker {
  /** One turn: reads, decides, writes. Rejects only when the cluster cannot be reached. */
  turn(object: ScaledObject): Promise<void>;
  sources(): Sources | undefined;
  /** By which its autoscaler is asked. */
  metrics(): readonly Source[];
  /** Of the target, as last seen. */
  replicas(): Replicas;
  close(): void;
}

const FINALIZER = 'llmos.dev/restore-replicas';

interface WithPods extends KubeObject { spec?: { template?: { spec?: PodSpec } }; status?: { readyReplicas?: number } }

/** `wake` is called when a trigger has news, so that a turn comes before its time. */
export function scaledWorker(context: ModuleContext, settings: Settings, wake: () => void): ScaledWorker {
  const { caches, client, clock, events, kinds, signal } = context;
  let opened: { made: ScaledObject; sources: Sources } | undefined;
  let composite: Composite | undefined;
  /** Why the sources could not be made anew. */
  let amiss: string | undefined;
  let replicas = 0;
  let ready = 0;
  /** What the autoscaler is asked by: each trigger, or what the formula makes of them. */
  const metricsOf = ({ all }: Sources): readonly Source[] => (composite === undefined ? all : [composite(all)]);

  /** Made anew with the spec, and after a failure, since what it refers to may have changed. */
  async function sourcesOf(object: ScaledObject): Promise<Sources> {
    const { made, sources } = opened ?? {};
    const learned = object.metadata.annotations?.[LEARNED];
    const fresh = made !== undefined && sources !== undefined && sameTriggers(made.spec.triggers, object.spec.triggers) && isDeepStrictEqual(made.spec.scaleTargetRef, object.spec.scaleTargetRef) && made.metadata.annotations?.[LEARNED] === learned;
    if (fresh && clock.nowMs() < sources.staleMs && !sources.all.some(({ failures }) => failures > 0 && failures % 3 === 0)) return sources;
    const { namespace = '', name = '' } = object.metadata;
    const before = new Map(sources?.all.map((each) => [each.name, each]));
    const next = await openAgain(fresh, {
      triggers: object.spec.triggers, namespace, owner: name, settings, wake, podSpec: (await targetObject(object))?.spec?.template?.spec, container: object.spec.scaleTargetRef.envSourceContainerName, context, ...(learned === undefined ? {} : { more: { calendar: { learned } } }),
    });
    if (next === undefined) return sources!;
    // A source that fails goes on failing until it is read: its count is not begun anew.
    for (const source of next.all) Object.assign(source, fresh ? { failures: before.get(source.name)?.failures ?? 0, reading: before.get(source.name)?.reading } : {});
    sources?.close();
    opened = { made: object, sources: next };
    return next;
  }

  /** Where those that there are cannot be replaced now, as when a scaler of the user's own is away, they stay: they count their failures, and the fallback stands in. */
  async function openAgain(isSame: boolean, input: SourcesInput): Promise<Sources | undefined> {
    amiss = undefined;
    try {
      return await openSources(input);
    } catch (error) {
      if (!isSame) throw error;
      amiss = (error as Error).message;
      return undefined;
    }
  }

  async function targetObject({ metadata, spec: { scaleTargetRef } }: ScaledObject): Promise<WithPods | undefined> {
    const kind = kinds.find(parseApiVersion(scaleTargetRef.apiVersion ?? 'apps/v1').group, scaleTargetRef.kind ?? 'Deployment');
    return kind === undefined ? undefined : ((await client.get(kind, scaleTargetRef.name, { namespace: metadata.namespace })) as WithPods);
  }

  /** The older one stays at work. Throws Error. */
  function refuseRivals(object: ScaledObject): void {
    const { uid, namespace } = object.metadata;
    const rival = rivalOf(object, caches.of(ScaledObject).list(namespace).filter((other) => other.metadata.uid !== uid && isOlder(other, object)), caches.of(HorizontalPodAutoscaler).list(namespace));
    if (rival !== undefined) throw new Error(rival);
  }

  async function keepAutoscaler(object: ScaledObject, sources: Sources): Promise<void> {
    const wanted = desiredAutoscaler(object, metricsOf(sources));
    const name = autoscalerName(object);
    const before = object.status?.hpaName;
    if (before !== undefined && before !== name) await dropAutoscaler(object, before);
    const there = await client.get(HorizontalPodAutoscaler, name, { namespace: object.metadata.namespace }).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
      return undefined;
    });
    if (there !== undefined && !isControlledBy(there, object) && !isTransferred(object, name)) throw new Error(`the HorizontalPodAutoscaler ${name} is there already and is not this object's: remove it, name another in advanced.horizontalPodAutoscalerConfig, or annotate this object with ${TRANSFER}=true and name it there`);
    await client.apply(HorizontalPodAutoscaler, wanted, { force: true });
  }

  async function dropAutoscaler(object: ScaledObject, name: string): Promise<void> {
    await client.delete(HorizontalPodAutoscaler, name, { namespace: object.metadata.namespace }).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
    });
  }

  async function work(object: ScaledObject): Promise<ScaledObjectStatus> {
    const { metadata, spec, status = {} } = object;
    const reference = { apiVersion: spec.scaleTargetRef.apiVersion ?? 'apps/v1', kind: spec.scaleTargetRef.kind ?? 'Deployment', name: spec.scaleTargetRef.name };
    composite = compositeOf(spec);
    refuseRivals(object);
    const target: ScaleTarget = await scaleTargetOf(reference, metadata.namespace ?? '', context);
    replicas = target.replicas;
    const sources = await sourcesOf(object);
    const pausedAt = metadata.annotations?.[PAUSED_REPLICAS];
    if (pausedAt !== undefined && !/^\d+$/.test(pausedAt)) throw new Error(`the annotation ${PAUSED_REPLICAS} must be a whole number of replicas, not ${JSON.stringify(pausedAt)}`);
    const paused = pausedAt !== undefined || isMarked(metadata.annotations, PAUSED);
    if (paused) await dropAutoscaler(object, autoscalerName(object));
    else {
      await sources.read(signal);
      if (metricsOf(sources).some((source) => source.type === 'Value' && inFallback(source, spec.fallback))) ready = (await targetObject(object))?.status?.readyReplicas ?? 0;
      await keepAutoscaler(object, sources);
    }
    const resourceOnly = spec.triggers.every(({ type }) => isResource(type));
    const active = !paused && (resourceOnly || isMarked(metadata.annotations, FORCED) || metricsOf(sources).some((source) => isActive(source, spec.fallback, replicas)));
    const nowMs = clock.nowMs();
    if (!paused || pausedAt !== undefined) {
      const decided = decideScale(object, { replicas, active, complete: metricsOf(sources).every(({ failures, ...each }) => failures === 0 || inFallback({ failures, ...each }, spec.fallback)), nowMs });
      if (decided !== undefined) {
        await target.set(decided.replicas);
        events.event(object, 'Normal', decided.replicas > replicas ? 'KEDAScaleTargetActivated' : 'KEDAScaleTargetDeactivated', `Scaled ${reference.kind} ${metadata.namespace}/${reference.name} from ${replicas} to ${decided.replicas}: ${decided.reason}`);
        replicas = decided.replicas;
      }
    }
    await learn(object, replicas, context);
    const { group, version } = parseApiVersion(reference.apiVersion);
    return {
      ...status, scaleTargetKind: `${reference.apiVersion}.${reference.kind}`, scaleTargetGVKR: { group, version, kind: reference.kind, resource: kinds.find(group, reference.kind)?.plural ?? '' }, originalReplicaCount: status.originalReplicaCount ?? target.replicas,
      ...(active ? { lastActiveTime: rfc3339(nowMs) } : {}), externalMetricNames: sources.all.map(({ name }) => name), compositeScalerName: composite === undefined ? undefined : COMPOSITE, resourceMetricNames: spec.triggers.map(({ type }) => type).filter(isResource), hpaName: paused ? undefined : autoscalerName(object),
      health: Object.fromEntries(sources.all.map(({ name, failures }) => [name, { numberOfFailures: failures, status: failures === 0 ? 'Happy' : 'Failing' }])), triggersTypes: [...new Set(spec.triggers.map(({ type }) => type))].join(','),
      authenticationsTypes: [...new Set(spec.triggers.map(({ authenticationRef }) => authenticationRef?.name).filter((name) => name !== undefined))].join(','), pausedReplicaCount: pausedAt === undefined ? undefined : Number(pausedAt),
      conditions: conditionsOf(object, sources, { active, paused, resourceOnly }),
    };
  }

  function conditionsOf({ status, spec }: ScaledObject, sources: Sources, { active, paused, resourceOnly }: { active: boolean; paused: boolean; resourceOnly: boolean }): KedaCondition[] {
    const [all, metrics] = [sources.all, metricsOf(sources)];
    const failing = all.some(({ failures }) => failures > 0) ? all.filter(({ failures }) => failures > 0) : metrics.filter(({ failures }) => failures > 0);
    const fallen = metrics.some((source) => inFallback(source, spec.fallback)) || (composite !== undefined && all.some((source) => isNil(source, spec.fallback)));
    const why = [...failing.map(({ name, error }) => `${name}: ${error}`), ...(amiss === undefined ? [] : [amiss])].join('; ');
    const now = rfc3339(clock.nowMs());
    return ([
      failing.length === 0 || paused ? { type: 'Ready', status: 'True', reason: 'ScaledObjectReady', message: 'ScaledObject is defined correctly and is ready for scaling' }
        : metrics.every(({ failures }) => failures > 0) && !resourceOnly ? { type: 'Ready', status: 'False', reason: 'TriggerError', message: `Triggers defined in ScaledObject are not working correctly; capacity is held. ${why}` }
          : { type: 'Ready', status: 'Unknown', reason: 'PartialTriggerError', message: `Some triggers defined in ScaledObject are not working correctly. ${why}` },
      active ? { type: 'Active', status: 'True', reason: 'ScalerActive', message: 'Scaling is performed because triggers are active' } : { type: 'Active', status: failing.length > 0 && !paused ? 'Unknown' : 'False', reason: paused ? 'ScalerPaused' : failing.length > 0 ? 'TriggerError' : 'ScalerNotActive', message: 'Scaling is not performed because triggers are not active' },
      spec.fallback === undefined ? { type: 'Fallback', status: 'False', reason: 'NoFallbackFound', message: 'No fallbacks are defined' } : fallen ? { type: 'Fallback', status: 'True', reason: 'FallbackExists', message: 'At least one trigger is falling back on this scaled object' } : { type: 'Fallback', status: 'False', reason: 'NoFallbackFound', message: 'No fallbacks are active on this scaled object' },
      paused ? { type: 'Paused', status: 'True', reason: 'ScaledObjectPaused', message: 'ScaledObject is paused' } : { type: 'Paused', status: 'False', reason: 'ScaledObjectUnpaused', message: 'pause annotation removed for ScaledObject' },
    ] as KedaCondition[]).reduce<KedaCondition[]>((others, condition) => withCondition(others, condition, now), status?.conditions ?? []);
  }

  /** Who asks for it gets back the replicas from before, when the ScaledObject goes. */
  async function restore(object: ScaledObject): Promise<void> {
    const { metadata, spec: { scaleTargetRef, advanced }, status } = object;
    if (!metadata.finalizers?.includes(FINALIZER)) return;
    await dropAutoscaler(object, status?.hpaName ?? autoscalerName(object));
    if (advanced?.restoreToOriginalReplicaCount === true && status?.originalReplicaCount !== undefined) {
      const target = await scaleTargetOf({ apiVersion: scaleTargetRef.apiVersion ?? 'apps/v1', kind: scaleTargetRef.kind ?? 'Deployment', name: scaleTargetRef.name }, metadata.namespace ?? '', context).catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
        return undefined;
      });
      if (target !== undefined && target.replicas !== status.originalReplicaCount) await target.set(status.originalReplicaCount);
    }
    await setFinalizers(object, metadata.finalizers.filter((each) => each !== FINALIZER));
  }

  async function setFinalizers(object: ScaledObject, finalizers: string[]): Promise<void> {
    await client.update(ScaledObject, { ...object, metadata: { ...object.metadata, finalizers } }).catch((error: unknown) => {
      // It changed or went meanwhile: the next turn sees it as it is.
      if (!isApiError(error, 'Conflict', 'NotFound')) throw error;
    });
  }

  /** What has become of it since the last turn. */
  function tell(object: ScaledObject, { conditions = [] }: ScaledObjectStatus): void {
    const readyOf = (all: readonly KedaCondition[] | undefined): KedaCondition | undefined => all?.find(({ type }) => type === 'Ready');
    const [before, now] = [readyOf(object.status?.conditions), readyOf(conditions)];
    if (now?.status === 'True' && before?.status !== 'True') {
      if (before === undefined) events.event(object, 'Normal', 'KEDAScalersStarted', 'Started scalers watch');
      events.event(object, 'Normal', 'ScaledObjectReady', 'ScaledObject is ready for scaling');
    } else if (now?.reason?.endsWith('TriggerError') === true && before?.message !== now.message) events.event(object, 'Warning', 'KEDAScalerFailed', now.message ?? '');
  }

  return {
    sources: () => opened?.sources,
    metrics: () => (opened === undefined ? [] : metricsOf(opened.sources)),
    replicas: () => ({ replicas, ready }),
    close: () => opened?.sources.close(),
    async turn(object) {
      const { finalizers = [], deletionTimestamp } = object.metadata;
      if (deletionTimestamp !== undefined) return restore(object);
      if (object.spec.advanced?.restoreToOriginalReplicaCount === true && !finalizers.includes(FINALIZER)) return setFinalizers(object, [...finalizers, FINALIZER]);
      let next: ScaledObjectStatus;
      try {
        next = await work(object);
      } catch (error) {
        const { message } = error as Error;
        events.event(object, 'Warning', 'ScaledObjectCheckFailed', message);
        const unknown = ['Fallback', 'Paused'].filter((type) => !object.status?.conditions?.some((each) => each.type === type)).map((type): KedaCondition => ({ type, status: 'Unknown' }));
        const failed: KedaCondition[] = [{ type: 'Ready', status: 'False', reason: 'ScaledObjectCheckFailed', message }, { type: 'Active', status: 'Unknown', reason: 'UnknownState', message: 'ScaledObject is not ready' }, ...unknown];
        next = { ...object.status, conditions: failed.reduce<KedaCondition[]>((all, condition) => withCondition(all, condition, rfc3339(clock.nowMs())), object.status?.conditions ?? []) };
      }
      tell(object, next);
      const status = JSON.parse(JSON.stringify(next)) as ScaledObjectStatus;
      if (isDeepStrictEqual(status, object.status)) return;
      try {
        await client.update(ScaledObject, { ...object, status }, { subresource: 'status' });
      } catch (error) {
        // It changed or went meanwhile: the next turn sees it as it is.
        if (!isApiError(error, 'Conflict', 'NotFound')) throw error;
      }
    },
  };
}

/** Whoever has an autoscaler goes first; times are of whole seconds. */
function isOlder(one: ScaledObject, other: ScaledObject): boolean {
  const [left, right] = [one, other].map(({ metadata, status }) => `${status?.hpaName === undefined ? 1 : 0} ${metadata.creationTimestamp} ${metadata.name}`) as [string, string];
  return left < right;
}

/** What falls back is as active as the replicas that were agreed on. */
function isActive(source: Source, fallback: ScaledObject['spec']['fallback'], replicas: number): boolean {
  return inFallback(source, fallback) ? fallbackReplicas(fallback!, replicas) > 0 : source.failures === 0 && source.reading?.active === true;
}
