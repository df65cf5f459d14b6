/** What happens to objects over HTTP: create, read, change, delete, list, and what is refused. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConfigMap } from '../../api/core/config-map.ts';
import type { Kind } from '../../api/kind.ts';
import { decodeProtobuf } from '../../api/protobuf/envelope.ts';
import type { AdmissionRequest } from '../../sdk/module.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

const configMap = (name: string, data: Record<string, string> = { a: '1' }, metadata: object = {}): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data });

test('create sets what the server owns and get gives it back', async () => {
  const made = await door.call('POST', CONFIG_MAPS, { body: configMap('one'), headers: { 'user-agent': 'tool/v1 (linux)' } });
  assert.equal(made.status, 201);
  const { metadata } = made.json;
  assert.match(metadata.uid, /^[0-9a-f-]{36}$/);
  assert.match(metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(metadata.managedFields[0].manager, 'tool');
  const read = await door.call('GET', `${CONFIG_MAPS}/one`);
  assert.deepEqual(read.json, made.json);
  assert.equal(read.headers['content-type'], 'application/json');
});

test('an owner that stands twice is kept once, with a warning', async () => {
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'one', uid: 'u1' };
  const made = await door.call('POST', `${CONFIG_MAPS}?dryRun=All`, { body: configMap('twice', {}, { ownerReferences: [owner, { ...owner }, { ...owner, uid: 'u2' }] }) });
  assert.deepEqual(made.json.metadata.ownerReferences, [owner, { ...owner, uid: 'u2' }]);
  assert.match(String(made.headers.warning), /contains duplicate entries; .*duplicate UID\(s\) observed: u1"/);
});

test('whoever names an object in the path reads it, whatever watch says', async () => {
  const read = await door.call('GET', '/api/v1/namespaces/default?watch=true');
  assert.deepEqual([read.status, read.json.kind], [200, 'Namespace']);
});

test('generateName makes different names', async () => {
  const names = new Set<string>();
  for (let count = 0; count < 20; count++) names.add((await door.call('POST', CONFIG_MAPS, { body: configMap('', {}, { name: undefined, generateName: 'gen-' }) })).json.metadata.name);
  assert.equal(names.size, 20);
  for (const name of names) assert.match(name, /^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test('a generated name that is taken is another one, eight times', async () => {
  const { create } = door.store;
  let taken = 0;
  // Somebody else has each of these names a moment earlier.
  const collide = (times: number): void => {
    taken = 0;
    door.store.create = async (key, object) => {
      if (taken++ < times) await create(key, structuredClone(object));
      return create(key, object);
    };
  };
  const make = (query = ''): ReturnType<OpenDoor['call']> => door.call('POST', `${CONFIG_MAPS}${query}`, { body: configMap('', {}, { name: undefined, generateName: 'taken-' }) });
  const seen: string[] = [];
  const see = (phase: string) => ({ name, object }: AdmissionRequest): void => void seen.push(`${phase} ${name === undefined ? 'no name' : 'a name'}, ${Object.keys((object as ConfigMap).data ?? {}).length}`);
  const withdraw = door.server.admit({
    name: 'watcher', kinds: [ConfigMap as unknown as Kind], operations: ['CREATE'], admit: see('admit'), validate: see('validate'),
    allocate: (request) => (see('allocate')(request), void ((request.object as ConfigMap).data = { [request.name!]: 'mine' })),
  }, undefined as never);
  try {
    collide(1);
    assert.equal((await make()).status, 201);
    assert.deepEqual(seen, ['admit no name, 0', 'allocate a name, 0', 'validate a name, 1', 'allocate a name, 0', 'validate a name, 1'], 'who changes the object does so once, the rest is done anew');
    withdraw();
    collide(7);
    const made = await make();
    assert.deepEqual([made.status, taken], [201, 8]);
    collide(8);
    const refused = await make();
    assert.deepEqual([refused.status, refused.json.reason, refused.json.details.retryAfterSeconds, taken], [409, 'AlreadyExists', 1, 8]);
    assert.match(refused.json.message, /^configmaps "taken-\w{5}" already exists, the server was not able to generate a unique name for the object$/);
  } finally {
    door.store.create = create;
  }
  assert.equal((await make('?dryRun=All')).status, 201);
});

const REFUSALS: [string, string, string, unknown, number, RegExp, Record<string, string>?][] = [
  ['malformed JSON', 'POST', CONFIG_MAPS, '{"kind":', 400, /json parse error/],
  ['no body', 'POST', CONFIG_MAPS, '', 400, /empty/],
  ['a list for an object', 'POST', CONFIG_MAPS, [], 400, /must be a ConfigMap object/],
  ['a value of a wrong type', 'POST', CONFIG_MAPS, { metadata: { name: 'x' }, data: { a: 1 } }, 400, /cannot be handled as a ConfigMap: json: cannot unmarshal number/],
  ['another kind', 'POST', CONFIG_MAPS, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } }, 400, /Secret in version "v1" cannot be handled as a ConfigMap/],
  ['another apiVersion', 'POST', CONFIG_MAPS, { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'x' } }, 400, /does not match the expected API version \(v1\)/],
  ['another name, of what is not there', 'PUT', `${CONFIG_MAPS}/absent`, configMap('x'), 400, /the name of the object \(x\) does not match the name on the URL \(absent\)/],
  ['another namespace', 'POST', CONFIG_MAPS, configMap('x', {}, { namespace: 'other' }), 400, /the namespace of the provided object does not match the namespace sent on the request/],
  ['a missing namespace', 'POST', '/api/v1/namespaces/nowhere/configmaps', configMap('x'), 404, /namespaces "nowhere" not found/],
  ['a bad name', 'POST', CONFIG_MAPS, configMap('No_Name'), 422, /ConfigMap "No_Name" is invalid: metadata.name: Invalid value/],
  ['no name', 'POST', CONFIG_MAPS, { metadata: {} }, 422, /name or generateName is required/],
  ['a finalizer that is a bare word', 'POST', CONFIG_MAPS, configMap('x', {}, { finalizers: ['hold'] }), 422, /metadata.finalizers\[0\]: Invalid value: "hold": name is neither a standard finalizer name nor is it fully qualified/],
  ['a strict unknown field', 'POST', `${CONFIG_MAPS}?fieldValidation=Strict`, { kind: 'ConfigMap', apiVersion: 'v1', meta: {}, metadata: { name: 'x' } }, 400, /^ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "meta"$/],
  ['a strict double field', 'POST', `${CONFIG_MAPS}?fieldValidation=Strict`, '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}', 400, /duplicate field "data.a"/],
  ['an unknown media type', 'POST', CONFIG_MAPS, 'hello', 415, /unknown format - accepted media types include: application\/json/, { 'content-type': 'text/plain' }],
  ['an unknown patch type', 'PATCH', `${CONFIG_MAPS}/x`, '{}', 415, /json-patch\+json/, { 'content-type': 'application/json' }],
  ['a patch type that is no word of ours', 'PATCH', `${CONFIG_MAPS}/x`, '{}', 415, /json-patch\+json/, { 'content-type': 'constructor' }],
  ['an unknown answer type', 'GET', CONFIG_MAPS, undefined, 406, /only the following media types are accepted/, { accept: 'text/html' }],
  ['an unknown resource', 'GET', '/api/v1/namespaces/default/toads', undefined, 404, /the server could not find the requested resource/],
  ['an unknown group', 'GET', '/apis/toads.example/v1/toads', undefined, 404, /could not find the requested resource/],
  ['an unknown method', 'PUT', CONFIG_MAPS, configMap('x'), 405, /does not allow this method/],
  ['a status that is made', 'POST', '/api/v1/namespaces/default/pods/x/status', { metadata: { name: 'x' } }, 405, /^the server does not allow this method on the requested resource$/],
  ['a scale that is made', 'POST', '/apis/apps/v1/namespaces/default/deployments/x/scale', { metadata: { name: 'x' } }, 405, /^the server does not allow this method on the requested resource$/],
  ['a subresource that is none', 'POST', `${CONFIG_MAPS}/x/status`, { metadata: { name: 'x' } }, 404, /could not find the requested resource/],
  ['a missing object', 'GET', `${CONFIG_MAPS}/none`, undefined, 404, /^configmaps "none" not found$/],
  ['a bad label selector', 'GET', `${CONFIG_MAPS}?labelSelector=${encodeURIComponent('a in (')}`, undefined, 400, /unable to parse requirement/],
  ['an unknown field selector', 'GET', `${CONFIG_MAPS}?fieldSelector=data.a%3D1`, undefined, 400, /^"data\.a" is not a known field selector: only "metadata\.name", "metadata\.namespace"$/],
  ['a field selector that pods do not know', 'GET', '/api/v1/pods?fieldSelector=data.a%3D1', undefined, 400, /^field label not supported: data\.a$/],
  ['a field selector that jobs do not know', 'GET', '/apis/batch/v1/jobs?fieldSelector=data.a%3D1', undefined, 400, /^field label "data\.a" not supported for batchv1\.Job$/],
  ['the namespace of a node', 'GET', '/api/v1/nodes?fieldSelector=metadata.namespace%3Da', undefined, 400, /^field label not supported: metadata\.namespace$/],
  ['a list that matches no version', 'GET', `${CONFIG_MAPS}?resourceVersionMatch=Exact`, undefined, 422, /^ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided$/],
  ['a list exactly at 0', 'GET', `${CONFIG_MAPS}?resourceVersion=0&resourceVersionMatch=Exact`, undefined, 422, /resourceVersionMatch "exact" is forbidden for resourceVersion "0"/],
  ['a list that matches in no known way', 'GET', `${CONFIG_MAPS}?resourceVersion=1&resourceVersionMatch=Nearly`, undefined, 422, /resourceVersionMatch: Unsupported value: "Nearly": supported values: "", "Exact", "NotOlderThan"/],
  ['a match where a list goes on', 'GET', `${CONFIG_MAPS}?resourceVersion=1&resourceVersionMatch=Exact&continue=x`, undefined, 422, /resourceVersionMatch is forbidden when continue is provided/],
  ['a list with initial events', 'GET', `${CONFIG_MAPS}?sendInitialEvents=true`, undefined, 422, /sendInitialEvents is forbidden for list/],
  ['a watch with initial events and no match', 'GET', `${CONFIG_MAPS}?watch=true&sendInitialEvents=true`, undefined, 422, /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/],
  ['a watch with a match alone', 'GET', `${CONFIG_MAPS}?watch=true&resourceVersion=1&resourceVersionMatch=NotOlderThan`, undefined, 422, /resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided/],
  ['a deletion with a match alone', 'DELETE', `${CONFIG_MAPS}?resourceVersionMatch=Exact`, undefined, 422, /^ListOptions.meta.k8s.io/],
  ['a get of what is to come', 'GET', `${CONFIG_MAPS}/one?resourceVersion=999999999`, undefined, 504, /Too large resource version: 999999999/],
  ['a get at no version', 'GET', `${CONFIG_MAPS}/one?resourceVersion=x`, undefined, 400, /invalid resource version "x"/],
  ['YAML with a doubled key, strictly', 'POST', `${CONFIG_MAPS}?fieldValidation=Strict`, 'metadata: {name: yy}\ndata:\n  a: "1"\n  a: "2"\n', 400, /strict decoding error: yaml: unmarshal errors:\n {2}line 4: key "a" already set in map$/, { 'content-type': 'application/yaml' }],
  ['a patch with a doubled field, strictly', 'PATCH', `${CONFIG_MAPS}/one?fieldValidation=Strict`, '{"data":{"a":"1","a":"2"}}', 422, /^ "" is invalid: patch: Invalid value: "\{.*\}": strict decoding error: duplicate field "data.a"$/, { 'content-type': 'application/merge-patch+json' }],
  ['an apply that does not fit the schema', 'PATCH', `${CONFIG_MAPS}/x?fieldManager=a`, { ...configMap('x'), toad: 1 }, 500, /^failed to create typed patch object \(\/x; \/v1, Kind=ConfigMap\): \.toad: field not declared in schema$/, { 'content-type': 'application/apply-patch+yaml' }],
  ['a bad continue token', 'GET', `${CONFIG_MAPS}?limit=1&continue=zzz`, undefined, 400, /continue key is not valid/],
  ['a bad dryRun', 'POST', `${CONFIG_MAPS}?dryRun=Some`, configMap('x'), 422, /^CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Some": supported values: "All"$/],
  ['a manager with letters that nobody sees', 'POST', `${CONFIG_MAPS}?fieldManager=${encodeURIComponent('ü\u0000b')}`, configMap('x'), 422, /^CreateOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "ü\\u0000b": should only contain printable characters \(at position 2\)$/],
  ['an apply without a name for it', 'PATCH', `${CONFIG_MAPS}/x`, configMap('x'), 422, /^PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch$/, { 'content-type': 'application/apply-patch+yaml' }],
  ['a bad dryRun of a deletion', 'DELETE', `${CONFIG_MAPS}/x`, { dryRun: ['Some'] }, 422, /^DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Some": supported values: "All"$/],
  ['a dryRun that is no list', 'DELETE', `${CONFIG_MAPS}/x`, { dryRun: 'All' }, 400, /cannot unmarshal string into Go struct field DeleteOptions.dryRun of type \[\]string$/],
  ['preconditions that are none', 'DELETE', `${CONFIG_MAPS}/x`, { preconditions: 'uid' }, 400, /DeleteOptions.preconditions of type v1.Preconditions$/],
  ['a timeout that is a word', 'GET', `${CONFIG_MAPS}?timeoutSeconds=soon`, undefined, 400, /^strconv\.ParseInt: parsing "soon": invalid syntax$/],
  ['a limit that says nothing', 'GET', `${CONFIG_MAPS}?limit=`, undefined, 400, /^strconv\.ParseInt: parsing "": invalid syntax$/],
  ['a limit beyond an int64', 'GET', `${CONFIG_MAPS}?limit=9223372036854775808`, undefined, 400, /^strconv\.ParseInt: parsing "9223372036854775808": value out of range$/],
  ['a limit of many zeros that is none', 'GET', `${CONFIG_MAPS}?limit=${'0'.repeat(12_000)}x`, undefined, 400, /^strconv\.ParseInt: parsing "0{50}": invalid syntax$/],
  ['a grace beyond an int64', 'DELETE', `${CONFIG_MAPS}/none?gracePeriodSeconds=-9223372036854775809`, undefined, 400, /^strconv\.ParseInt: parsing "-9223372036854775809": value out of range$/],
  ['a bad propagation policy', 'DELETE', `${CONFIG_MAPS}/x?propagationPolicy=Sideways`, undefined, 422, /^DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways"/],
];

for (const [what, method, path, body, status, message, headers] of REFUSALS) {
  test(`refuses ${what} with ${status}`, async () => {
    const answer = await door.call(method, path, { body, headers });
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.json.kind, 'Status');
    assert.equal(answer.json.code, status);
    assert.match(answer.json.message, message);
  });
}

test('a body above the limit gets 413, and so does one that does not say its length', async () => {
  const huge = JSON.stringify(configMap('huge', { a: 'x'.repeat(3 * 1024 * 1024) }));
  assert.equal((await door.call('POST', CONFIG_MAPS, { body: huge })).status, 413);
  assert.equal((await door.call('POST', CONFIG_MAPS, { body: huge, headers: { 'transfer-encoding': 'chunked' } })).status, 413);
  const large = JSON.stringify(configMap('large', { a: 'x'.repeat(2 * 1024 * 1024) }));
  const answer = await door.call('POST', CONFIG_MAPS, { body: large });
  assert.ok(answer.status === 413 || answer.status === 422, answer.text.slice(0, 300));
});

test('deep nesting is refused and breaks nothing', async () => {
  const deep = `{"metadata":{"name":"deep"},"data":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
  assert.equal((await door.call('POST', CONFIG_MAPS, { body: deep })).status, 400);
  assert.equal((await door.call('GET', '/readyz')).text, 'ok');
});

test('an unknown field is dropped with a warning', async () => {
  const answer = await door.call('POST', CONFIG_MAPS, { body: { metadata: { name: 'warned' }, toads: 1 } });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers['warning'], '299 - "unknown field \\"toads\\""');
  assert.equal('toads' in answer.json, false);
});

test('an update is optimistic when it names a version', async () => {
  const first = (await door.call('POST', CONFIG_MAPS, { body: configMap('opt') })).json;
  const second = await door.call('PUT', `${CONFIG_MAPS}/opt`, { body: { ...first, data: { a: '2' } } });
  assert.equal(second.status, 200);
  const third = await door.call('PUT', `${CONFIG_MAPS}/opt`, { body: { ...first, data: { a: '3' } } });
  assert.equal(third.status, 409);
  assert.equal(third.json.message, 'Operation cannot be fulfilled on configmaps "opt": the object has been modified; please apply your changes to the latest version and try again');
  assert.equal((await door.call('PUT', `${CONFIG_MAPS}/opt`, { body: configMap('opt', { a: '4' }) })).json.data.a, '4');
  assert.equal((await door.call('POST', CONFIG_MAPS, { body: configMap('opt') })).json.message, 'configmaps "opt" already exists');
});

test('unconditional changes at once all arrive', async () => {
  await door.call('POST', CONFIG_MAPS, { body: configMap('busy', {}) });
  const patches = Array.from({ length: 40 }, (_, each) => door.call('PATCH', `${CONFIG_MAPS}/busy`, { body: { data: { [`k${each}`]: 'v' } }, headers: { 'content-type': 'application/merge-patch+json' } }));
  for (const answer of await Promise.all(patches)) assert.equal(answer.status, 200, answer.text);
  assert.equal(Object.keys((await door.call('GET', `${CONFIG_MAPS}/busy`)).json.data).length, 40);
});

test('a change that changes nothing writes nothing', async () => {
  const made = (await door.call('POST', CONFIG_MAPS, { body: configMap('still') })).json;
  const same = (await door.call('PUT', `${CONFIG_MAPS}/still`, { body: made })).json;
  assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion);
});

test('the four patches', async () => {
  await door.call('POST', CONFIG_MAPS, { body: configMap('patched', { a: '1', b: '2' }) });
  const patch = (type: string, body: unknown, query = ''): ReturnType<OpenDoor['call']> => door.call('PATCH', `${CONFIG_MAPS}/patched${query}`, { body, headers: { 'content-type': type } });
  assert.deepEqual((await patch('application/merge-patch+json', { data: { b: null } })).json.data, { a: '1' });
  assert.deepEqual((await patch('application/json-patch+json', [{ op: 'add', path: '/data/c', value: '3' }])).json.data, { a: '1', c: '3' });
  assert.deepEqual((await patch('application/strategic-merge-patch+json', { data: { d: '4' } })).json.data, { a: '1', c: '3', d: '4' });
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\ndata: {e: "5"}\n';
  const applied = await patch('application/apply-patch+yaml', yaml, '?fieldManager=me');
  assert.equal(applied.status, 200, applied.text);
  assert.equal(applied.json.data.e, '5');
  const conflict = await patch('application/apply-patch+yaml', yaml.replace('"5"', '"6"'), '?fieldManager=you');
  assert.equal(conflict.status, 409);
  assert.equal(conflict.json.details.causes[0].reason, 'FieldManagerConflict');
  assert.equal((await patch('application/apply-patch+yaml', yaml.replace('"5"', '"6"'), '?fieldManager=you&force=true')).json.data.e, '6');
  assert.equal((await patch('application/json-patch+json', [{ op: 'test', path: '/data/a', value: '9' }])).status, 422);
});

test('apply makes what is not there', async () => {
  const answer = await door.call('PATCH', `${CONFIG_MAPS}/fresh?fieldManager=me`, { body: configMap('fresh'), headers: { 'content-type': 'application/apply-patch+yaml' } });
  assert.equal(answer.status, 201, answer.text);
  assert.deepEqual(answer.json.metadata.managedFields.map((each: { operation: string }) => each.operation), ['Apply']);
});

test('a dry run leaves nothing behind', async () => {
  assert.equal((await door.call('POST', `${CONFIG_MAPS}?dryRun=All`, { body: configMap('dry') })).status, 201);
  assert.equal((await door.call('GET', `${CONFIG_MAPS}/dry`)).status, 404);
  await door.call('POST', CONFIG_MAPS, { body: configMap('dry') });
  assert.equal((await door.call('DELETE', `${CONFIG_MAPS}/dry?dryRun=All`)).status, 200);
  assert.equal((await door.call('GET', `${CONFIG_MAPS}/dry`)).status, 200);
});

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

test('an object of which nothing was said has a spec with its defaults, as what Go writes has', async () => {
  for (const [path, spec] of [
    ['/apis/coordination.k8s.io/v1/namespaces/default/leases', {}], ['/api/v1/namespaces/default/resourcequotas', {}], ['/apis/policy/v1/namespaces/default/poddisruptionbudgets', {}], [CONFIG_MAPS, undefined],
    ['/apis/networking.k8s.io/v1/namespaces/default/networkpolicies', { podSelector: {}, policyTypes: ['Ingress'] }],
    ['/apis/storage.k8s.io/v1/csidrivers', { attachRequired: true, fsGroupPolicy: 'ReadWriteOnceWithFSType', podInfoOnMount: false, requiresRepublish: false, seLinuxMount: false, storageCapacity: false, volumeLifecycleModes: ['Persistent'] }],
  ] as const) assert.deepEqual((await door.call('POST', `${path}?dryRun=All`, { body: { metadata: { name: 'bare' } } })).json.spec, spec, path);
  for (const [path, message] of [
    ['/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', /spec\.maxReplicas: Invalid value: 0: must be greater than 0/],
    ['/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations', /spec\.type: Unsupported value: ""/],
    ['/api/v1/namespaces/default/pods', /^Pod "bare" is invalid: spec.containers: Required value$/],
    ['/apis/batch/v1/namespaces/default/jobs', /^Job\.batch "bare" is invalid: spec\.template: Required value$/],
  ] as const) assert.match((await door.call('POST', path, { body: { metadata: { name: 'bare' } } })).json.message, message);
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

test('status and scale have paths of their own', async () => {
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const template = { metadata: { labels: { app: 'w' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const made = (await door.call('POST', path, { body: { metadata: { name: 'w' }, spec: { replicas: 2, selector: { matchLabels: { app: 'w' } }, template }, status: { replicas: 9 } } })).json;
  assert.deepEqual([made.metadata.generation, made.status.replicas], [1, undefined]);
  const reported = (await door.call('PUT', `${path}/w/status`, { body: { ...made, spec: { ...made.spec, replicas: 7 }, status: { replicas: 2, observedGeneration: 1 } } })).json;
  assert.deepEqual([reported.spec.replicas, reported.status.replicas, reported.metadata.generation], [2, 2, 1]);
  const scale = (await door.call('GET', `${path}/w/scale`)).json;
  assert.deepEqual([scale.kind, scale.spec, scale.status], ['Scale', { replicas: 2 }, { replicas: 2, selector: 'app=w' }]);
  const table = (await door.call('GET', `${path}/w/scale`, { headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' } })).json;
  assert.deepEqual([table.columnDefinitions.map((each: { name: string }) => each.name), table.rows[0].cells.slice(0, 3)], [['Name', 'Desired', 'Available', 'Age'], ['w', 2, 2]]);
  const scaled = await door.call('PUT', `${path}/w/scale`, { body: { ...scale, spec: { replicas: 5 } } });
  assert.equal(scaled.json.spec.replicas, 5);
  const now = (await door.call('GET', `${path}/w`)).json;
  assert.deepEqual([now.spec.replicas, now.metadata.generation, now.status.replicas], [5, 2, 2]);
  assert.equal((await door.call('PUT', `${path}/w/scale`, { body: { ...scale, spec: { replicas: -1 } } })).status, 422);
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

test('lists: chunks of one snapshot, selectors, the forms', async () => {
  await door.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'lists' } } });
  const path = '/api/v1/namespaces/lists/configmaps';
  for (const each of ['a', 'b', 'c', 'd', 'e']) await door.call('POST', path, { body: configMap(each, {}, { labels: { odd: String(['a', 'c', 'e'].includes(each)) } }) });
  const first = (await door.call('GET', `${path}?limit=2`)).json;
  assert.equal(first.metadata.remainingItemCount, 3);
  await door.call('DELETE', `${path}/c`);
  const second = (await door.call('GET', `${path}?limit=2&continue=${first.metadata.continue}`)).json;
  assert.deepEqual(second.items.map((each: { metadata: { name: string } }) => each.metadata.name), ['c', 'd']);
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  const odd = (await door.call('GET', `${path}?labelSelector=odd%3Dtrue&limit=1`)).json;
  assert.deepEqual([odd.items.length, typeof odd.metadata.continue, odd.metadata.remainingItemCount], [1, 'string', undefined]);
  assert.equal((await door.call('GET', `${path}?fieldSelector=metadata.name%3Db`)).json.items[0].metadata.name, 'b');
  const table = (await door.call('GET', path, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } })).json;
  assert.deepEqual([table.kind, table.columnDefinitions[0].name, table.rows[0].cells[0], table.rows[0].object.kind], ['Table', 'Name', 'a', 'PartialObjectMetadata']);
  const partial = (await door.call('GET', path, { headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' } })).json;
  assert.deepEqual([partial.kind, Object.keys(partial.items[0]).sort().join()], ['PartialObjectMetadataList', 'apiVersion,kind,metadata']);
  const yaml = await door.call('GET', `${path}/a`, { headers: { accept: 'application/yaml' } });
  assert.match(yaml.text, /^kind: ConfigMap$/m);
  const protobuf = await door.call('GET', `${path}/a`, { headers: { accept: 'application/vnd.kubernetes.protobuf,application/json' } });
  assert.equal(protobuf.bytes.subarray(0, 4).toString('latin1'), 'k8s\0');
  const missed = await door.call('GET', `${path}/nope`, { headers: { accept: 'application/vnd.kubernetes.protobuf,application/json' } });
  const told = decodeProtobuf(missed.bytes) as unknown as { reason: string; details: { name: string }; code: number };
  assert.deepEqual([missed.status, missed.headers['content-type'], told.reason, told.details.name, told.code], [404, 'application/vnd.kubernetes.protobuf', 'NotFound', 'nope', 404]);
  assert.equal((await door.call('GET', `${path}/nope`, { headers: { accept: 'application/json,application/vnd.kubernetes.protobuf' } })).json.reason, 'NotFound');
  const posted = await door.call('POST', path, { body: Buffer.from(protobuf.bytes), headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } });
  assert.match(posted.json.message, /resourceVersion should not be set on objects to be created/);
  assert.equal((await door.call('DELETE', `${path}?labelSelector=odd%3Dtrue`)).status, 200);
  assert.equal((await door.call('GET', path)).json.items.length, 2);
});

test('a chunk of a snapshot that is gone is refused with 410', async () => {
  const { metadata } = (await door.call('GET', `${CONFIG_MAPS}?limit=1`)).json;
  await door.call('POST', CONFIG_MAPS, { body: configMap('after-snapshot') });
  await door.store.compact();
  const late = await door.call('GET', `${CONFIG_MAPS}?limit=1&continue=${metadata.continue}`);
  assert.deepEqual([late.status, late.json.reason], [410, 'Expired']);
  const exact = await door.call('GET', `${CONFIG_MAPS}?resourceVersion=1&resourceVersionMatch=Exact`);
  assert.equal(exact.status, 410);
  const early = await door.call('GET', `${CONFIG_MAPS}?resourceVersion=999999&resourceVersionMatch=NotOlderThan`);
  assert.deepEqual([early.status, early.json.details.causes[0].reason], [504, 'ResourceVersionTooLarge']);
});

test('a big answer is compressed for who asks', async () => {
  await door.call('POST', CONFIG_MAPS, { body: configMap('big', { a: 'x'.repeat(200_000) }) });
  assert.equal((await door.call('GET', `${CONFIG_MAPS}/big`)).headers['content-encoding'], undefined);
  const packed = await door.call('GET', `${CONFIG_MAPS}/big`, { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.ok(packed.bytes.length < 10_000);
});

test('both event groups show the same event', async () => {
  const made = await door.call('POST', '/api/v1/namespaces/default/events', { body: { metadata: { name: 'e1' }, involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' }, reason: 'Why', message: 'because', type: 'Normal' } });
  assert.equal(made.status, 201, made.text);
  const other = (await door.call('GET', '/apis/events.k8s.io/v1/namespaces/default/events/e1')).json;
  assert.deepEqual([other.apiVersion, other.note, other.regarding.name], ['events.k8s.io/v1', 'because', 'p']);
});

test('a doubled key in YAML is a warning, and the last one holds; so in a patch', async () => {
  const yaml = await door.call('POST', CONFIG_MAPS, { body: 'metadata: {name: doubled}\ndata:\n  a: "1"\n  a: "2"\nbogus: 1\n', headers: { 'content-type': 'application/yaml' } });
  assert.deepEqual([yaml.status, yaml.json.data, yaml.headers['warning']], [201, { a: '2' }, '299 - "line 4: key \\"a\\" already set in map", 299 - "unknown field \\"bogus\\""']);
  const patch = await door.call('PATCH', `${CONFIG_MAPS}/doubled`, { body: '{"data":{"a":"3","a":"4"}}', headers: { 'content-type': 'application/merge-patch+json' } });
  assert.deepEqual([patch.status, patch.json.data, patch.headers['warning']], [200, { a: '4' }, '299 - "duplicate field \\"data.a\\""']);
  const quiet = await door.call('PATCH', `${CONFIG_MAPS}/doubled?fieldValidation=Ignore`, { body: '{"data":{"a":"5","a":"6"}}', headers: { 'content-type': 'application/merge-patch+json' } });
  assert.deepEqual([quiet.status, quiet.headers['warning']], [200, undefined]);
});

test('a list with a limit at a version is a list of that version', async () => {
  const first = (await door.call('GET', `${CONFIG_MAPS}?limit=1`)).json.metadata.resourceVersion;
  await door.call('POST', CONFIG_MAPS, { body: configMap('after-that') });
  for (const query of [`resourceVersion=${first}&limit=500`, `resourceVersion=${first}&limit=500&resourceVersionMatch=`]) {
    const { json } = await door.call('GET', `${CONFIG_MAPS}?${query}`);
    assert.deepEqual([json.metadata.resourceVersion, json.items.some((each: { metadata: { name: string } }) => each.metadata.name === 'after-that')], [first, false]);
  }
});

test('an element of a strategic patch without its merge key is answered as upstream answers what it does not classify', async () => {
  await door.call('POST', CONFIG_MAPS, { body: configMap('owned', {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Pond', name: 'p', uid: 'u' }] }) });
  const answer = await door.call('PATCH', `${CONFIG_MAPS}/owned`, { body: { metadata: { ownerReferences: [{ kind: 'Pond' }] } }, headers: { 'content-type': 'application/strategic-merge-patch+json' } });
  assert.deepEqual([answer.status, answer.json.reason, answer.json.message], [500, undefined, 'map: map[kind:Pond] does not contain declared merge key: uid']);
});

test('a LimitRange without a name gets one', async () => {
  const made = await door.call('POST', '/api/v1/namespaces/default/limitranges', { body: { spec: { limits: [] } } });
  assert.equal(made.status, 201, made.text);
  assert.match(made.json.metadata.name, /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
  assert.equal((await door.call('GET', `/api/v1/namespaces/default/limitranges/${made.json.metadata.name}`)).json.metadata.uid, made.json.metadata.uid);
});
