import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster } from './cluster.ts';
import { createCycle } from './cycle.ts';
import { node, pod } from './fixtures.ts';
import { podInfoOf } from './pod-info.ts';
import { createProfile } from '../profile.ts';

const alive = (cluster: Cluster): number => [...cluster.countOf('alive', (info) => info.pod.metadata.deletionTimestamp === undefined).values()].reduce((sum, each) => sum + each, 0);

test('what pods take is given back, to the last bit', () => {
  const cluster = new Cluster();
  const n = cluster.setNode(node('n'));
  const ports = { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }], resources: { requests: { cpu: '1', 'example.com/gpu': '1' } } }], nodeName: 'n' };
  cluster.setPod(pod('a', { owner: 'r', spec: ports }));
  cluster.setPod(pod('b', { cpu: '500m', memory: '1Gi', node: 'n', owner: 'r' }));
  assert.deepEqual([n.requested.cpuMillis, n.requested.others?.['example.com/gpu'], n.hostPorts.size, cluster.countOfController('r').get(n)], [1500, 1, 1, 2]);
  cluster.removePod('a');
  cluster.removePod('b');
  cluster.removePod('b');
  assert.deepEqual([n.requested.cpuMillis, n.requested.memoryBytes, n.requested.others?.['example.com/gpu'], n.hostPorts.size, n.pods.size, n.nonZeroCpuMillis], [0, 0, 0, 0, 0, 0]);
  assert.equal(cluster.countOfController('r').size, 0);
});

test('an assumed pod is replaced by what the API says, and moves with it', () => {
  const cluster = new Cluster();
  const [n, m] = [cluster.setNode(node('n')), cluster.setNode(node('m'))];
  cluster.place(podInfoOf(pod('p', { cpu: '1' })), 'n');
  cluster.setPod(pod('p', { cpu: '1', node: 'm' }));
  assert.deepEqual([n.requested.cpuMillis, m.requested.cpuMillis, n.pods.size, m.pods.size], [0, 1000, 0, 1]);
});

test('a count follows pods that begin to go', () => {
  const cluster = new Cluster();
  cluster.setNode(node('n'));
  const web = pod('p', { node: 'n' });
  cluster.setPod(web);
  assert.equal(alive(cluster), 1);
  cluster.setPod({ ...web, metadata: { ...web.metadata, deletionTimestamp: '2026-11-21T22:00:00Z' } });
  assert.equal(alive(cluster), 0);
  cluster.removePod('p');
  assert.equal(alive(cluster), 0);
});

test('pods of a node that is not there yet count when it comes', () => {
  const cluster = new Cluster();
  cluster.setPod(pod('p', { cpu: '1', node: 'n' }));
  assert.deepEqual([cluster.nodes.length, cluster.node('n')], [0, undefined]);
  assert.equal(cluster.setNode(node('n')).requested.cpuMillis, 1000);
  cluster.removeNode('n');
  assert.equal(cluster.nodes.length, 0);
  cluster.removePod('p');
  assert.equal(cluster.setNode(node('n')).requested.cpuMillis, 0);
});

test('room that was made by preemption is kept from lower pods, not from higher ones', () => {
  const cluster = new Cluster();
  const n = cluster.setNode(node('n', { cpu: '1' }));
  const cycle = createCycle(cluster, createProfile());
  const wanted = (name: string, priority: number) => podInfoOf(pod(name, { spec: { priority, containers: [{ name: 'c', resources: { requests: { cpu: '800m' } } }] } }));
  const high = wanted('high', 100);
  cluster.nominate(high, 'n');
  assert.equal(cycle.schedule(wanted('low', 1)).node, undefined);
  assert.equal(n.pods.size, 0, 'nothing is left behind');
  assert.equal(cycle.schedule(wanted('higher', 200)).node?.name, 'n');
  assert.equal(cycle.schedule(high).node?.name, 'n');
  cluster.withdrawNomination('high');
  assert.equal(cycle.schedule(wanted('low', 1)).node?.name, 'n');
});
