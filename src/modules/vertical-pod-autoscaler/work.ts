/** Once a minute: samples of what containers use, recommendations from them, checkpoints, and changes of pods. */
import { isDeepStrictEqual } from 'node:util';
import { VerticalPodAutoscaler, VerticalPodAutoscalerCheckpoint, type ContainerResourcePolicy, type RecommendedContainerResources, type UpdateMode } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { withCondition } from '../../api/conditions.ts';
import { LimitRange } from '../../api/core/limit-range.ts';
import { Pod as PodKind } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Kind } from '../../api/kind.ts';
import { PodMetrics } from '../../api/metrics/metrics.ts';
import { controllerOf, controllerReference } from '../../api/owner.ts';
import { parseQuantity, quantityMillis, quantityValue } from '../../api/quantity.ts';
import type { LabelMatcher } from '../../api/selector.ts';
import { rfc3339 } from '../../base/clock.ts';
import { keyOf, type ModuleContext } from '../../sdk/index.ts';
import { initialResources } from './admit.ts';
import { controlling, topmostController, type Candidate } from './controlling.ts';
import { boundsOf, type LimitBounds } from './limit-range.ts';
import { bumpOf, containerModel, type ContainerModel } from './model.ts';
import { isRecommendedElsewhere, policyFor, recommend } from './recommend.ts';
import { settingsOf } from './settings.ts';
import { boosts } from './startup-boost.ts';
import { selectorOf, TargetError } from './targets.ts';
import { keepUnboosting } from './unboost.ts';
import { updatePods } from './update.ts';

const CHECKPOINT_MS = 600_000;

interface Known {
  /** By the name of the container. */
  models: Map<string, ContainerModel>;
  /** Since when a resize of a pod is waited for, by uid. */
  asked: Map<string, number>;
  /** Ends of containers by OOM that were counted: pod, container, time. */
  ooms: Set<string>;
  savedMs: number;
}

/** A VerticalPodAutoscaler with what is recommended now, and the pods that its selector finds. */
interface Seen extends Candidate { pods: readonly Pod[] }

const modeOf = ({ spec }: VerticalPodAutoscaler): UpdateMode => spec.updatePolicy?.updateMode ?? 'Auto';
/** Whether it may change new pods. */
const isAtWork = (vpa: VerticalPodAutoscaler): boolean => modeOf(vpa) !== 'Off' || boosts(vpa);

export async function work(context: ModuleContext): Promise<void> {
  const { client, caches, clock, log, signal } = context;
  const { everySeconds, mostBoostedCpuMillis } = settingsOf(context.config);
  const known = new Map<string, Known>();
  /** Why what pods use cannot be had. */
  let blind: string | undefined;
  let candidates: ReadonlyMap<string, readonly Candidate[]> = new Map();
  const boundsIn = (namespace: string): LimitBounds => boundsOf(caches.of(LimitRange).list(namespace));
  const withdraw = context.may === undefined ? () => {} : context.admit(initialResources({ candidatesIn: (namespace) => candidatesIn(namespace).catch(() => candidates.get(namespace) ?? []), boundsIn, ...(mostBoostedCpuMillis !== undefined && { mostBoostedCpuMillis }) }));
  await Promise.all([VerticalPodAutoscaler, PodKind, LimitRange].map((kind) => caches.of(kind as Kind).ready()));
  await loadCheckpoints();
  try {
    await Promise.all([rounds(), keepUnboosting(context, { vpaOf, boundsIn })]);
  } finally {
    withdraw();
  }

  async function rounds(): Promise<void> {
    while (!signal.aborted) {
      try {
        await round();
      } catch (error) {
        if (!signal.aborted) log.warn('what containers need could not be worked out; it is tried again', { error });
      }
      await clock.sleep(everySeconds * 1_000, signal);
    }
  }

  /** Those of the last round, and those that came or changed since. */
  async function candidatesIn(namespace: string): Promise<readonly Candidate[]> {
    const seen = candidates.get(namespace) ?? [];
    const found = await Promise.all(caches.of(VerticalPodAutoscaler).list(namespace).filter(isAtWork).map(async (vpa) => {
      const same = seen.find((each) => each.vpa.metadata.uid === vpa.metadata.uid && each.vpa.metadata.generation === vpa.metadata.generation);
      return same ?? { vpa, matcher: await selectorOf(vpa, context).catch((error: unknown) => {
        if (!(error instanceof TargetError)) throw error;
        return undefined;
      }) };
    }));
    return found.filter((each): each is Candidate => each.matcher !== undefined);
  }

  async function vpaOf(pod: Pod): Promise<VerticalPodAutoscaler | undefined> {
    return controlling(pod.metadata.labels, await topmostController(pod, context), await candidatesIn(pod.metadata.namespace ?? ''))?.vpa;
  }

  function knownOf(key: string): Known {
    const found = known.get(key) ?? { models: new Map<string, ContainerModel>(), asked: new Map<string, number>(), ooms: new Set<string>(), savedMs: clock.nowMs() };
    known.set(key, found);
    return found;
  }

  async function loadCheckpoints(): Promise<void> {
    for (const { metadata, spec, status } of (await client.list(VerticalPodAutoscalerCheckpoint)).items) {
      const { vpaObjectName, containerName } = spec ?? {};
      if (vpaObjectName === undefined || containerName === undefined) continue;
      try {
        knownOf(`${metadata.namespace}/${vpaObjectName}`).models.set(containerName, containerModel(status));
      } catch (error) {
        log.warn('a checkpoint makes no sense, and is left out', { checkpoint: keyOf({ metadata }), error });
      }
    }
  }

  async function round(): Promise<void> {
    const all = caches.of(VerticalPodAutoscaler).list();
    const keys = new Set(all.map(keyOf));
    for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
    const used = await measured();
    const seen: Seen[] = [];
    const tried = <T>(vpa: VerticalPodAutoscaler, step: Promise<T>): Promise<T | undefined> => step.catch((error: unknown) => {
      log.warn('a VerticalPodAutoscaler could not be looked at', { vpa: keyOf(vpa), error: (error as Error).message });
      return undefined;
    });
    for (const vpa of all) {
      if (signal.aborted) return;
      const found = await tried(vpa, look(vpa, used));
      if (found !== undefined) seen.push(found);
    }
    candidates = Map.groupBy(seen.filter(({ vpa }) => isAtWork(vpa)), ({ vpa }) => vpa.metadata.namespace ?? '');
    const tops = new Map<string, ReturnType<typeof topmostController>>();
    for (const { vpa, pods } of seen) {
      if (signal.aborted) return;
      await tried(vpa, update(vpa, pods, tops));
    }
  }

  /** What pods use now; nothing while that cannot be had: what was recommended stays, and the conditions say so. */
  async function measured(): Promise<Map<string, PodMetrics>> {
    try {
      const { items } = await client.list(PodMetrics);
      blind = undefined;
      return new Map(items.map((each) => [keyOf(each), each]));
    } catch (error) {
      const { message } = error as Error;
      if (blind !== message) log.warn('what pods use cannot be had; recommendations stay as they are', { error: message });
      blind = message;
      return new Map();
    }
  }

  /** What is recommended now, and for whom; undefined where the target makes no sense. */
  async function look(vpa: VerticalPodAutoscaler, used: ReadonlyMap<string, PodMetrics>): Promise<Seen | undefined> {
    let matcher: LabelMatcher;
    try {
      matcher = await selectorOf(vpa, context);
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      await write(vpa, vpa.status?.recommendation?.containerRecommendations ?? [], { matched: false, unsupported: error.message });
      return undefined;
    }
    const foreign = isRecommendedElsewhere(vpa.spec);
    const state = knownOf(keyOf(vpa));
    const matched = caches.of(PodKind).list(vpa.metadata.namespace).filter(({ metadata }) => matcher.matches(metadata.labels));
    const pods = matched.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
    const policies = vpa.spec.resourcePolicy?.containerPolicies ?? [];
    if (!foreign) for (const pod of pods) sample(pod, used.get(keyOf(pod)), { ...state, policies });
    const present = new Set(pods.flatMap(({ spec }) => spec?.containers.map(({ name }) => name) ?? []));
    const names = (present.size > 0 ? [...present] : [...state.models.keys()]).filter((name) => policyFor(policies, name)?.mode !== 'Off' && (state.models.get(name)?.samples() ?? 0) > 0).toSorted((one, other) => (one < other ? -1 : 1));
    const shown = foreign ? (vpa.status?.recommendation?.containerRecommendations ?? []) : names.flatMap((name) => recommend(state.models.get(name)!, { name, containers: names.length, policies }) ?? []);
    if (!foreign) {
      await write(vpa, shown, { matched: matched.some(({ status }) => status?.phase !== 'Pending') });
      if (clock.nowMs() - state.savedMs >= CHECKPOINT_MS || state.savedMs === 0) await save(vpa, state);
    }
    return { vpa: { ...vpa, status: { ...vpa.status, recommendation: { containerRecommendations: shown } } }, matcher, pods };
  }

  /** `tops` keeps, by controller, the topmost of a round. */
  async function update(vpa: VerticalPodAutoscaler, pods: readonly Pod[], tops: Map<string, ReturnType<typeof topmostController>>): Promise<void> {
    const near = (candidates.get(vpa.metadata.namespace ?? '') ?? []).filter(({ vpa: each }) => modeOf(each) !== 'Initial' || boosts(each));
    if (!near.some((each) => each.vpa === vpa)) return;
    const own: Pod[] = [];
    for (const pod of pods) {
      const key = controllerOf(pod)?.uid ?? '';
      const top = tops.get(key) ?? topmostController(pod, context);
      tops.set(key, top);
      if (controlling(pod.metadata.labels, await top, near)?.vpa === vpa) own.push(pod);
    }
    await updatePods(vpa, own, { asked: knownOf(keyOf(vpa)).asked, bounds: boundsIn(vpa.metadata.namespace ?? '') }, context);
  }

  function sample(pod: Pod, metrics: PodMetrics | undefined, { models, ooms, policies }: Known & { policies: readonly ContainerResourcePolicy[] }): void {
    const atMs = clock.nowMs();
    const modelOf = (name: string): ContainerModel => {
      const model = models.get(name) ?? containerModel();
      models.set(name, model);
      return model;
    };
    for (const { name, usage } of metrics?.containers ?? []) {
      const requested = pod.spec?.containers.find((each) => each.name === name)?.resources?.requests?.['cpu'];
      modelOf(name).add(pod.metadata.uid ?? '', { atMs, cpuCores: Number(parseQuantity(usage['cpu'] ?? '0').nano) / 1e9, memoryBytes: quantityValue(usage['memory'] ?? '0'), ...(requested === undefined ? {} : { requestedCores: quantityMillis(requested) / 1_000 }) });
    }
    for (const { name, lastState, state } of pod.status?.containerStatuses ?? []) {
      const end = [state?.terminated, lastState?.terminated].find((each) => each?.reason === 'OOMKilled');
      const mark = `${pod.metadata.uid} ${name} ${end?.finishedAt}`;
      if (end === undefined || ooms.has(mark)) continue;
      ooms.add(mark);
      const resources = pod.spec?.containers.find((each) => each.name === name)?.resources;
      modelOf(name).ranOutOfMemory(pod.metadata.uid ?? '', quantityValue(resources?.limits?.['memory'] ?? resources?.requests?.['memory'] ?? '0'), Date.parse(end.finishedAt ?? '') || atMs, bumpOf(policyFor(policies, name)));
    }
  }

  async function write(vpa: VerticalPodAutoscaler, containerRecommendations: RecommendedContainerResources[], { matched, unsupported }: { matched: boolean; unsupported?: string }): Promise<void> {
    const provided = containerRecommendations.length > 0;
    const lately = blind === undefined ? '' : `; now it cannot be had: ${blind}`;
    const none = { reason: 'NoPodsMatched', message: 'No pods match this VPA object' };
    const said = [
      ...(unsupported === undefined ? [] : [{ type: 'ConfigUnsupported', status: 'True', reason: 'ConfigUnsupported', message: unsupported }]),
      ...(matched ? [] : [{ type: 'NoPodsMatched', status: 'True', ...none }]),
      { type: 'RecommendationProvided', status: provided ? 'True' : 'False', ...(provided ? { reason: 'Recommended', message: `what the containers used has been measured${lately}` } : matched ? { reason: 'NoRecommendation', message: `nothing has been measured yet${lately}` } : none) },
    ];
    const past = vpa.status?.conditions ?? [];
    const now = rfc3339(clock.nowMs());
    const conditions = said.map((each) => withCondition(past.filter(({ type }) => type === each.type), each, now)[0]!);
    const status = { ...(vpa.metadata.generation !== undefined && { observedGeneration: vpa.metadata.generation }), ...(provided ? { recommendation: { containerRecommendations } } : {}), conditions };
    if (isDeepStrictEqual(status, vpa.status)) return;
    await client.update(VerticalPodAutoscaler, { ...vpa, status }, { subresource: 'status' }).catch((error: unknown) => {
      if (!isApiError(error, 'Conflict', 'NotFound')) throw error;
    });
  }

  async function save(vpa: VerticalPodAutoscaler, state: Known): Promise<void> {
    state.savedMs = clock.nowMs();
    for (const [container, model] of state.models) {
      const { namespace, name = '' } = vpa.metadata;
      const object = { metadata: { name: `${name}-${container}`, namespace, ownerReferences: [{ ...controllerReference(VerticalPodAutoscaler, vpa), controller: false }] }, spec: { vpaObjectName: name, containerName: container } } as VerticalPodAutoscalerCheckpoint;
      const stored = await client.apply(VerticalPodAutoscalerCheckpoint, object, { force: true });
      await client.update(VerticalPodAutoscalerCheckpoint, { ...stored, status: model.checkpoint(clock.nowMs()) }, { subresource: 'status' });
    }
  }
}
