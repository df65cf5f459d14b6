/** The cases that upstream's replica calculator is tested with (pkg/controller/podautoscaler), as facts: what is measured, and what is asked for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Deployment } from '../../api/apps/deployment.ts';
import type { MetricSpec, MetricTarget } from '../../api/generated/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { quantityMillis, quantityOfMilli } from '../../api/quantity.ts';
import type { Client } from '../../sdk/client.ts';
import type { ServedKinds } from '../../sdk/module.ts';
import { evaluate, requestsOf, type Evaluation, type Observed } from './evaluate.ts';
import type { Tolerance } from './desired.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const TIME = new Date(NOW).toISOString();
const LONG_AGO = '0001-01-01T00:00:00Z';
const kinds = { list: () => [Deployment], find: () => Deployment, subscribe: () => () => {} } as unknown as ServedKinds;
const CONTAINERS = ['one', 'two'];

interface PodState { unready?: boolean; hot?: boolean; phase?: string; deleted?: boolean }
interface Case {
  name: string;
  current: number;
  /** What each of the two containers of a pod uses, in thousandths; of metrics that are no resource, the values. */
  levels: readonly number[];
  /** How many pods there are. Default `current`. */
  pods?: number;
  states?: readonly PodState[];
  /** Of each container. Default 1 each. */
  requests?: readonly string[];
  /** Percent, or thousandths. */
  target: number;
  tolerance?: Tolerance;
  /** Names of the pods that are measured. Default those that there are. */
  measured?: readonly string[];
  asked?: number;
  /** Percent of requests; of other metrics the thousandths that the status shows. */
  utilization?: number;
  error?: RegExp;
}

const BUSY: PodState = { unready: true };
const HOT: PodState = { hot: true };
const GOOD: PodState = {};

function podsOf({ current, pods = current, states = [], requests }: Case): Pod[] {
  return Array.from({ length: pods }, (_, index) => {
    const { unready = false, hot = false, phase = 'Running', deleted = false } = states[index] ?? {};
    const request = requests === undefined ? '1' : requests[index];
    return {
      metadata: { name: `pod-${index}`, namespace: 'default', ...(deleted && { deletionTimestamp: TIME }) },
      spec: { containers: CONTAINERS.map((name) => ({ name, resources: { requests: request === undefined ? {} : { cpu: request } } })) },
      status: { phase, startTime: hot ? TIME : LONG_AGO, conditions: [{ type: 'Ready', status: unready ? 'False' : 'True', lastTransitionTime: hot ? TIME : LONG_AGO }] },
    } as unknown as Pod;
  });
}

function ask(metric: MetricSpec, each: Case, items: object[]): Promise<Evaluation> {
  const pods = podsOf(each);
  const observed: Observed = { namespace: 'default', current: each.current, selector: 'name=pod', pods, nowMs: NOW, readiness: { cpuInitializationMs: 120_000, initialReadinessMs: 10_000 }, tolerance: each.tolerance ?? { up: 0.1, down: 0.1 } };
  return evaluate(metric, observed, { client: { list: async () => ({ items }) } as unknown as Client, kinds });
}

async function check(each: Case, evaluation: Promise<Evaluation>, shown: (evaluation: Evaluation) => number): Promise<void> {
  if (each.error !== undefined) return assert.rejects(evaluation, each.error);
  const found = await evaluation;
  assert.equal(found.replicas, each.asked);
  if (each.utilization !== undefined) assert.equal(shown(found), each.utilization);
}

const one = { up: 0.01, down: 0.1 };
const cpu: readonly Case[] = [
  { name: 'metrics of pods that are gone', current: 1, levels: [100], measured: ['older'], target: 100, error: /failed to get cpu utilization: no metrics returned matched known pods/ },
  { name: 'up', current: 3, levels: [300, 500, 700], target: 30, asked: 5, utilization: 50 },
  { name: 'up by less, for one that is not ready', current: 3, levels: [300, 500, 700], states: [BUSY], target: 30, asked: 4, utilization: 60 },
  { name: 'up by less, for one that has just started', current: 3, levels: [300, 500, 700], states: [HOT], target: 30, asked: 4, utilization: 60 },
  { name: 'not up while most are not ready', current: 3, levels: [400, 500, 700], states: [GOOD, BUSY, BUSY], target: 30, asked: 3, utilization: 40 },
  { name: 'not up while most have just started', current: 3, levels: [400, 500, 700], states: [GOOD, { ...BUSY, ...HOT }, { ...BUSY, ...HOT }], target: 30, asked: 3, utilization: 40 },
  { name: 'failed pods do not count, up', current: 2, pods: 4, levels: [500, 700], states: [GOOD, GOOD, { ...BUSY, phase: 'Failed' }, { ...BUSY, phase: 'Failed' }], target: 30, asked: 4, utilization: 60 },
  { name: 'pods that go do not count, up', current: 2, pods: 4, levels: [500, 700], states: [GOOD, GOOD, { ...BUSY, deleted: true }, { ...BUSY, deleted: true }], target: 30, asked: 4, utilization: 60 },
  { name: 'down', current: 5, levels: [100, 300, 500, 250, 250], target: 50, asked: 3, utilization: 28 },
  { name: 'down without those that are not ready', current: 5, levels: [100, 300, 500, 250, 250], states: [GOOD, GOOD, GOOD, BUSY, BUSY], target: 50, asked: 2, utilization: 30 },
  { name: 'down without those that wait for a node', current: 5, levels: [100], states: [GOOD, ...Array.from({ length: 4 }, () => ({ ...BUSY, phase: 'Pending' }))], target: 50, asked: 1, utilization: 10 },
  { name: 'down without those that have just started', current: 5, levels: [100, 300, 500, 250, 250], states: [GOOD, GOOD, GOOD, HOT, HOT], target: 50, asked: 2, utilization: 30 },
  { name: 'failed pods do not count, down', current: 5, pods: 7, levels: [100, 300, 500, 250, 250], states: [GOOD, GOOD, GOOD, GOOD, GOOD, { ...BUSY, phase: 'Failed' }, { ...BUSY, phase: 'Failed' }], target: 50, asked: 3, utilization: 28 },
  { name: 'pods that go do not count, down', current: 5, pods: 7, levels: [100, 300, 500, 250, 250], states: [GOOD, GOOD, GOOD, GOOD, GOOD, { ...BUSY, deleted: true }, { ...BUSY, deleted: true }], target: 50, asked: 3, utilization: 28 },
  { name: 'within the tolerance', current: 3, levels: [1_010, 1_030, 1_020], requests: ['0.9', '1', '1.1'], target: 100, asked: 3, utilization: 102 },
  { name: 'out of a tolerance of nothing', current: 3, levels: [909, 1_010, 1_111], requests: ['0.9', '1', '1.1'], tolerance: { up: 0, down: 0 }, target: 100, asked: 4, utilization: 101 },
  { name: 'within a tolerance of 200 % up', current: 3, levels: [1_890, 1_910, 1_900], requests: ['0.9', '1', '1.1'], tolerance: { up: 2, down: 0.1 }, target: 100, asked: 3, utilization: 190 },
  { name: 'out of a tolerance of 8 % up, whatever that down', current: 3, levels: [1_100, 1_080, 1_090], requests: ['0.9', '1', '1.1'], tolerance: { up: 0.08, down: 2 }, target: 100, asked: 4, utilization: 109 },
  { name: 'within a tolerance of 36 % down', current: 3, levels: [660, 640, 650], requests: ['0.9', '1', '1.1'], tolerance: { up: 0.1, down: 0.36 }, target: 100, asked: 3, utilization: 65 },
  { name: 'out of a tolerance of 34 % down', current: 3, levels: [660, 640, 650], requests: ['0.9', '1', '1.1'], tolerance: { up: 0.1, down: 0.34 }, target: 100, asked: 2, utilization: 65 },
  { name: 'metrics of more pods than there are', current: 4, levels: [4_000, 9_500, 3_000, 7_000, 3_200, 2_000], target: 100, asked: 24, utilization: 587 },
  { name: 'pods that are not measured, down', current: 4, levels: [400, 95], target: 100, asked: 3, utilization: 24 },
  { name: 'nothing is measured', current: 4, levels: [], target: 100, error: /^Error: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API$/ },
  { name: 'nothing is asked for', current: 1, levels: [200], requests: [], target: 100, error: /missing request for cpu in container one of Pod pod-0/ },
  { name: 'one is not measured: no change at the target', current: 2, levels: [1_000], target: 100, asked: 2, utilization: 100 },
  { name: 'nor above it', current: 2, levels: [1_900], target: 100, asked: 2, utilization: 190 },
  { name: 'nor below it', current: 2, levels: [600], target: 100, asked: 2, utilization: 60 },
  { name: 'one is not measured and one not ready', current: 3, levels: [100, 450], states: [BUSY], target: 50, asked: 3, utilization: 45 },
  { name: 'one is not measured and one has just started', current: 3, levels: [100, 450], states: [HOT], target: 50, asked: 3, utilization: 45 },
  { name: 'the same, up', current: 3, levels: [100, 2_000], states: [BUSY], target: 50, asked: 4, utilization: 200 },
  { name: 'the same, up, just started', current: 3, levels: [100, 2_000], states: [{ ...BUSY, ...HOT }], target: 50, asked: 4, utilization: 200 },
  { name: 'the same, down', current: 4, levels: [100, 100, 100], states: [BUSY], target: 50, asked: 3, utilization: 10 },
  { name: 'a target above 100 %, down', current: 4, levels: [200, 100, 100], states: [BUSY], requests: ['1', '1', '2', '2'], target: 300, asked: 2, utilization: 6 },
  { name: 'one pod more than replicas in a rolling update', current: 2, pods: 3, levels: [100, 100], target: 50, asked: 2, utilization: 10 },
  { name: 'percents are whole ones', current: 10, levels: Array.from({ length: 10 }, () => 759), target: 50, asked: 15, utilization: 75 },
];

/** What the second of two containers uses, in thousandths; undefined where the metrics of a pod do not tell of it. What the first uses counts for nothing. */
const ofSecond: readonly (Omit<Case, 'levels'> & { levels: readonly (number | undefined)[] })[] = [
  { name: 'up', current: 3, levels: [300, 500, 700], target: 30, asked: 5, utilization: 50 },
  { name: 'up by less, for one that has just started', current: 3, levels: [300, 500, 700], states: [HOT], target: 30, asked: 4, utilization: 60 },
  { name: 'failed pods that are not told of', current: 2, pods: 4, levels: [500, 700, undefined, undefined], states: [GOOD, GOOD, { ...BUSY, phase: 'Failed' }, { ...BUSY, phase: 'Failed' }], target: 30, asked: 4, utilization: 60 },
  { name: 'failed pods do not count, up', current: 2, pods: 4, levels: [500, 700], states: [GOOD, GOOD, { ...BUSY, phase: 'Failed' }, { ...BUSY, phase: 'Failed' }], target: 30, asked: 4, utilization: 60 },
  { name: 'pods that go do not count, up', current: 2, pods: 4, levels: [500, 700], states: [GOOD, GOOD, { ...BUSY, deleted: true }, { ...BUSY, deleted: true }], target: 30, asked: 4, utilization: 60 },
  { name: 'down', current: 5, levels: [100, 300, 500, 250, 250], target: 50, asked: 3, utilization: 28 },
  { name: 'down without those that are not ready', current: 5, levels: [100, 300, 500, 250, 250], states: [GOOD, GOOD, GOOD, BUSY, BUSY], target: 50, asked: 2, utilization: 30 },
  { name: 'down without those that wait for a node', current: 5, levels: [100, 300, 500, 250, 250], states: [GOOD, ...Array.from({ length: 4 }, () => ({ ...BUSY, phase: 'Pending' }))], target: 50, asked: 1, utilization: 10 },
  { name: 'down without those that have just started', current: 5, levels: [100, 300, 500, 1_000, 1_000], states: [GOOD, GOOD, GOOD, HOT, HOT], target: 50, asked: 2, utilization: 30 },
  { name: 'one that is not told of is one that is not measured: it may do as much as it should', current: 2, levels: [100, undefined], target: 50, asked: 2, utilization: 10 },
  { name: 'none is told of', current: 2, levels: [undefined, undefined], target: 50, error: /container two not present in metrics for pod default\/pod-0/ },
];

describe('cpu of one container', () => {
  for (const { levels, ...each } of ofSecond) {
    it(each.name, async () => {
      const items = levels.map((level, index) => ({ metadata: { name: `pod-${index}`, namespace: 'default' }, timestamp: TIME, window: '60s', containers: [{ name: 'one', usage: { cpu: '9' } }, ...(level === undefined ? [] : [{ name: 'two', usage: { cpu: `${level}m` } }])] }));
      const metric: MetricSpec = { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'two', target: { type: 'Utilization', averageUtilization: each.target } } };
      const whole = { ...each, levels: [] };
      await check(whole, ask(metric, whole, items), ({ status }) => status.containerResource!.current.averageUtilization!);
    });
  }
});

describe('cpu by utilization', () => {
  for (const each of cpu) {
    it(each.name, async () => {
      const items = each.levels.map((level, index) => ({ metadata: { name: each.measured?.[index] ?? `pod-${index}`, namespace: 'default' }, timestamp: TIME, window: '60s', containers: CONTAINERS.map((name) => ({ name, usage: { cpu: `${level}m` } })) }));
      const metric: MetricSpec = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: each.target } } };
      await check(each, ask(metric, each, items), ({ status }) => status.resource!.current.averageUtilization!);
    });
  }
  it('by one container that is not there', async () => {
    const items = [{ metadata: { name: 'pod-0', namespace: 'default' }, timestamp: TIME, window: '60s', containers: [{ name: 'one', usage: { cpu: '1' } }] }];
    const metric: MetricSpec = { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'three', target: { type: 'Utilization', averageUtilization: 50 } } };
    await assert.rejects(ask(metric, { name: '', current: 1, levels: [], target: 50 }, items), /container three not present in metrics for pod default\/pod-0/);
  });
  it('shows what is used with its thousandths', async () => {
    const items = [{ metadata: { name: 'pod-0', namespace: 'default' }, timestamp: TIME, window: '60s', containers: CONTAINERS.map((name) => ({ name, usage: { memory: '100Mi' } })) }];
    const { status } = await ask({ type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '200Mi' } } }, { name: '', current: 1, levels: [], target: 50 }, items);
    assert.deepEqual(status, { type: 'Resource', resource: { name: 'memory', current: { averageValue: '209715200' } } });
  });
});

const perPod: readonly Case[] = [
  { name: 'up', current: 3, levels: [20_000, 10_000, 30_000], target: 15_000, asked: 4, utilization: 20_000 },
  { name: 'readiness does not count, up', current: 3, levels: [50_000, 10_000, 30_000], states: [GOOD, GOOD, { ...BUSY, ...HOT }], target: 15_000, asked: 6, utilization: 30_000 },
  { name: 'nor where it would be down', current: 3, levels: [50_000, 15_000, 30_000], states: [{ ...BUSY, ...HOT }, GOOD, { ...BUSY, ...HOT }], target: 15_000, asked: 7, utilization: 31_666 },
  { name: 'down', current: 5, levels: [12_000, 12_000, 12_000, 12_000, 12_000], target: 20_000, asked: 3, utilization: 12_000 },
  { name: 'within the tolerance', current: 3, levels: [20_000, 21_000, 21_000], target: 20_000, asked: 3, utilization: 20_666 },
  { name: 'out of a tolerance of its own', current: 3, levels: [20_000, 21_000, 21_000], tolerance: one, target: 20_000, asked: 4, utilization: 20_666 },
  { name: 'at the target, and two are not measured', current: 5, levels: [20_000, 19_000, 21_000], target: 20_000, asked: 5, utilization: 20_000 },
  { name: 'one pod more than replicas in a rolling update', current: 2, pods: 3, levels: [10_000, 10_000], target: 17_000, asked: 2, utilization: 10_000 },
];

describe('a metric of pods', () => {
  for (const each of perPod) {
    it(each.name, async () => {
      const items = each.levels.map((level, index) => ({ describedObject: { name: `pod-${index}` }, timestamp: TIME, value: `${level}m` }));
      await check(each, ask({ type: 'Pods', pods: { metric: { name: 'qps' }, target: { type: 'AverageValue', averageValue: `${each.target}m` } } }, each, items), ({ status }) => quantityMillis(status.pods!.current.averageValue!));
    });
  }
});

type Whole = Case & { by: 'Value' | 'AverageValue'; outside?: boolean };
const wholes: readonly Whole[] = [
  { name: 'up', by: 'Value', current: 3, levels: [20_000], target: 15_000, asked: 4, utilization: 20_000 },
  { name: 'up, for each pod', by: 'AverageValue', current: 3, levels: [20_000], target: 5_000, asked: 4, utilization: 6_667 },
  { name: 'pods that are not ready do not count', by: 'Value', current: 3, levels: [50_000], states: [BUSY, GOOD, BUSY], target: 10_000, asked: 5, utilization: 50_000 },
  { name: 'outside, up', by: 'Value', outside: true, current: 1, levels: [8_600], target: 4_400, asked: 2, utilization: 8_600 },
  { name: 'outside, pods that are not ready do not count', by: 'Value', outside: true, current: 3, levels: [8_600], states: [BUSY, GOOD, BUSY], target: 4_400, asked: 2, utilization: 8_600 },
  { name: 'outside, up, for each pod', by: 'AverageValue', outside: true, current: 3, levels: [8_600], target: 2_150, asked: 4, utilization: 2_867 },
  { name: 'down, for each pod', by: 'AverageValue', current: 5, levels: [6_000], target: 2_000, asked: 3, utilization: 1_200 },
  { name: 'down', by: 'Value', current: 5, levels: [12_000], target: 20_000, asked: 3, utilization: 12_000 },
  { name: 'outside, down', by: 'Value', outside: true, current: 5, levels: [8_600], target: 14_334, asked: 3, utilization: 8_600 },
  { name: 'outside, down, for each pod', by: 'AverageValue', outside: true, current: 5, levels: [8_600], target: 2_867, asked: 3, utilization: 1_720 },
  { name: 'within the tolerance', by: 'Value', current: 3, levels: [20_666], target: 20_000, asked: 3, utilization: 20_666 },
  { name: 'within the tolerance, for each pod', by: 'AverageValue', current: 4, levels: [20_166], target: 5_000, asked: 4, utilization: 5_042 },
  { name: 'outside, within the tolerance', by: 'Value', outside: true, current: 3, levels: [8_600], target: 8_888, asked: 3, utilization: 8_600 },
  { name: 'outside, within the tolerance, for each pod', by: 'AverageValue', outside: true, current: 3, levels: [8_600], target: 2_900, asked: 3, utilization: 2_867 },
  { name: 'out of a tolerance of its own', by: 'Value', current: 3, levels: [20_666], tolerance: one, target: 20_000, asked: 4, utilization: 20_666 },
  { name: 'the same, for each pod', by: 'AverageValue', current: 4, levels: [20_208], tolerance: one, target: 5_000, asked: 5, utilization: 5_052 },
  { name: 'outside, out of a tolerance of its own', by: 'Value', outside: true, current: 3, levels: [8_900], tolerance: one, target: 8_800, asked: 4, utilization: 8_900 },
  { name: 'outside, the same for each pod', by: 'AverageValue', outside: true, current: 3, levels: [8_600], tolerance: one, target: 2_800, asked: 4, utilization: 2_867 },
  { name: 'outside, the sum of several', by: 'AverageValue', outside: true, current: 3, levels: [5_000, 3_600], target: 2_150, asked: 4, utilization: 2_867 },
  { name: 'outside, more than can be counted', by: 'Value', outside: true, current: 1, levels: [9e15], target: 1, asked: 2_147_483_647 },
  { name: 'outside, more for each pod than can be counted', by: 'AverageValue', outside: true, current: 1, levels: [2 ** 62], target: 1, asked: 2_147_483_647, utilization: 2 ** 62 },
  { name: 'outside, that much is what each pod is for', by: 'AverageValue', outside: true, current: 1, levels: [2 ** 62], target: 2 ** 62, asked: 1, utilization: 2 ** 62 },
  { name: 'outside, the sum of several that no integer of 64 bits holds', by: 'Value', outside: true, current: 3, levels: [2 ** 62, 2 ** 62], target: 2 ** 63, asked: 3, utilization: 2 ** 63 - 1_024 },
  { name: 'within the tolerance no pod need be there', by: 'Value', current: 3, pods: 0, levels: [20_000], target: 20_000, asked: 3 },
  { name: 'else one must', by: 'Value', current: 3, pods: 0, levels: [40_000], target: 20_000, error: /^Error: unable to calculate ready pods: no pods returned by selector/ },
];

describe('a metric of an object, or from outside', () => {
  for (const each of wholes) {
    it(each.name, async () => {
      const amount = quantityOfMilli(each.target);
      const target: MetricTarget = each.by === 'Value' ? { type: 'Value', value: amount } : { type: 'AverageValue', averageValue: amount };
      const metric: MetricSpec = each.outside === true ? { type: 'External', external: { metric: { name: 'qps', selector: { matchLabels: { label: 'value' } } }, target } } : { type: 'Object', object: { metric: { name: 'qps' }, describedObject: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'some' }, target } };
      const items = each.levels.map((level) => ({ timestamp: TIME, value: `${level}m` }));
      await check(each, ask(metric, each, items), ({ status }) => {
        const { value, averageValue } = (status.object ?? status.external)!.current;
        return quantityMillis((value ?? averageValue)!);
      });
    });
  }
  it('is named as upstream names it', async () => {
    const target: MetricTarget = { type: 'AverageValue', averageValue: '1' };
    const selector = { matchLabels: { b: '2', a: '1' }, matchExpressions: [{ key: 'c', operator: 'In' as const, values: ['3', '4'] }] };
    const names = await Promise.all([undefined, selector].map(async (each) => (await ask({ type: 'External', external: { metric: { name: 'qps', ...(each && { selector: each }) }, target } }, { name: '', current: 1, levels: [], target: 1 }, [{ timestamp: TIME, value: '1' }])).name));
    assert.deepEqual(names, ['external metric qps(nil)', 'external metric qps(&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:c,Operator:In,Values:[3 4],},},})']);
  });
});

describe('what a pod asks for', () => {
  const pod = (spec: object): Pod => ({ metadata: { name: 'p' }, spec }) as unknown as Pod;
  const asks = (name: string, cpu?: string, more: object = {}): object => ({ name, ...(cpu !== undefined && { resources: { requests: { cpu } } }), ...more });
  const of = (spec: object, container?: string): number | undefined => requestsOf([pod(spec)], 'cpu', container).get('p');
  const two = [asks('one', '100m'), asks('two', '50m')];
  it('all containers', () => assert.equal(of({ containers: two }), 150));
  it('as a whole, where that is said', () => assert.deepEqual([of({ containers: two, resources: { requests: { cpu: '800m' } } }), of({ containers: [asks('one'), asks('two', '50m')], resources: { requests: { cpu: '800m' } } })], [800, 800]));
  it('as a whole, of another resource alone', () => {
    assert.equal(of({ containers: two, resources: { requests: { memory: '1Gi' } } }), 150);
    assert.throws(() => of({ containers: [asks('one')], resources: { requests: { memory: '1Gi' } } }), /missing pod-level request for cpu in Pod p/);
  });
  it('one container', () => assert.deepEqual([of({ containers: two }, 'one'), of({ containers: two, resources: { requests: { cpu: '800m' } } }, 'one')], [100, 100]));
  it('sidecars too', () => assert.equal(of({ containers: [asks('one', '100m')], initContainers: [asks('init', '20m'), asks('side', '50m', { restartPolicy: 'Always' })] }), 150));
  it('nothing', () => assert.throws(() => of({ containers: [asks('one'), asks('two', '50m')] }), /missing request for cpu in container one of Pod p/));
  it('a container that is not there', () => assert.throws(() => of({ containers: two }, 'three'), /^Error: container three not found in Pod p$/));
});
