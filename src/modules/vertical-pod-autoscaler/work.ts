/** Once a minute: samples of what containers use, recommendations from them, checkpoints, and changes of pods. */
import { isDeepStrictEqual } from 'node:util';
import { VerticalPodAutoscaler, VerticalPodAutoscalerCheckpoint, type RecommendedContainerResources } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { withCondition } from '../../api/conditions.ts';
import { LimitRange } from '../../api/core/limit-range.ts';
import { Pod as PodKind } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Kind } from '../../api/kind.ts';
import { PodMetrics } from '../../api/metrics/metrics.ts';
import { controllerReference } from '../../api/owner.ts';
import { parseQuantity, quantityMillis, quantityValue } from '../../api/quantity.ts';
import type { LabelMatcher } from '../../api/selector.ts';
import { rfc3339 } from '../../base/clock.ts';
import { keyOf, type ModuleContext } from '../../sdk/index.ts';
import { initialResources, type Initial } from './admit.ts';
import { boundsOf, type LimitBounds } from './limit-range.ts';
import { containerModel, type ContainerModel } from './model.ts';
import { isRecommendedElsewhere, recommend } from './recommend.ts';
import { settingsOf } from './settings.ts';
import { selectorOf } from './targets.ts';
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

export async function work(context: ModuleContext): Promise<void> {
  const { client, caches, clock, log, signal } = context;
  const { everySeconds } = settingsOf(context.config);
  const known = new Map<string, Known>();
  const initial: Initial[] = [];
  const boundsIn = (namespace: string): LimitBounds => boundsOf(caches.of(LimitRange).list(namespace));
  const withdraw = context.may === undefined ? () => {} : context.admit(initialResources(initial, boundsIn));
  await Promise.all([VerticalPodAutoscaler, PodKind, LimitRange].map((kind) => caches.of(kind as Kind).ready()));
  await loadCheckpoints();
  try {
    while (!signal.aborted) {
      try {
        await round();
      } catch (error) {
        if (!signal.aborted) log.warn('what containers need could not be worked out; it is tried again', { error });
      }
      await clock.sleep(everySeconds * 1_000, signal);
    }
  } finally {
    withdraw();
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
    const used = new Map((await client.list(PodMetrics)).items.map((each) => [keyOf(each), each]));
    initial.splice(0);
    for (const vpa of all) {
      if (signal.aborted) return;
      await one(vpa, used).catch((error: unknown) => {
        log.warn('a VerticalPodAutoscaler could not be looked at', { vpa: keyOf(vpa), error: (error as Error).message });
      });
    }
  }

  async function one(vpa: VerticalPodAutoscaler, used: ReadonlyMap<string, PodMetrics>): Promise<void> {
    let matcher: LabelMatcher;
    try {
      matcher = await selectorOf(vpa, context);
    } catch (error) {
      return write(vpa, vpa.status?.recommendation?.containerRecommendations ?? [], { type: 'ConfigUnsupported', message: `Cannot read targetRef. Reason: ${(error as Error).message}` });
    }
    const foreign = isRecommendedElsewhere(vpa.spec);
    const state = knownOf(keyOf(vpa));
    const pods = caches.of(PodKind).list(vpa.metadata.namespace).filter(({ metadata, status }) => matcher.matches(metadata.labels) && status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
    if (!foreign) for (const pod of pods) sample(pod, used.get(keyOf(pod)), state);
    const names = [...new Set(pods.flatMap(({ spec }) => spec?.containers.map(({ name }) => name) ?? []))];
    const policies = vpa.spec.resourcePolicy?.containerPolicies ?? [];
    const shown = foreign ? (vpa.status?.recommendation?.containerRecommendations ?? []) : (names.length > 0 ? names : [...state.models.keys()]).flatMap((name) => {
      const model = state.models.get(name);
      return model === undefined ? [] : (recommend(model, { name, containers: Math.max(1, names.length), policies }) ?? []);
    });
    if (!foreign) await write(vpa, shown, pods.length === 0 && shown.length === 0 ? { type: 'NoPodsMatched', message: 'No pods match this VPA object' } : undefined);
    const now = { ...vpa, status: { ...vpa.status, recommendation: { containerRecommendations: shown } } };
    if ((vpa.spec.updatePolicy?.updateMode ?? 'Auto') !== 'Off' && shown.length > 0) initial.push({ namespace: vpa.metadata.namespace ?? '', matcher, vpa: now });
    await updatePods(now, pods, { asked: state.asked, bounds: boundsIn(vpa.metadata.namespace ?? '') }, context);
    if (!foreign && (clock.nowMs() - state.savedMs >= CHECKPOINT_MS || state.savedMs === 0)) await save(vpa, state);
  }

  function sample(pod: Pod, metrics: PodMetrics | undefined, { models, ooms }: Known): void {
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
      modelOf(name).ranOutOfMemory(pod.metadata.uid ?? '', quantityValue(resources?.limits?.['memory'] ?? resources?.requests?.['memory'] ?? '0'), Date.parse(end.finishedAt ?? '') || atMs);
    }
  }

  async function write(vpa: VerticalPodAutoscaler, containerRecommendations: RecommendedContainerResources[], trouble: { type: 'NoPodsMatched' | 'ConfigUnsupported'; message: string } | undefined): Promise<void> {
    const provided = containerRecommendations.length > 0;
    const said = [
      { type: 'RecommendationProvided', status: provided ? 'True' : 'False', reason: provided ? 'Recommended' : 'NoRecommendation', message: provided ? 'what the containers used has been measured' : 'nothing has been measured yet' },
      ...(trouble === undefined ? [] : [{ type: trouble.type, status: 'True', reason: trouble.type, message: trouble.message }]),
    ];
    const past = (vpa.status?.conditions ?? []).filter(({ type }) => said.some((each) => each.type === type));
    const now = rfc3339(clock.nowMs());
    const conditions = said.reduce((all, each) => withCondition(all, each, now), past);
    const status = { ...(provided ? { recommendation: { containerRecommendations } } : {}), conditions };
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
