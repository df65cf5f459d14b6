/** The behaviour of sig-architecture: a cluster of several nodes, here on one machine. */
import assert from 'node:assert/strict';
import { behaviour, conformance, get, namespace, podOf, type Body } from './cluster.ts';
import { eventually } from '../fixtures/instance.ts';
import { start } from './node/pod.ts';

function isUsable({ spec, status }: Body): boolean {
  return spec.unschedulable !== true && (spec.taints ?? []).length === 0 && status?.conditions?.some((each: Body) => each.type === 'Ready' && each.status === 'True') === true;
}

conformance('sig-architecture', [() => {
  behaviour('Conformance Tests should have at least two untainted nodes', async () => {
    const usable = async (): Promise<Body[]> => (await get('/api/v1/nodes')).items.filter(isUsable);
    await eventually(async () => (await usable()).length >= 2, { timeoutMs: 30_000, what: 'two nodes without taints' });
    const space = await namespace();
    const labels = { app: 'spread' };
    const apart = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: { matchLabels: labels }, topologyKey: 'kubernetes.io/hostname' }] } };
    const pods = [await start(space, podOf('one', { labels, spec: { affinity: apart } })), await start(space, podOf('two', { labels, spec: { affinity: apart } }))];
    assert.equal(new Set(pods.map(({ spec }) => spec.nodeName)).size, 2);
  });
}], { config: 'nodes: 2' });
