/** How objects go: finalizers, grace, propagation, preconditions, what is answered, and namespaces that end. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CONFIG_MAPS, configMap } from './testing/config-maps.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

test('finalizers hold an object, and the last one lets it go', async () => {
  await door.call('POST', CONFIG_MAPS, { body: configMap('held', {}, { finalizers: ['example.com/hold'] }) });
  const marked = await door.call('DELETE', `${CONFIG_MAPS}/held`);
  assert.match(marked.json.metadata.deletionTimestamp, /Z$/);
  const more = await door.call('PATCH', `${CONFIG_MAPS}/held`, { body: { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } }, headers: { 'content-type': 'application/merge-patch+json' } });
  assert.equal(more.status, 422);
  const freed = await door.call('PATCH', `${CONFIG_MAPS}/held`, { body: { metadata: { finalizers: null } }, headers: { 'content-type': 'application/merge-patch+json' } });
  assert.equal(freed.status, 200);
  assert.equal((await door.call('GET', `${CONFIG_MAPS}/held`)).status, 404);
});

test('propagation policies become finalizers for the garbage collector', async () => {
  for (const [policy, finalizer] of [['Foreground', 'foregroundDeletion'], ['Orphan', 'orphan']] as const) {
    await door.call('POST', CONFIG_MAPS, { body: configMap(`gc-${policy.toLowerCase()}`) });
    const answer = await door.call('DELETE', `${CONFIG_MAPS}/gc-${policy.toLowerCase()}`, { body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: policy } });
    assert.deepEqual(answer.json.metadata.finalizers, [finalizer]);
  }
});

test('preconditions of a delete', async () => {
  const { metadata } = (await door.call('POST', CONFIG_MAPS, { body: configMap('pre') })).json;
  assert.equal((await door.call('DELETE', `${CONFIG_MAPS}/pre`, { body: { preconditions: { uid: 'other' } } })).status, 409);
  assert.equal((await door.call('DELETE', `${CONFIG_MAPS}/pre`, { body: { preconditions: { resourceVersion: '1' } } })).status, 409);
  const gone = await door.call('DELETE', `${CONFIG_MAPS}/pre`, { body: { preconditions: { uid: metadata.uid } } });
  assert.deepEqual([gone.json.status, gone.json.details], ['Success', { name: 'pre', kind: 'configmaps', uid: metadata.uid }]);
});

test('the answer to a deletion is the object that was, for kinds that are answered so, else a Status', async () => {
  for (const [path, kind, body] of [
    ['/apis/storage.k8s.io/v1/storageclasses', 'StorageClass', { provisioner: 'p' }], ['/apis/storage.k8s.io/v1/csidrivers', 'CSIDriver', { spec: {} }], ['/apis/resource.k8s.io/v1/deviceclasses', 'DeviceClass', { spec: {} }],
    ['/api/v1/namespaces/default/services', 'Service', { spec: { ports: [{ port: 80 }] } }], [CONFIG_MAPS, 'Status', {}], ['/apis/scheduling.k8s.io/v1/priorityclasses', 'Status', { value: 1 }],
  ] as const) {
    const made = await door.call('POST', path, { body: { metadata: { name: 'answered' }, ...body } });
    assert.equal(made.status, 201, made.text);
    const gone = (await door.call('DELETE', `${path}/answered`)).json;
    assert.deepEqual([gone.kind, gone.metadata.uid ?? gone.details.uid], [kind, made.json.metadata.uid]);
  }
});

test('a pod on a node waits for its node, one without a node goes at once', async () => {
  const pods = '/api/v1/namespaces/default/pods';
  const pod = (name: string, nodeName?: string): object => ({ metadata: { name }, spec: { nodeName, containers: [{ name: 'c', image: 'i' }] } });
  assert.equal((await door.call('POST', pods, { body: pod('free') })).status, 201);
  const gone = (await door.call('DELETE', `${pods}/free`)).json;
  assert.deepEqual([gone.kind, gone.metadata.deletionTimestamp], ['Pod', undefined]);
  assert.equal((await door.call('GET', `${pods}/free`)).status, 404);
  await door.call('POST', pods, { body: pod('bound') });
  const bound = await door.call('POST', `${pods}/bound/binding`, { body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'bound' }, target: { kind: 'Node', name: 'n1' } } });
  assert.equal(bound.status, 201, bound.text);
  assert.equal((await door.call('GET', `${pods}?fieldSelector=spec.nodeName%3Dn1`)).json.items.length, 1);
  const dying = (await door.call('DELETE', `${pods}/bound`)).json;
  assert.equal(dying.metadata.deletionGracePeriodSeconds, 30);
  assert.equal((await door.call('DELETE', `${pods}/bound?gracePeriodSeconds=0`)).json.metadata.name, 'bound');
  assert.equal((await door.call('GET', `${pods}/bound`)).status, 404);
});

test('who asks by orphanDependents for dependents to go hears 202 while the object stays (upstream: Test202StatusCode)', async () => {
  const codes = async (name: string, finalizers: string[], options: unknown): Promise<number> => {
    await door.call('POST', CONFIG_MAPS, { body: { metadata: { name, finalizers } } });
    return (await door.call('DELETE', `${CONFIG_MAPS}/${name}`, { body: options })).status;
  };
  assert.deepEqual([await codes('deleted-a', [], undefined), await codes('deleted-b', ['a.b/c'], undefined), await codes('deleted-c', [], { orphanDependents: false })], [200, 200, 200]);
  assert.equal(await codes('deleted-d', ['a.b/c'], { orphanDependents: false }), 202);
  assert.equal(await codes('deleted-e', ['a.b/c'], { propagationPolicy: 'Foreground' }), 200);
});

test('a namespace that ends takes nothing new, and goes when it is finalized', async () => {
  await door.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'ending' } } });
  const ending = (await door.call('DELETE', '/api/v1/namespaces/ending')).json;
  assert.equal(ending.status.phase, 'Terminating');
  const refused = await door.call('POST', '/api/v1/namespaces/ending/configmaps', { body: configMap('late') });
  assert.equal(refused.status, 403);
  assert.match(refused.json.message, /^configmaps "late" is forbidden: unable to create new content in namespace ending because it is being terminated$/);
  const finalized = await door.call('PUT', '/api/v1/namespaces/ending/finalize', { body: { ...ending, spec: { finalizers: [] } } });
  assert.equal(finalized.status, 200, finalized.text);
  assert.equal((await door.call('GET', '/api/v1/namespaces/ending')).status, 404);
  assert.equal((await door.call('DELETE', '/api/v1/namespaces/default')).status, 403);
});
