import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '../../../api/generated/core-v1.ts';
import { Cluster } from '../framework/cluster.ts';
import { createCycle } from '../framework/cycle.ts';
import { node, pod } from '../framework/fixtures.ts';
import { podInfoOf } from '../framework/pod-info.ts';
import { createProfile } from '../profile.ts';
import { podTopologySpread } from './pod-topology-spread.ts';

const ZONE = 'topology.kubernetes.io/zone';

function clusterOf(nodes: readonly Node[], placed: readonly Pod[], services: Readonly<Record<string, Record<string, string>>> = {}): Cluster {
  const cluster = new Cluster();
  for (const each of nodes) cluster.setNode(each);
  for (const each of placed) cluster.setPod(each);
  for (const [name, selector] of Object.entries(services)) cluster.services.set('default', name, selector);
  return cluster;
}

const going = (made: Pod): Pod => ({ ...made, metadata: { ...made.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });

test('pods that say nothing of spreading spread by their Services', () => {
  const nodes = [node('a'), node('b')];
  // Without any rule it would go to the emptier one.
  const busy = pod('other', { cpu: '1', node: 'b', labels: { app: 'other' } });
  const there = pod('x', { cpu: '500m', node: 'a', labels: { app: 'web', tier: 'front' } });
  const front = { app: 'web', tier: 'front' };
  const table: [string, Pod[], Record<string, Record<string, string>>, Partial<Pod>['metadata'], string][] = [
    ['no Service: by room alone', [busy, there], {}, { labels: front }, 'a'],
    ['one of a Service goes where fewer of it are', [busy, there], { web: { app: 'web' } }, { labels: front }, 'b'],
    ['a Service of others says nothing', [busy, there], { db: { app: 'db' } }, { labels: front }, 'a'],
    ['nor does one that selects nothing', [busy, there], { none: {} }, { labels: front }, 'a'],
    ['nor does one of another namespace', [busy, there], { web: { app: 'web' } }, { labels: front, namespace: 'elsewhere' }, 'a'],
    ['of several, those count that are of all', [busy, there], { web: { app: 'web' }, back: { tier: 'back' } }, { labels: { app: 'web', tier: 'back' } }, 'a'],
    ['what is about to go does not count', [busy, going(there)], { web: { app: 'web' } }, { labels: front }, 'a'],
    ['pods of a Job spread by their Service, too', [busy, there], { web: { app: 'web' } }, { labels: front, ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'j', controller: true }] }, 'b'],
  ];
  for (const [name, placed, services, metadata, expected] of table) {
    const wanted = pod('p', { cpu: '100m' });
    const decision = createCycle(clusterOf(nodes, placed, services), createProfile(), () => 0.999).schedule(podInfoOf({ ...wanted, metadata: { ...wanted.metadata, ...metadata } }));
    assert.equal(decision.node?.name, expected, name);
  }
});

test('a Service that is gone, or selects nothing any more, says nothing', () => {
  const { services } = clusterOf([], [], { web: { app: 'web' } });
  services.set('default', 'other', { app: 'web', tier: 'front' });
  assert.deepEqual(services.selectorOf('default', { app: 'web', tier: 'front', more: '' }), { app: 'web', tier: 'front' });
  services.set('default', 'other', undefined);
  assert.deepEqual(services.selectorOf('default', { app: 'web', tier: 'front' }), { app: 'web' });
  services.set('default', 'web', undefined);
  assert.equal(services.selectorOf('default', { app: 'web' }), undefined);
});

test('replicas that are about to go do not count', () => {
  const [a, b] = [pod('x', { cpu: '500m', node: 'a', owner: 'r' }), pod('y', { cpu: '1', node: 'b', labels: { app: 'other' } })];
  const place = (placed: readonly Pod[]): string | undefined => createCycle(clusterOf([node('a'), node('b')], placed), createProfile(), () => 0.999).schedule(podInfoOf(pod('p', { cpu: '100m', owner: 'r' }))).node?.name;
  assert.deepEqual([place([a, b]), place([going(a), b])], ['b', 'a']);
});

test('nodes that a pod may not go to do not count for default constraints, and nodes without their topology do not fit', () => {
  const plugin = podTopologySpread([{ topologyKey: ZONE, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' }]);
  const zoned = [node('a', { labels: { [ZONE]: '1' } }), node('b', { labels: { [ZONE]: '2' } })];
  const there = pod('x', { node: 'a', labels: { app: 'web' } });
  const verdicts = (nodes: readonly Node[], placed: readonly Pod[], wanted: Pod): boolean[] => {
    const cluster = clusterOf(nodes, placed, { web: { app: 'web' } });
    const filter = plugin.filter!(podInfoOf(wanted), cluster);
    return cluster.nodes.map((each) => typeof filter !== 'function' || filter(each) === undefined);
  };
  const web = (spec?: Pod['spec']): Pod => pod('p', { labels: { app: 'web' }, ...(spec !== undefined && { spec }) });
  assert.deepEqual(verdicts(zoned, [there], web()), [false, true]);
  assert.deepEqual(verdicts(zoned, [there], web({ containers: [], nodeSelector: { [ZONE]: '1' } })), [true, true], 'zone 2 is none of its own');
  assert.deepEqual(verdicts([...zoned, node('bare')], [], web()), [true, true, false], 'the first one, too');
});

test("with upstream's defaults nodes without a zone are a zone of their own", () => {
  const nodes = [node('a', { labels: { [ZONE]: 'mars' } }), node('b', { labels: { [ZONE]: 'mars' } }), node('c'), node('d')];
  const cluster = clusterOf(nodes, [pod('x', { node: 'a', owner: 'r' })]);
  const scorer = podTopologySpread().score!(podInfoOf(pod('p', { owner: 'r' })), cluster, cluster.nodes)!;
  // Of the node's name one of four, maxSkew 3; of the zone one of two, maxSkew 5. Source: upstream's scoring_test.go, topologyNormalizingWeight(4) and (2).
  const zone = Math.log(4) + 4;
  assert.deepEqual(nodes.map((each) => scorer.score(cluster.node(each.metadata.name!)!)), [Math.round(Math.log(6) + 2 + zone), Math.round(2 + zone), 2, 2]);
});
