/** Behaviours of PodDisruptionBudget and of evictions. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, create, get, namespace, ok, patch, podOf, put, refused, until, type Body } from '../cluster.ts';
import { changed } from '../resource-life.ts';
import { isReady, livePods, podsOf } from './paths.ts';

const budgetsOf = (ns: string): string => `/apis/policy/v1/namespaces/${ns}/poddisruptionbudgets`;
const budget = (name: string, spec: object = {}): Body => ({ metadata: { name, labels: { set: 'mine' } }, spec: { selector: { matchLabels: { foo: 'bar' } }, ...spec } });

async function makePods(ns: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await create(podsOf(ns), podOf(`rs-${index}`, { labels: { foo: 'bar' } }));
  await eventually(async () => (await livePods(ns, 'foo=bar')).filter(isReady).length === count, { what: `${count} ready pods`, timeoutMs: 30_000 });
}

export function budgets(): void {
  behaviour('DisruptionController should create a PodDisruptionBudget', async () => {
    const ns = await namespace();
    const path = `${budgetsOf(ns)}/foo`;
    await create(budgetsOf(ns), budget('foo', { minAvailable: '1%' }));
    await until(path, (each) => each.status.observedGeneration === 1);
    await changed(path, (now) => ({ ...now, spec: { ...now.spec, minAvailable: '2%' } }));
    await until(path, (each) => each.status.observedGeneration === 2);
    assert.equal((await patch(path, { spec: { minAvailable: '3%' } })).spec.minAvailable, '3%');
    await ok('DELETE', path);
    await refused(404, 'GET', path);
  });

  behaviour('DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets', async () => {
    const [first, second] = [await namespace(), await namespace()];
    for (const [ns, name] of [[first, 'a'], [first, 'b'], [second, 'c']] as const) await create(budgetsOf(ns), budget(name, { minAvailable: 1 }));
    assert.equal((await get('/apis/policy/v1/poddisruptionbudgets?labelSelector=set%3Dmine')).items.filter((each: Body) => [first, second].includes(each.metadata.namespace)).length, 3);
    await ok('DELETE', budgetsOf(first));
    assert.deepEqual([(await get(budgetsOf(first))).items.length, (await get(budgetsOf(second))).items.length], [0, 1]);
  });

  behaviour('DisruptionController should observe PodDisruptionBudget status updated', async () => {
    const ns = await namespace();
    await create(budgetsOf(ns), budget('foo', { minAvailable: 1 }));
    await makePods(ns, 3);
    await until(`${budgetsOf(ns)}/foo`, (each) => each.status.disruptionsAllowed === 2 && each.status.conditions[0].reason === 'SufficientPods');
  });

  behaviour('DisruptionController should update/patch PodDisruptionBudget status', async () => {
    const ns = await namespace();
    const path = `${budgetsOf(ns)}/foo`;
    await create(budgetsOf(ns), budget('foo', { minAvailable: 1 }));
    await makePods(ns, 1);
    await until(path, (each) => each.status.currentHealthy === 1);
    const now = await get(`${path}/status`);
    const updated = await put(`${path}/status`, { ...now, metadata: { ...now.metadata, annotations: { updated: 'true' } }, status: { ...now.status, disruptedPods: { 'rs-0': '2026-01-01T00:00:00Z' } } });
    assert.deepEqual(Object.keys(updated.status.disruptedPods), ['rs-0']);
    const patched = await patch(`${path}/status`, { metadata: { annotations: { patched: 'true' } }, status: { disruptedPods: null } });
    assert.equal(patched.status.disruptedPods, undefined);
  });

  behaviour('DisruptionController should block an eviction until the PDB is updated to allow it', async () => {
    const ns = await namespace();
    const path = `${budgetsOf(ns)}/foo`;
    const evict = { body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'rs-0', namespace: ns } } };
    await create(budgetsOf(ns), budget('foo', { minAvailable: 3 }));
    await makePods(ns, 3);
    await until(path, (each) => each.status.currentHealthy === 3);
    const status = await refused(429, 'POST', `${podsOf(ns)}/rs-0/eviction`, evict);
    assert.equal(status.details.causes[0].reason, 'DisruptionBudget');
    await patch(path, { spec: { minAvailable: 2 } });
    await until(path, (each) => each.status.disruptionsAllowed === 1);
    await ok('POST', `${podsOf(ns)}/rs-0/eviction`, evict);
    await eventually(async () => (await livePods(ns, 'foo=bar')).length === 2, { what: 'two pods' });
    await refused(429, 'POST', `${podsOf(ns)}/rs-1/eviction`, { body: { ...evict.body, metadata: { name: 'rs-1', namespace: ns } } });
  });
}
