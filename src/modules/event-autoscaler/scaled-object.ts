/** One ScaledObject at work: reads its triggers, keeps its autoscaler, wakes its target and lets it sleep, and says how it is. */
import { isDeepStrictEqual } from 'node:util';
import { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { isApiError } from '../../api/errors.ts';
import type { PodSpec } from '../../api/generated/core-v1.ts';
import { FORCED, PAUSED, PAUSED_REPLICAS, PAUSED_SCALE_IN, PAUSED_SCALE_OUT, ScaledObject, type ScaledObjectStatus } from '../../api/keda/scaled-object.ts';
import { isMarked, type KedaCondition } from '../../api/keda/triggers.ts';
import { parseApiVersion, type KubeObject } from '../../api/meta.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { scaleTargetOf, type ScaleTarget } from '../../sdk/scale-target.ts';
import { autoscalerName, isResource } from './autoscaler.ts';
import { compositeOf, type Composite } from './composite.ts';
import { fallbackReplicas, inFallback, type Replicas } from './fallback.ts';
import { dropAutoscaler, keepAutoscaler } from './keep-autoscaler.ts';
import { learn } from './learn.ts';
import { holdForRestore, restore } from './restore-replicas.ts';
import { rivalOf } from './rivals.ts';
import { decideScale, isCoolingDown } from './scale.ts';
import { objectSources } from './scaled-object-sources.ts';
import { failedStatus, statusOf } from './scaled-object-status.ts';
import type { Settings } from './settings.ts';
import type { Source, Sources } from './sources.ts';

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

interface WithPods extends KubeObject { spec?: { template?: { spec?: PodSpec } }; status?: { readyReplicas?: number } }

/** `wake` is called when a trigger has news, so that a turn comes before its time. */
export function scaledWorker(context: ModuleContext, settings: Settings, wake: () => void): ScaledWorker {
  const { caches, client, clock, events, kinds, signal } = context;
  const opened = objectSources(context, { settings, wake, podSpecOf: async (object) => (await targetObject(object))?.spec?.template?.spec });
  let composite: Composite | undefined;
  let replicas = 0;
  let ready = 0;
  /** What the autoscaler is asked by: each trigger, or what the formula makes of them. */
  const metricsOf = ({ all }: Sources): readonly Source[] => (composite === undefined ? all : [composite(all)]);

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

  async function work(object: ScaledObject): Promise<ScaledObjectStatus> {
    const { metadata, spec } = object;
    const reference = { apiVersion: spec.scaleTargetRef.apiVersion ?? 'apps/v1', kind: spec.scaleTargetRef.kind ?? 'Deployment', name: spec.scaleTargetRef.name };
    composite = compositeOf(spec);
    refuseRivals(object);
    const target: ScaleTarget = await scaleTargetOf(reference, metadata.namespace ?? '', context);
    replicas = target.replicas;
    const sources = await opened.of(object);
    const pausedAt = metadata.annotations?.[PAUSED_REPLICAS];
    if (pausedAt !== undefined && !/^\d+$/.test(pausedAt)) throw new Error(`the annotation ${PAUSED_REPLICAS} must be a whole number of replicas, not ${JSON.stringify(pausedAt)}`);
    const paused = pausedAt !== undefined || isMarked(metadata.annotations, PAUSED);
    if (paused) await dropAutoscaler(object, autoscalerName(object), client);
    else {
      await sources.read(signal);
      if (metricsOf(sources).some((source) => source.type === 'Value' && inFallback(source, spec.fallback))) ready = (await targetObject(object))?.status?.readyReplicas ?? 0;
      await keepAutoscaler(object, metricsOf(sources), client);
    }
    const resourceOnly = spec.triggers.every(({ type }) => isResource(type));
    const forced = isMarked(metadata.annotations, FORCED);
    const active = !paused && (resourceOnly || forced || metricsOf(sources).some((source) => isActive(source, spec.fallback, replicas)));
    const nowMs = clock.nowMs();
    const situation = { replicas, active, complete: metricsOf(sources).every(({ failures, ...each }) => failures === 0 || inFallback({ failures, ...each }, spec.fallback)), nowMs };
    const cooling = !paused && isCoolingDown(object, situation);
    if (!paused || pausedAt !== undefined) {
      const decided = decideScale(object, situation);
      if (decided !== undefined) {
        await setReplicas(object, target, decided.replicas, pausedAt !== undefined ? decided.reason : forced ? 'caused by forced activation annotation' : active ? `triggered by ${metricsOf(sources).filter((source) => isActive(source, spec.fallback, replicas)).map(({ name }) => name).join(';')}` : decided.reason);
        replicas = decided.replicas;
      }
    }
    await learn(object, replicas, context);
    const plural = kinds.find(parseApiVersion(reference.apiVersion).group, reference.kind)?.plural ?? '';
    const scaling = paused ? undefined : caches.of(HorizontalPodAutoscaler).get(`${metadata.namespace}/${autoscalerName(object)}`)?.status?.conditions?.find(({ type }) => type === 'ScalingActive');
    const standing = { all: sources.all, metrics: metricsOf(sources), isComposite: composite !== undefined, amiss: opened.amiss(), active, paused, partlyPaused: paused || [PAUSED_SCALE_IN, PAUSED_SCALE_OUT].some((each) => isMarked(metadata.annotations, each)), forced, cooling, pausedReplicas: pausedAt === undefined ? undefined : Number(pausedAt), scaling, resourceOnly };
    return statusOf(object, standing, { ...reference, plural, replicas: target.replicas }, nowMs);
  }

  /** And tells, in upstream's words. */
  async function setReplicas(object: ScaledObject, target: ScaleTarget, wanted: number, why: string): Promise<void> {
    const { metadata, spec: { scaleTargetRef: { apiVersion = 'apps/v1', kind = 'Deployment', name } } } = object;
    const rises = wanted > target.replicas;
    const what = `${apiVersion}.${kind} ${metadata.namespace}/${name} from ${target.replicas} to ${wanted}`;
    try {
      await target.set(wanted);
    } catch (error) {
      events.event(object, 'Warning', rises ? 'KEDAScaleTargetActivationFailed' : 'KEDAScaleTargetDeactivationFailed', `Failed to ${rises ? 'scale' : 'deactivate'} ${what}`);
      throw error;
    }
    events.event(object, 'Normal', rises ? 'KEDAScaleTargetActivated' : 'KEDAScaleTargetDeactivated', `${rises ? 'Scaled' : 'Deactivated'} ${what}, ${why}`);
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
    sources: () => opened.current(),
    metrics() {
      const sources = opened.current();
      return sources === undefined ? [] : metricsOf(sources);
    },
    replicas: () => ({ replicas, ready }),
    close: () => opened.close(),
    async turn(object) {
      if (object.metadata.deletionTimestamp !== undefined) return restore(object, context);
      if (await holdForRestore(object, client)) return;
      let next: ScaledObjectStatus;
      try {
        next = await work(object);
      } catch (error) {
        const { message } = error as Error;
        events.event(object, 'Warning', 'ScaledObjectCheckFailed', message);
        next = failedStatus(object, message, clock.nowMs());
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
