/** How objects are made, read and changed over HTTP: what the server owns, names, updates, patches, apply, subresources. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Kind } from '../../api/kind.ts';
import { ConfigMap } from '../../api/kinds.ts';
import type { AdmissionRequest } from '../../sdk/module.ts';
import { CONFIG_MAPS, configMap } from './testing/config-maps.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

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
    // A template that was not given is an empty one, whose pods would be restarted always (pkg/apis/batch/validation, ValidateJobSpec and validateJobSpec).
    ['/apis/batch/v1/namespaces/default/jobs', /^Job\.batch "bare" is invalid: \[spec\.template\.spec\.containers: Required value, spec\.template\.spec\.restartPolicy: Required value: valid values: "OnFailure", "Never"\]$/],
    ['/apis/apps/v1/namespaces/default/deployments', /\[spec\.selector: Required value, spec\.template\.metadata\.labels: Invalid value: null: `selector` does not match template `labels`, spec\.template\.spec\.containers: Required value\]$/],
  ] as const) assert.match((await door.call('POST', path, { body: { metadata: { name: 'bare' } } })).json.message, message);
});

test('an unknown field is dropped with a warning', async () => {
  const answer = await door.call('POST', CONFIG_MAPS, { body: { metadata: { name: 'warned' }, toads: 1 } });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers['warning'], '299 - "unknown field \\"toads\\""');
  assert.equal('toads' in answer.json, false);
});

test('a doubled key in YAML is a warning, and the last one holds; so in a patch', async () => {
  const yaml = await door.call('POST', CONFIG_MAPS, { body: 'metadata: {name: doubled}\ndata:\n  a: "1"\n  a: "2"\nbogus: 1\n', headers: { 'content-type': 'application/yaml' } });
  assert.deepEqual([yaml.status, yaml.json.data, yaml.headers['warning']], [201, { a: '2' }, '299 - "line 4: key \\"a\\" already set in map", 299 - "unknown field \\"bogus\\""']);
  const patch = await door.call('PATCH', `${CONFIG_MAPS}/doubled`, { body: '{"data":{"a":"3","a":"4"}}', headers: { 'content-type': 'application/merge-patch+json' } });
  assert.deepEqual([patch.status, patch.json.data, patch.headers['warning']], [200, { a: '4' }, '299 - "duplicate field \\"data.a\\""']);
  const quiet = await door.call('PATCH', `${CONFIG_MAPS}/doubled?fieldValidation=Ignore`, { body: '{"data":{"a":"5","a":"6"}}', headers: { 'content-type': 'application/merge-patch+json' } });
  assert.deepEqual([quiet.status, quiet.headers['warning']], [200, undefined]);
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

test('an element of a strategic patch without its merge key is answered as upstream answers what it does not classify', async () => {
  await door.call('POST', CONFIG_MAPS, { body: configMap('owned', {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Pond', name: 'p', uid: 'u' }] }) });
  const answer = await door.call('PATCH', `${CONFIG_MAPS}/owned`, { body: { metadata: { ownerReferences: [{ kind: 'Pond' }] } }, headers: { 'content-type': 'application/strategic-merge-patch+json' } });
  assert.deepEqual([answer.status, answer.json.reason, answer.json.message], [500, undefined, 'map: map[kind:Pond] does not contain declared merge key: uid']);
});

test('a dry run leaves nothing behind', async () => {
  assert.equal((await door.call('POST', `${CONFIG_MAPS}?dryRun=All`, { body: configMap('dry') })).status, 201);
  assert.equal((await door.call('GET', `${CONFIG_MAPS}/dry`)).status, 404);
  await door.call('POST', CONFIG_MAPS, { body: configMap('dry') });
  assert.equal((await door.call('DELETE', `${CONFIG_MAPS}/dry?dryRun=All`)).status, 200);
  assert.equal((await door.call('GET', `${CONFIG_MAPS}/dry`)).status, 200);
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

test('both event groups show the same event', async () => {
  const made = await door.call('POST', '/api/v1/namespaces/default/events', { body: { metadata: { name: 'e1' }, involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' }, reason: 'Why', message: 'because', type: 'Normal' } });
  assert.equal(made.status, 201, made.text);
  const other = (await door.call('GET', '/apis/events.k8s.io/v1/namespaces/default/events/e1')).json;
  assert.deepEqual([other.apiVersion, other.note, other.regarding.name], ['events.k8s.io/v1', 'because', 'p']);
});

test('times, texts and statuses of which nothing was said are written as Go writes them, and belong to nobody', async () => {
  const event = { involvedObject: { namespace: 'default', name: 'p' }, message: 'because' };
  const path = '/api/v1/namespaces/default/events';
  const { metadata: { managedFields }, ...made } = (await door.call('POST', path, { body: { ...event, metadata: { name: 'zeros' } } })).json;
  const zeros = { source: {}, firstTimestamp: null, lastTimestamp: null, eventTime: null, reportingComponent: '', reportingInstance: '' };
  assert.deepEqual(made, { apiVersion: 'v1', kind: 'Event', ...event, ...zeros });
  assert.deepEqual(managedFields[0].fieldsV1, { 'f:involvedObject': {}, 'f:message': {} });
  const { metadata: _, ...other } = (await door.call('GET', '/apis/events.k8s.io/v1/namespaces/default/events/zeros')).json;
  assert.deepEqual(other, { apiVersion: 'events.k8s.io/v1', kind: 'Event', regarding: event.involvedObject, note: 'because', eventTime: null, deprecatedSource: {}, deprecatedFirstTimestamp: null, deprecatedLastTimestamp: null });
  const put = (await door.call('PUT', `${path}/zeros`, { body: { ...made, count: 2, metadata: { name: 'zeros' } } })).json;
  assert.deepEqual([put.eventTime, put.count, put.metadata.managedFields[0].fieldsV1], [null, 2, { 'f:count': {}, 'f:involvedObject': {}, 'f:message': {} }]);
  const quota = (await door.call('POST', '/api/v1/namespaces/default/resourcequotas', { body: { metadata: { name: 'q' }, status: { used: { cpu: '1' } } } })).json;
  assert.deepEqual(quota.status, {});
  const sets = '/apis/apps/v1/namespaces/default/statefulsets';
  const set = (await door.call('POST', `${sets}?dryRun=All`, { body: { metadata: { name: 's' }, spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } } } })).json;
  assert.deepEqual([set.spec.serviceName, 'f:serviceName' in set.metadata.managedFields[0].fieldsV1['f:spec']], ['', false]);
});

test('a LimitRange without a name gets one', async () => {
  const made = await door.call('POST', '/api/v1/namespaces/default/limitranges', { body: { spec: { limits: [] } } });
  assert.equal(made.status, 201, made.text);
  assert.match(made.json.metadata.name, /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
  assert.equal((await door.call('GET', `/api/v1/namespaces/default/limitranges/${made.json.metadata.name}`)).json.metadata.uid, made.json.metadata.uid);
});
