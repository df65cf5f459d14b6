import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MetricSpec, MetricTarget } from '../../api/generated/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Client } from '../../sdk/client.ts';
import type { ServedKinds } from '../../sdk/module.ts';
import { Service } from '../../api/core/service.ts';
import { evaluate, type Observed } from './evaluate.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const TIME = new Date(NOW).toISOString();
const pod = (name: string, { ready = 'True', phase = 'Running' }: { ready?: 'True' | 'False'; phase?: string } = {}): Pod => ({
  metadata: { name }, spec: { containers: [{ name: 'main', resources: { requests: { cpu: '100m' } } }, { name: 'proxy', resources: { requests: { cpu: '900m' } } }] },
  status: { phase, startTime: '2026-01-01T00:00:00Z', conditions: [{ type: 'Ready', status: ready, lastTransitionTime: '2026-01-01T00:30:00Z' }] },
} as Pod);
const observed = (current: number, pods: Pod[]): Observed => ({ namespace: 'default', current, selector: 'app=web', pods, nowMs: NOW, readiness: { cpuInitializationMs: 300_000, initialReadinessMs: 30_000 }, tolerance: { up: 0.1, down: 0.1 } });
const kinds = { list: () => [Service], find: () => Service, subscribe: () => () => {} } as unknown as ServedKinds;
/** A cluster whose metrics are these. */
const replicas = async (metric: MetricSpec, from: Observed, items: object[]): Promise<number> => (await evaluate(metric, from, { client: { list: async () => ({ items }) } as unknown as Client, kinds })).replicas;

const three = [pod('a'), pod('b'), pod('c')];
const value = (amount: string): MetricTarget => ({ type: 'Value', value: amount });
const average = (amount: string): MetricTarget => ({ type: 'AverageValue', averageValue: amount });
const outside = (target: MetricTarget): MetricSpec => ({ type: 'External', external: { metric: { name: 'waiting' }, target } });
const ofService = (target: MetricTarget): MetricSpec => ({ type: 'Object', object: { metric: { name: 'asked' }, describedObject: { apiVersion: 'v1', kind: 'Service', name: 'web' }, target } });
const said = (...amounts: string[]): object[] => amounts.map((each) => ({ value: each, timestamp: TIME }));

describe('a metric that is no pod\'s', () => {
  it('of the whole counts the pods that serve', async () => {
    assert.equal(await replicas(outside(value('10')), observed(3, three), said('20')), 6);
    assert.equal(await replicas(outside(value('10')), observed(3, [...three.slice(1), pod('c', { ready: 'False' })]), said('20')), 4);
    assert.equal(await replicas(ofService(value('10')), observed(3, [...three.slice(1), pod('c', { phase: 'Pending' })]), said('20')), 4);
  });
  it('for each pod does not', async () => {
    assert.equal(await replicas(outside(average('10')), observed(3, [pod('a', { ready: 'False' })]), said('20', '35')), 6);
    assert.equal(await replicas(ofService(average('500m')), observed(1, three), said('2')), 4);
    assert.equal(await replicas(outside(average('10')), observed(3, three), said('32')), 3);
  });
  it('scales from zero and to zero', async () => assert.deepEqual([await replicas(outside(value('10')), observed(0, []), said('25')), await replicas(outside(average('10')), observed(0, []), said('25')), await replicas(outside(average('10')), observed(3, three), said('0'))], [3, 3, 0]));
  it('cannot be without pods or values', async () => {
    await assert.rejects(replicas(outside(value('10')), observed(3, []), said('20')), /no pods returned by selector/);
    await assert.rejects(replicas(outside(value('10')), observed(3, three), []), /external metric default\/waiting\/nil: no metrics returned from external metrics API$/);
  });
});

describe('a metric of pods', () => {
  const used = (name: string, main: string, proxy: string): object => ({ metadata: { name }, timestamp: TIME, window: '30s', containers: [{ name: 'main', usage: { cpu: main } }, { name: 'proxy', usage: { cpu: proxy } }] });
  const usage = [used('a', '180m', '20m'), used('b', '190m', '10m'), used('c', '200m', '0')];
  it('of all containers, or of one', async () => {
    const target: MetricTarget = { type: 'Utilization', averageUtilization: 95 };
    assert.equal(await replicas({ type: 'Resource', resource: { name: 'cpu', target } }, observed(3, three), usage), 1); // 600m of 3
    assert.equal(await replicas({ type: 'ContainerResource', containerResource: { name: 'cpu', container: 'main', target } }, observed(3, three), usage), 6); // 570m of 300m
    assert.equal(await replicas({ type: 'Resource', resource: { name: 'cpu', target: average('100m') } }, observed(3, three), usage), 6);
  });
  it('that is not there, of one of them', async () => {
    const target: MetricTarget = { type: 'Utilization', averageUtilization: 50 };
    assert.equal(await replicas({ type: 'Resource', resource: { name: 'cpu', target } }, observed(3, three), usage.slice(1)), 3); // taken for wholly used: not fewer
    await assert.rejects(replicas({ type: 'Resource', resource: { name: 'memory', target } }, observed(3, three), usage), /failed to get memory utilization: did not receive metrics for targeted pods/);
    const bare = { ...pod('a'), spec: { containers: [{ name: 'main' }] } } as Pod;
    await assert.rejects(replicas({ type: 'Resource', resource: { name: 'cpu', target } }, observed(1, [bare]), usage), /missing request for cpu in container main of Pod a/);
  });
  it('of their own', async () => {
    const items = ['a', 'b'].map((name) => ({ describedObject: { name }, timestamp: TIME, value: '30' }));
    assert.equal(await replicas({ type: 'Pods', pods: { metric: { name: 'asked' }, target: average('20') } }, observed(2, three.slice(0, 2)), items), 3);
    assert.equal(await replicas({ type: 'Pods', pods: { metric: { name: 'asked' }, target: average('20') } }, observed(3, three), items), 3); // the third is taken for idle
  });
});
