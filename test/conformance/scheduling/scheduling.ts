/** [sig-scheduling] LimitRange, SchedulerPredicates, SchedulerPreemption: where pods go, and which make way. */
import assert from 'node:assert/strict';
import { behaviour, create, get, gone, namespace, ok, patch, podOf, put, refused, remove, until, type Body } from '../cluster.ts';
import { template } from '../apps/paths.ts';
import { isReady, pathOf, start } from '../node/pod.ts';

const PREDICATES = 'SchedulerPredicates [Serial] validates';
const PREEMPTION = 'SchedulerPreemption [Serial]';
const CLASSES = '/apis/scheduling.k8s.io/v1/priorityclasses';
const NODES = '/api/v1/nodes';
/** An extended resource of the only node, so that these pods are in the way of each other only. */
const FAKE = 'example.com/fake';
const takes = (count: number): object => ({ resources: { requests: { [FAKE]: String(count) }, limits: { [FAKE]: String(count) } } });

const waits = (space: string, name: string, reason: RegExp): Promise<Body> =>
  until(pathOf(space, name), ({ status }) => status.conditions?.some((each: Body) => each.type === 'PodScheduled' && each.status === 'False')).then((pod) => {
    assert.match(pod.status.conditions.find((each: Body) => each.type === 'PodScheduled').message, reason);
    return pod;
  });

async function theNode(): Promise<string> {
  return (await get(NODES)).items[0].metadata.name;
}

/** Runs with a node that has so many of the fake resource. */
async function withFake(count: number, run: (space: string) => Promise<void>): Promise<void> {
  const path = `${NODES}/${await theNode()}/status`;
  await patch(path, { status: { capacity: { [FAKE]: String(count) }, allocatable: { [FAKE]: String(count) } } });
  const space = await namespace();
  const names = ['low', 'medium', 'high'].map((each, index) => ({ metadata: { name: `${space}-${each}` }, value: index + 1 }));
  for (const each of names) await create(CLASSES, each);
  try {
    await run(space);
  } finally {
    await ok('DELETE', `/api/v1/namespaces/${space}`);
    for (const { metadata } of names) await remove(`${CLASSES}/${metadata.name}`);
    await patch(path, { status: { capacity: { [FAKE]: null }, allocatable: { [FAKE]: null } } });
  }
}

const limits = { default: { cpu: '500m', memory: '500Mi' }, defaultRequest: { cpu: '100m', memory: '200Mi' } };

export function scheduling(): void {
  behaviour('LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied.', async () => {
    const space = await namespace();
    const ranges = `/api/v1/namespaces/${space}/limitranges`;
    const pods = `/api/v1/namespaces/${space}/pods`;
    const range = { metadata: { name: 'range' }, spec: { limits: [{ type: 'Container', ...limits, min: { cpu: '50m', memory: '100Mi' }, max: { cpu: '500m', memory: '500Mi' } }] } };
    await create(ranges, range);
    assert.deepEqual((await get(`${ranges}/range`)).spec.limits[0].defaultRequest, limits.defaultRequest);
    assert.deepEqual((await create(pods, podOf('none'))).spec.containers[0].resources, { requests: limits.defaultRequest, limits: limits.default });
    const partial = { requests: { cpu: '300m', memory: '150Mi' }, limits: { cpu: '300m' } };
    assert.deepEqual((await create(pods, podOf('some', { container: { resources: partial } }))).spec.containers[0].resources, { requests: partial.requests, limits: { cpu: '300m', memory: '500Mi' } });
    await refused(403, 'POST', pods, { body: podOf('little', { container: { resources: { requests: { cpu: '10m', memory: '50Mi' } } } }) });
    await refused(403, 'POST', pods, { body: podOf('much', { container: { resources: { requests: { cpu: '600m', memory: '600Mi' }, limits: { cpu: '600m', memory: '600Mi' } } } }) });
    const now = await get(`${ranges}/range`);
    now.spec.limits[0].min = { cpu: '9m', memory: '49Mi' };
    await put(`${ranges}/range`, now);
    await until(`${ranges}/range`, ({ spec }) => spec.limits[0].min.cpu === '9m');
    await create(pods, podOf('little', { container: { resources: { requests: { cpu: '10m', memory: '50Mi' } } } }));
    await remove(`${ranges}/range`);
    await gone(`${ranges}/range`);
    await create(pods, podOf('much', { container: { resources: { requests: { cpu: '600m', memory: '600Mi' } } } }));
  });
  behaviour('LimitRange should list, patch and delete a LimitRange by collection', async () => {
    const spaces = [await namespace(), await namespace()];
    const selected = `labelSelector=e2e%3D${spaces[0]}`;
    for (const space of spaces) await create(`/api/v1/namespaces/${space}/limitranges`, { metadata: { name: 'range', labels: { e2e: spaces[0] } }, spec: { limits: [{ type: 'Container', ...limits }] } });
    assert.equal((await get(`/api/v1/limitranges?${selected}`)).items.length, 2);
    const patched = await patch(`/api/v1/namespaces/${spaces[0]}/limitranges/range`, { metadata: { labels: { patched: 'true' } }, spec: { limits: [{ type: 'Container', ...limits, max: { cpu: '700m' } }] } });
    assert.deepEqual([patched.metadata.labels.patched, patched.spec.limits[0].max.cpu], ['true', '700m']);
    await ok('DELETE', `/api/v1/namespaces/${spaces[0]}/limitranges?${selected}`);
    assert.equal((await get(`/api/v1/limitranges?${selected}`)).items.length, 1);
  });

  behaviour(`${PREDICATES} resource limits of pods that are allowed to run`, () => withFake(3, async (space) => {
    await start(space, podOf('most', { container: takes(2) }));
    await create(`/api/v1/namespaces/${space}/pods`, podOf('more', { container: takes(2) }));
    await waits(space, 'more', /Insufficient example.com\/fake/);
  }));
  behaviour(`${PREDICATES} that NodeSelector is respected if matching`, async () => {
    const [space, node] = [await namespace(), await theNode()];
    await patch(`${NODES}/${node}`, { metadata: { labels: { 'e2e-label': '42' } } });
    assert.equal((await start(space, podOf('p', { spec: { nodeSelector: { 'e2e-label': '42' } } }))).spec.nodeName, node);
    await patch(`${NODES}/${node}`, { metadata: { labels: { 'e2e-label': null } } });
  });
  behaviour(`${PREDICATES} that NodeSelector is respected if not matching`, async () => {
    const space = await namespace();
    await create(`/api/v1/namespaces/${space}/pods`, podOf('p', { spec: { nodeSelector: { label: 'nonempty' } } }));
    await waits(space, 'p', /didn't match Pod's node affinity\/selector/);
  });
  behaviour(`${PREDICATES} that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP`, async () => {
    const space = await namespace();
    const port = (hostIP: string): object => ({ ports: [{ containerPort: 5555, hostPort: 54_322, protocol: 'TCP', hostIP }] });
    await start(space, podOf('all', { container: port('0.0.0.0') }));
    await create(`/api/v1/namespaces/${space}/pods`, podOf('one', { container: port('127.0.0.1') }));
    await waits(space, 'one', /didn't have free ports/);
  });

  behaviour(`${PREEMPTION} validates basic preemption works`, () => withFake(5, async (space) => {
    await start(space, podOf('low', { container: takes(3), spec: { priorityClassName: `${space}-low` } }));
    await start(space, podOf('medium', { container: takes(2), spec: { priorityClassName: `${space}-medium` } }));
    await start(space, podOf('high', { container: takes(3), spec: { priorityClassName: `${space}-high` } }));
    await gone(pathOf(space, 'low'));
    assert.equal((await get(pathOf(space, 'medium'))).metadata.deletionTimestamp, undefined, 'the other stays');
  }));
  behaviour(`${PREEMPTION} validates lower priority pod preemption by critical pod`, () => withFake(5, async (space) => {
    await start(space, podOf('low', { container: takes(3), spec: { priorityClassName: `${space}-low` } }));
    await start(space, podOf('medium', { container: takes(2), spec: { priorityClassName: `${space}-medium` } }));
    const name = `critical-${space}`;
    await create('/api/v1/namespaces/kube-system/pods', podOf(name, { container: takes(3), spec: { priorityClassName: 'system-cluster-critical' } }));
    await isReady('kube-system', name);
    await gone(pathOf(space, 'low'));
    assert.equal((await get(pathOf(space, 'medium'))).metadata.deletionTimestamp, undefined, 'the other stays');
    await remove(pathOf('kube-system', name));
    await gone(pathOf('kube-system', name));
  }));
  behaviour(`${PREEMPTION} validates pod disruption condition is added to the preempted pod`, () => withFake(1, async (space) => {
    await start(space, podOf('victim', { container: takes(1), metadata: { finalizers: ['example.com/test-finalizer'] }, spec: { priorityClassName: `${space}-low` } }));
    await create(`/api/v1/namespaces/${space}/pods`, podOf('preemptor', { container: takes(1), spec: { priorityClassName: `${space}-high` } }));
    const victim = await until(pathOf(space, 'victim'), ({ metadata }) => metadata.deletionTimestamp !== undefined);
    assert.equal(victim.status.conditions.find((each: Body) => each.type === 'DisruptionTarget').status, 'True');
    await patch(pathOf(space, 'victim'), { metadata: { finalizers: null } });
    await isReady(space, 'preemptor');
  }));
  behaviour(`${PREEMPTION} PreemptionExecutionPath runs ReplicaSets to verify preemption running path`, () => withFake(10, async (space) => {
    const set = (name: string, replicas: number, count: number, priority: string): Promise<Body> => create(`/apis/apps/v1/namespaces/${space}/replicasets`, {
      metadata: { name }, spec: { replicas, selector: { matchLabels: { app: name } }, template: template({ app: name }, { container: takes(count), spec: { priorityClassName: `${space}-${priority}` } }) },
    });
    await set('one', 5, 1, 'low');
    await set('two', 2, 2, 'medium');
    for (const [name, ready] of [['one', 5], ['two', 2]] as const) await until(`/apis/apps/v1/namespaces/${space}/replicasets/${name}`, ({ status }) => status.readyReplicas === ready);
    await set('last', 1, 5, 'high');
    await until(`/apis/apps/v1/namespaces/${space}/replicasets/last`, ({ status }) => status.readyReplicas === 1);
    const ready = async (name: string): Promise<number> => (await get(`/apis/apps/v1/namespaces/${space}/replicasets/${name}`)).status.readyReplicas ?? 0;
    assert.equal(await ready('two'), 2, 'only the lowest make way');
    await until(`/apis/apps/v1/namespaces/${space}/replicasets/one`, ({ status }) => (status.readyReplicas ?? 0) === 1);
  }));
  behaviour(`${PREEMPTION} PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods`, async () => {
    for (const [name, value] of [['p1', 1], ['p2', 2]] as const) await create(CLASSES, { metadata: { name }, value, description: 'before' });
    assert.ok((await get(CLASSES)).items.filter((each: Body) => ['p1', 'p2'].includes(each.metadata.name)).length === 2);
    assert.equal((await patch(`${CLASSES}/p1`, { description: 'patched' })).description, 'patched');
    await refused(422, 'PATCH', `${CLASSES}/p1`, { body: { value: 10 }, contentType: 'application/merge-patch+json' });
    const now = await get(`${CLASSES}/p2`);
    assert.equal((await put(`${CLASSES}/p2`, { ...now, description: 'updated' })).description, 'updated');
    await refused(422, 'PUT', `${CLASSES}/p2`, { body: { ...(await get(`${CLASSES}/p2`)), value: 20 } });
    for (const name of ['p1', 'p2']) await remove(`${CLASSES}/${name}`);
  });
}
