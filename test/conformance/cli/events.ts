/** [sig-instrumentation] Events and Events API */
import assert from 'node:assert/strict';
import { behaviour, create, get, namespace, ok, patch, put, refused, remove, type Body } from '../cluster.ts';

const oldEvent = (space: string, name: string, labels: object): Body => ({
  apiVersion: 'v1', kind: 'Event', metadata: { name, labels }, message: 'This is a test event', reason: 'Test', type: 'Normal', count: 1, involvedObject: { namespace: space },
});

const newEvent = (space: string, name: string, labels: object): Body => ({
  apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name, labels }, regarding: { namespace: space }, eventTime: '2017-09-19T13:49:16.000000Z',
  note: `This is ${name}`, action: 'Do', reason: 'Test', type: 'Normal', reportingController: 'test-controller', reportingInstance: 'test-node',
});

async function collection(paths: { all: string; here: string }, make: (name: string) => Body, selector: string): Promise<void> {
  for (const name of ['test-event-1', 'test-event-2', 'test-event-3']) await create(paths.here, make(name));
  assert.equal((await get(`${paths.all}?labelSelector=${selector}`)).items.length, 3);
  await ok('DELETE', `${paths.here}?labelSelector=${selector}`);
  assert.equal((await get(`${paths.here}?labelSelector=${selector}`)).items.length, 0);
}

export function events(): void {
  behaviour('Events should delete a collection of events', async () => {
    const space = await namespace();
    await collection({ all: '/api/v1/events', here: `/api/v1/namespaces/${space}/events` }, (name) => oldEvent(space, name, { 'testevent-set': 'old' }), 'testevent-set%3Dold');
  });

  behaviour('Events API should delete a collection of events', async () => {
    const space = await namespace();
    await collection({ all: '/apis/events.k8s.io/v1/events', here: `/apis/events.k8s.io/v1/namespaces/${space}/events` }, (name) => newEvent(space, name, { 'testevent-set': 'new' }), 'testevent-set%3Dnew');
  });

  behaviour('Events should manage the lifecycle of an event', async () => {
    const space = await namespace();
    const path = `/api/v1/namespaces/${space}/events`;
    await create(path, oldEvent(space, 'event-test', { 'testevent-constant': 'true' }));
    const found = (await get('/api/v1/events?labelSelector=testevent-constant%3Dtrue')).items.filter((each: Body) => each.metadata.namespace === space);
    assert.equal(found.length, 1);
    const patched = await patch(`${path}/event-test`, { message: 'This is a test event - patched' }, 'strategic-merge-patch');
    assert.equal(patched.message, 'This is a test event - patched');
    const series = { count: 100, lastObservedTime: '2014-09-19T13:49:16.000000Z' };
    assert.deepEqual((await put(`${path}/event-test`, { ...patched, series })).series, series);
    await remove(`${path}/event-test`);
    assert.equal((await get(`${path}?labelSelector=testevent-constant%3Dtrue`)).items.length, 0);
  });

  behaviour('Events API should ensure that an event can be fetched, patched, deleted, and listed', async () => {
    const space = await namespace();
    const path = `/apis/events.k8s.io/v1/namespaces/${space}/events`;
    const made = await create(path, newEvent(space, 'event-test', { 'testevent-constant': 'true' }));
    const all = async (at: string, query = ''): Promise<number> => (await get(`${at}${query}`)).items.filter((each: Body) => each.metadata.name === 'event-test' && each.metadata.namespace === space).length;
    assert.equal(await all('/apis/events.k8s.io/v1/events'), 1);
    assert.equal(await all(path, '?fieldSelector=reportingController%3Dtest-controller'), 1);
    assert.equal(await all(path, '?fieldSelector=reportingController%3Dother'), 0);
    const fetched = await get(`${path}/event-test`);
    assert.deepEqual([fetched.metadata.uid, fetched.note], [made.metadata.uid, 'This is event-test']);
    const series = { count: 2, lastObservedTime: '2014-09-19T13:49:16.000000Z' };
    const patched = await patch(`${path}/event-test`, { series }, 'strategic-merge-patch');
    assert.deepEqual(patched.series, series);
    const updated = await put(`${path}/event-test`, { ...patched, series: { ...series, count: 100 } });
    assert.equal(updated.series.count, 100);
    await remove(`${path}/event-test`);
    await refused(404, 'GET', `${path}/event-test`);
    assert.equal(await all(path), 0);
  });
}
