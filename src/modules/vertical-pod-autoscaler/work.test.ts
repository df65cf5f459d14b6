import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deployment } from '../../api/apps/deployment.ts';
import { VerticalPodAutoscaler as VerticalPodAutoscalerKind, type VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { Pod as PodKind } from '../../api/core/pod.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/meta.ts';
import { PodMetrics } from '../../api/metrics/metrics.ts';
import { silentLog } from '../../base/log.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { work } from './work.ts';

test('while what pods use cannot be had, what was recommended stays, and the condition says so', async () => {
  const ended = new AbortController();
  let vpa = { metadata: { name: 'v', namespace: 'default', uid: 'v', generation: 3, creationTimestamp: '2026-11-01T00:00:00Z' }, spec: { targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, updatePolicy: { updateMode: 'Off' } } } as VerticalPodAutoscaler;
  const pod = { metadata: { name: 'web-1', namespace: 'default', uid: 'p', labels: { app: 'web' } }, spec: { containers: [{ name: 'main' }] }, status: { phase: 'Running' } } as unknown as Pod;
  const metrics = { metadata: { name: 'web-1', namespace: 'default' }, timestamp: '2026-11-01T00:00:00Z', window: '60s', containers: [{ name: 'main', usage: { cpu: '100m', memory: '64Mi' } }] };
  let fails = true;
  const said: string[] = [];
  /** What each round has, after which the next sees the source otherwise. */
  const rounds = [false, true, false];
  const lists = new Map<unknown, () => readonly KubeObject[]>([[VerticalPodAutoscalerKind, () => [vpa]], [PodKind, () => [pod]]]);
  const context = {
    config: {}, log: silentLog, signal: ended.signal, events: { event: () => {} }, kinds: { find: () => Deployment },
    clock: {
      nowMs: () => Date.parse('2026-11-01T01:00:00Z') + said.length * 60_000,
      sleep: async () => {
        const { status, reason, message } = vpa.status?.conditions?.find(({ type }) => type === 'RecommendationProvided') ?? {};
        said.push(`${status} ${reason}: ${message} ${vpa.status?.observedGeneration} ${Object.keys(vpa.status?.recommendation?.containerRecommendations?.[0]?.target ?? {}).join()}`);
        const next = rounds.shift();
        if (next === undefined) ended.abort();
        else fails = next;
      },
    },
    caches: { of: (kind: unknown) => ({ ready: async () => {}, list: () => lists.get(kind)?.() ?? [], get: () => undefined, subscribe: () => () => {} }) },
    client: {
      list: async (kind: unknown) => (kind === PodMetrics && fails ? Promise.reject(new Error('the server is currently unable to handle the request')) : { items: kind === PodMetrics ? [metrics] : [] }),
      get: async () => ({ metadata: { name: 'web' }, spec: { selector: { matchLabels: { app: 'web' } } } }),
      update: async (_: unknown, object: VerticalPodAutoscaler) => (vpa = object),
    },
  } as unknown as ModuleContext;
  await work(context);
  const away = '; now it cannot be had: the server is currently unable to handle the request';
  const recommended = 'True Recommended: what the containers used has been measured';
  assert.deepEqual(said, [`False NoRecommendation: nothing has been measured yet${away} 3 `, `${recommended} 3 cpu,memory`, `${recommended}${away} 3 cpu,memory`, `${recommended} 3 cpu,memory`]);
});
