/** One look of an autoscaler at a target, in a cluster that is made up: what is set, and what its conditions, its status and its events say. The words are upstream's. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Deployment } from '../../api/apps/deployment.ts';
import { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { ApiError } from '../../api/errors.ts';
import type { MetricSpec, HorizontalPodAutoscalerSpec } from '../../api/generated/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { parseSelector } from '../../api/selector.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { reconcile, type Autoscaling } from './reconcile.ts';
import { settingsOf } from './settings.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const TIME = new Date(NOW).toISOString();

interface Cluster {
  replicas: number;
  spec?: Partial<HorizontalPodAutoscalerSpec>;
  /** What each pod uses of its cpu, in percent; undefined for a source that fails. */
  used?: number;
  /** What the metric from outside says. */
  outside?: string;
  selector?: string;
  /** How many there are in truth. */
  there?: number;
  refuses?: boolean;
  /** The scale is set, and the answer does not come back. */
  unanswered?: boolean;
  /** Somebody wrote the autoscaler since it was read. */
  changed?: boolean;
  lost?: boolean;
  labels?: Record<string, string>;
  old?: HorizontalPodAutoscaler['status'];
  others?: Readonly<Record<string, string>>;
}

/** `steps`: what was written, in order. */
interface Seen { set?: number; steps: string[]; status: NonNullable<HorizontalPodAutoscaler['status']>; events: string[]; condition(type: string): string }

const CPU: MetricSpec = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } };
const QUEUE: MetricSpec = { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } } };

async function look(cluster: Cluster, autoscaling?: Autoscaling): Promise<Seen & { autoscaling: Autoscaling }> {
  const { replicas, spec, used, outside, selector = 'app=web', there = replicas, refuses = false, unanswered = false, changed = false, lost = false, labels = { app: 'web' }, old, others = {} } = cluster;
  const events: string[] = [];
  const steps: string[] = [];
  let set: number | undefined;
  let written: HorizontalPodAutoscaler | undefined;
  let version = 1;
  const pods = Array.from({ length: there }, (_, index): Pod => ({
    metadata: { name: `p${index}`, namespace: 'default', labels }, spec: { containers: [{ name: 'main', resources: { requests: { cpu: '1' } } }] },
    status: { phase: 'Running', startTime: '2026-01-01T00:00:00Z', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:10Z' }] },
  }) as Pod);
  const client = {
    async get() {
      if (lost) throw new Error('deployments.apps "web" not found');
      return { spec: { replicas }, status: { replicas: there, selector } };
    },
    async patch(_kind: unknown, _name: unknown, { body }: { body: { spec: { replicas: number } } }) {
      if (refuses) throw new Error('not now');
      set = body.spec.replicas;
      steps.push(`scale ${set}`);
      if (unanswered) throw new Error('socket hang up');
    },
    async list({ group }: { group: string }) {
      if (group === 'external.metrics.k8s.io') return { items: outside === undefined ? [] : [{ timestamp: TIME, value: outside }] };
      if (used === undefined) throw new Error('the server could not find the requested resource');
      return { items: pods.map(({ metadata }) => ({ metadata, timestamp: TIME, window: '15s', containers: [{ name: 'main', usage: { cpu: `${used * 10}m` } }] })) };
    },
    async update(_kind: unknown, object: HorizontalPodAutoscaler) {
      if (changed || object.metadata.resourceVersion !== `${version}`) throw new ApiError('Conflict', 'the object has been modified');
      version += 1;
      written = { ...object, metadata: { ...object.metadata, resourceVersion: `${version}` } };
      steps.push(`status ${object.status?.conditions?.find(({ type }) => type === 'ScaledToZero')?.status}`);
      return written;
    },
  };
  const context = {
    client, clock: { nowMs: () => NOW }, kinds: { find: () => Deployment }, caches: { of: () => ({ list: () => pods }) },
    events: { event: (_object: unknown, type: string, reason: string, message: string) => events.push(`${type} ${reason}: ${message}`) },
  } as unknown as ModuleContext;
  const selectors = new Map(Object.entries(others).map(([key, each]) => [key, parseSelector(each)]));
  const kept: Autoscaling = autoscaling ?? { context, settings: settingsOf({}), histories: new Map(), selectors };
  kept.context = context;
  const object: HorizontalPodAutoscaler = {
    metadata: { name: 'web', namespace: 'default', generation: 1, resourceVersion: '1' }, spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, minReplicas: 1, maxReplicas: 10, metrics: [CPU], ...spec }, ...(old !== undefined && { status: old }),
  };
  await reconcile(object, kept);
  const status = written?.status ?? old ?? { desiredReplicas: 0 };
  const condition = (type: string): string => status.conditions?.filter((each) => each.type === type).map((each) => `${each.status} ${each.reason}: ${each.message}`).join() ?? '';
  return { ...(set !== undefined && { set }), steps, status, events, condition, autoscaling: kept };
}

const READY = 'True ReadyForNewScale: recommended size matches current size';
const WITHIN = 'False DesiredWithinRange: the desired count is within the acceptable range';
const VALID = 'True ValidMetricFound: the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)';

describe('one look', () => {
  it('scales up', async () => {
    const { set, status, events, condition } = await look({ replicas: 3, used: 80 });
    assert.deepEqual([set, status.currentReplicas, status.desiredReplicas, status.lastScaleTime], [5, 3, 5, '2026-01-01T01:00:00Z']);
    assert.deepEqual(events, ['Normal SuccessfulRescale: New size: 5; reason: cpu resource utilization (percentage of request) above target']);
    assert.deepEqual([condition('AbleToScale'), condition('ScalingActive'), condition('ScalingLimited')], ['True SucceededRescale: the HPA controller was able to update the target scale to 5', VALID, WITHIN]);
    assert.deepEqual(status.currentMetrics, [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 80, averageValue: '800m' } } }]);
  });
  it('has what it should have', async () => {
    const { set, events, condition } = await look({ replicas: 3, used: 50 });
    assert.deepEqual([set, events, condition('AbleToScale'), condition('ScalingLimited')], [undefined, [], READY, WITHIN]);
  });
  it('waits with going down', async () => {
    const { set, condition } = await look({ replicas: 4, used: 10 });
    assert.deepEqual([set, condition('AbleToScale'), condition('ScalingLimited')], [undefined, 'True ScaleDownStabilized: recent recommendations were higher than current one, applying the highest recent recommendation', WITHIN]);
  });
  it('goes down at once where its behaviour says so', async () => {
    const { set, events } = await look({ replicas: 4, used: 10, spec: { behavior: { scaleDown: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] } } } });
    assert.deepEqual([set, events], [1, ['Normal SuccessfulRescale: New size: 1; reason: All metrics below target']]);
  });
  it('doubles, or goes to four, at most', async () => {
    const limits = await Promise.all([1, 2, 3, 6].map(async (replicas) => {
      const { set, condition } = await look({ replicas, used: 1_000, spec: { maxReplicas: 100 } });
      return [set, condition('ScalingLimited').split(':')[0]];
    }));
    assert.deepEqual(limits, [[4, 'True ScaleUpLimit'], [4, 'True ScaleUpLimit'], [6, 'True ScaleUpLimit'], [12, 'True ScaleUpLimit']]);
  });
  it('adds four pods, or doubles, with a behaviour', async () => assert.equal((await look({ replicas: 1, used: 1_000, spec: { maxReplicas: 100, behavior: { scaleDown: {} } } })).set, 5));
  it('has no more than the most', async () => assert.match((await look({ replicas: 6, used: 500 })).condition('ScalingLimited'), /^True TooManyReplicas/));
  it('comes back into its bounds, whatever the metrics say', async () => {
    const above = await look({ replicas: 20 });
    assert.deepEqual([above.set, above.events, above.condition('ScalingActive'), above.status.currentMetrics], [10, ['Normal SuccessfulRescale: New size: 10; reason: Current number of replicas above Spec.MaxReplicas'], '', undefined]);
    const below = await look({ replicas: 1, spec: { minReplicas: 3 } });
    assert.deepEqual([below.set, below.events], [3, ['Normal SuccessfulRescale: New size: 3; reason: Current number of replicas below Spec.MinReplicas']]);
  });
  it('is switched off by a scale of none', async () => {
    const { set, status, condition } = await look({ replicas: 0, used: 80 });
    assert.deepEqual([set, status.desiredReplicas, condition('ScalingActive')], [undefined, 0, 'False ScalingDisabled: scaling is disabled since the replica count of the target is zero']);
  });
  it('divides among the pods that there are', async () => assert.equal((await look({ replicas: 5, there: 3, outside: '30', spec: { metrics: [QUEUE], behavior: { scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] } } } })).set, 3));
  it('has again what was asked for lately, where somebody took it away', async () => {
    const { autoscaling } = await look({ replicas: 6, used: 50 });
    assert.equal((await look({ replicas: 4, used: 50 }, autoscaling)).set, 6);
  });
});

describe('none, as the least', () => {
  const spec = { minReplicas: 0, metrics: [QUEUE] };
  const atOnce: HorizontalPodAutoscalerSpec['behavior'] = { scaleDown: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] } };
  const NOT = 'False NotScaledToZero: the HPA controller did not scale the workload to zero';
  const asleep = { desiredReplicas: 0, currentReplicas: 0, conditions: [{ type: 'ScaledToZero', status: 'True', reason: 'ScaledToZero', message: '' }] } as HorizontalPodAutoscaler['status'];
  const OFF = 'False ScalingDisabled: scaling is disabled since the replica count of the target is zero';
  it('is gone to, and that is noted', async () => {
    const { set, condition } = await look({ replicas: 3, outside: '0', spec: { ...spec, behavior: atOnce } });
    assert.deepEqual([set, condition('ScaledToZero')], [0, 'True ScaledToZero: the HPA controller scaled the workload to zero']);
  });
  it('is left again by whoever went there', async () => {
    const { set, condition } = await look({ replicas: 0, there: 0, outside: '25', spec, old: asleep! });
    assert.deepEqual([set, condition('ScaledToZero')], [3, NOT]);
    assert.equal((await look({ replicas: 0, there: 0, outside: '0', spec, old: asleep! })).set, undefined);
  });
  it('is a pause where somebody else set it', async () => {
    for (const conditions of [[], [{ type: 'ScaledToZero', status: 'False', reason: 'NotScaledToZero', message: '' }]]) {
      const { set, condition } = await look({ replicas: 0, there: 0, outside: '25', spec, old: { desiredReplicas: 3, conditions } });
      assert.deepEqual([set, condition('ScalingActive')], [undefined, OFF]);
    }
  });
  it('is left by who went there before it was noted', async () => assert.equal((await look({ replicas: 0, there: 0, outside: '25', spec, old: { desiredReplicas: 0, lastScaleTime: TIME } })).set, 3));
  it('is left for a least that was raised meanwhile, whatever the metrics say', async () => {
    const raised = { ...spec, minReplicas: 2 };
    const told = async (outside?: string): Promise<unknown[]> => {
      const { set, events } = await look({ replicas: 0, there: 0, spec: raised, old: asleep!, ...(outside !== undefined && { outside }) });
      return [set, events.at(-1)];
    };
    assert.deepEqual(await told('0'), [2, 'Normal SuccessfulRescale: New size: 2; reason: Current number of replicas below Spec.MinReplicas']);
    assert.deepEqual(await told('35'), [4, 'Normal SuccessfulRescale: New size: 4; reason: external metric queue(nil) above target']);
    assert.deepEqual(await told(), [2, 'Normal SuccessfulRescale: New size: 2; reason: Current number of replicas below Spec.MinReplicas']);
  });
  it('is not left by what only pods tell', async () => assert.deepEqual((await look({ replicas: 0, there: 0, used: 80, spec: { minReplicas: 0 }, old: asleep! })).condition('ScalingActive'), OFF));
  const idle = { replicas: 3, outside: '0', spec: { ...spec, behavior: atOnce } };
  const called = { replicas: 0, there: 0, outside: '25', spec };
  it('is noted before it is gone to, so that whoever is stopped in between wakes it', async () => assert.deepEqual((await look(idle)).steps, ['status True', 'scale 0', 'status True']));
  it('is not gone to where that cannot be noted', async () => assert.deepEqual((await look({ ...idle, changed: true })).steps, []));
  it('is left again where nobody heard that it was reached', async () => {
    const { set, status } = await look({ ...idle, unanswered: true });
    assert.deepEqual([set, (await look({ ...called, old: status })).set], [0, 3]);
  });
  it('is a pause by hand, where it was left by hand before', async () => {
    for (const outside of ['30', undefined]) {
      const { set, status, condition } = await look({ ...(outside !== undefined && { outside }), replicas: 3, spec, old: asleep! });
      assert.deepEqual([set, condition('ScaledToZero')], [undefined, NOT]);
      assert.equal((await look({ ...called, old: status })).set, undefined);
    }
  });
  it('is noted not to be, by any other change', async () => assert.equal((await look({ replicas: 3, used: 80 })).condition('ScaledToZero'), NOT));
});

describe('a source that fails', () => {
  const RESOURCE = 'failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource';
  it('holds what there is and shows no old value', async () => {
    const old = { desiredReplicas: 3, currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 50 } } }] } as HorizontalPodAutoscaler['status'];
    const { set, status, events, condition } = await look({ replicas: 3, old: old! });
    assert.deepEqual([set, status.desiredReplicas, status.currentMetrics], [undefined, 3, [{ type: '' }]]);
    assert.equal(condition('ScalingActive'), `False FailedGetResourceMetric: the HPA was unable to compute the replica count: ${RESOURCE}`);
    assert.deepEqual(events, [`Warning FailedGetResourceMetric: ${RESOURCE}`, `Warning FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${RESOURCE}`]);
  });
  it('does not keep others from raising the number', async () => {
    const { set, status, condition, events } = await look({ replicas: 3, outside: '50', spec: { metrics: [CPU, QUEUE] } });
    assert.deepEqual([set, status.currentMetrics?.map(({ type }) => type), condition('ScalingActive').split(':')[0]], [5, ['', 'External'], 'True ValidMetricFound']);
    assert.deepEqual(events.map((each) => each.split(':')[0]), ['Warning FailedGetResourceMetric', 'Normal SuccessfulRescale']);
  });
  it('keeps them from lowering it', async () => {
    const { set, status, condition } = await look({ replicas: 3, outside: '5', spec: { metrics: [CPU, QUEUE] } });
    assert.deepEqual([set, status.currentMetrics?.map(({ type }) => type), condition('ScalingActive').split(':')[0]], [undefined, ['', 'External'], 'False FailedGetResourceMetric']);
  });
});

describe('a target', () => {
  it('that is not there', async () => {
    const { events, condition } = await look({ replicas: 3, lost: true });
    assert.deepEqual([events, condition('AbleToScale')], [['Warning FailedGetScale: deployments.apps "web" not found'], `False FailedGetScale: the HPA controller was unable to get the target's current scale: deployments.apps "web" not found`]);
  });
  it('that cannot be set', async () => {
    const { status, events, condition } = await look({ replicas: 3, used: 80, refuses: true, old: { desiredReplicas: 3 } });
    assert.deepEqual([status.desiredReplicas, events, condition('AbleToScale')], [3, ['Warning FailedRescale: New size: 5; reason: cpu resource utilization (percentage of request) above target; error: not now'], 'False FailedUpdateScale: the HPA controller was unable to update the target scale: not now']);
  });
  it('without a selector', async () => {
    const { events, condition } = await look({ replicas: 3, used: 80, selector: '' });
    assert.deepEqual([events, condition('ScalingActive')], [['Warning SelectorRequired: selector is required', 'Warning FailedComputeMetricsReplicas: selector is required'], "False InvalidSelector: the HPA target's scale is missing a selector"]);
  });
  it('with a selector that cannot be read', async () => assert.match((await look({ replicas: 3, used: 80, selector: 'a in' })).condition('ScalingActive'), /^False InvalidSelector: couldn't convert selector/));
  it('whose pods another has too, by a wider selector', async () => {
    const labels = { app: 'web', tier: 'front' };
    const { set, condition } = await look({ replicas: 3, used: 80, labels, others: { 'default/all': 'tier=front', 'default/far': 'tier=back', 'other/web': 'app=web' } });
    assert.deepEqual([set, condition('ScalingActive')], [undefined, 'False AmbiguousSelector: pods by selector app=web are controlled by multiple HPAs: [default/all default/web]']);
  });
});
