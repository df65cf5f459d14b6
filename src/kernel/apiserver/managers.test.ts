/** Who owns which field, as clients see it: server-side apply by HTTP and by the real kubectl, beside its other ways of writing. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { kindsOfDefinition } from '../../api/custom/custom-kind.ts';
import type { JsonObject } from '../../api/json.ts';
import type { ManagedFieldsEntry, KubeObject } from '../../api/meta.ts';
import { runAny, type RunResult } from '../../base/sys/run.ts';
import { openDoor, type Answer, type OpenDoor } from './testing/open-door.ts';

const installed = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(`${folder}/kubectl`));
const options = { skip: installed ? false : 'kubectl is not installed' };
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

interface ApplyOptions { manager?: string; force?: boolean; query?: string }

function apply(path: string, body: object, { manager = 'one', force = false, query = '' }: ApplyOptions = {}): Promise<Answer> {
  return door.call('PATCH', `${path}?fieldManager=${manager}${force ? '&force=true' : ''}${query}`, { body, headers: { 'content-type': 'application/apply-patch+yaml' } });
}

function merge(path: string, body: object, manager = 'merger'): Promise<Answer> {
  return door.call('PATCH', `${path}?fieldManager=${manager}`, { body, headers: { 'content-type': 'application/merge-patch+json' } });
}

const map = (name: string, data: Record<string, string>, metadata: object = {}): JsonObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data }) as JsonObject;
const deployment = (name: string, spec: object = {}, image = 'a:1'): JsonObject => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name },
  spec: { selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image }] } }, ...spec },
}) as JsonObject;

function entriesOf(object: KubeObject): ManagedFieldsEntry[] {
  return object.metadata.managedFields ?? [];
}

function managersOf(object: KubeObject): string[] {
  return entriesOf(object).map(({ manager, operation, subresource }) => `${manager} ${operation}${subresource === undefined ? '' : ` ${subresource}`}`);
}

function fieldsOf(object: KubeObject, manager: string, operation?: string): unknown {
  return entriesOf(object).find((entry) => entry.manager === manager && (operation === undefined || entry.operation === operation))?.fieldsV1;
}

async function get(path: string): Promise<KubeObject & { data?: Record<string, string>; spec: Record<string, unknown> }> {
  const { status, json } = await door.call('GET', path);
  assert.equal(status, 200, path);
  return json;
}

test('what admission adds belongs to nobody; what defaults add to the creator', async () => {
  const stop = door.server.admit({ name: 'adds', kinds: 'all', operations: ['CREATE', 'UPDATE'], admit: ({ object }) => void ((object as { data?: object }).data = { ...(object as { data?: object }).data, added: 'x' }) }, undefined as never);
  const made = (await door.call('POST', `${CONFIG_MAPS}?fieldManager=maker`, { body: map('admitted', { a: '1' }) })).json;
  stop();
  assert.deepEqual(made.data, { a: '1', added: 'x' });
  assert.deepEqual(fieldsOf(made, 'maker'), { 'f:data': { '.': {}, 'f:a': {} } });
  assert.equal((await apply(`${CONFIG_MAPS}/admitted`, map('admitted', { added: 'y' }))).status, 200);
  const { json } = await door.call('POST', `${DEPLOYMENTS}?fieldManager=maker`, { body: deployment('defaulted') });
  assert.deepEqual(fieldsOf(json, 'maker'), {
    'f:spec': {
      'f:progressDeadlineSeconds': {}, 'f:replicas': {}, 'f:revisionHistoryLimit': {}, 'f:selector': {}, 'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} }, 'f:type': {} },
      'f:template': { 'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } }, 'f:spec': {
        'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:imagePullPolicy': {}, 'f:name': {}, 'f:resources': {}, 'f:terminationMessagePath': {}, 'f:terminationMessagePolicy': {} } },
        'f:dnsPolicy': {}, 'f:restartPolicy': {}, 'f:schedulerName': {}, 'f:securityContext': {}, 'f:terminationGracePeriodSeconds': {},
      } },
    },
  });
});

test('an admission step cannot spoil the managers', async () => {
  const stop = door.server.admit({ name: 'spoils', kinds: 'all', operations: ['CREATE'], admit: ({ object }) => void (object!.metadata.managedFields = [{ manager: 'x', operation: 'Sideways' as 'Apply', apiVersion: 'v1' }]) }, undefined as never);
  const { json, headers } = await door.call('POST', `${CONFIG_MAPS}?fieldManager=maker`, { body: map('spoilt', { a: '1' }) });
  stop();
  assert.deepEqual(managersOf(json), ['maker Update']);
  assert.match(String(headers['warning']), /managedFields was in an invalid state after admission/);
});

test('conflict, force, sharing, letting go', async () => {
  const path = `${CONFIG_MAPS}/shared`;
  assert.equal((await apply(path, map('shared', { a: '1', b: '1' }))).status, 201);
  const conflict = await apply(path, map('shared', { a: '2' }), { manager: 'two' });
  assert.deepEqual([conflict.status, conflict.json.reason, conflict.json.message], [409, 'Conflict', 'Apply failed with 1 conflict: conflict with "one": .data.a']);
  assert.deepEqual(conflict.json.details.causes, [{ reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' }]);
  assert.deepEqual(managersOf((await apply(path, map('shared', { a: '1' }), { manager: 'two' })).json), ['two Apply', 'one Apply'], 'the same value is shared, and who changed nothing has no time');
  const forced = (await apply(path, map('shared', { a: '2' }), { manager: 'two', force: true })).json;
  assert.deepEqual([forced.data, fieldsOf(forced, 'one'), fieldsOf(forced, 'two')], [{ a: '2', b: '1' }, { 'f:data': { 'f:b': {} } }, { 'f:data': { 'f:a': {} } }]);
  const left = (await apply(path, map('shared', {}), { manager: 'two' })).json;
  assert.deepEqual([left.data, managersOf(left)], [{ b: '1' }, ['one Apply', 'two Apply']], 'what nobody else owns goes with its owner, who still owns the map that it names');
  const gone = (await apply(path, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shared' } }, { manager: 'two' })).json;
  assert.deepEqual(managersOf(gone), ['one Apply']);
});

test('force is for apply alone, and apply needs a name', async () => {
  assert.equal((await merge(`${CONFIG_MAPS}/none`, {})).status, 404);
  assert.equal((await door.call('PATCH', `${CONFIG_MAPS}/none?force=true`, { body: {}, headers: { 'content-type': 'application/merge-patch+json' } })).status, 422);
  assert.equal((await apply(`${CONFIG_MAPS}/none`, map('none', {}), { manager: '' })).status, 422);
});

test('a dry run says what would be and keeps nothing', async () => {
  const path = `${CONFIG_MAPS}/dry`;
  const dry = await apply(path, map('dry', { a: '1' }), { query: '&dryRun=All' });
  assert.deepEqual([dry.status, managersOf(dry.json)], [201, ['one Apply']]);
  assert.equal((await door.call('GET', path)).status, 404);
  const kept = (await apply(path, map('dry', { a: '1' }))).json;
  assert.deepEqual((await apply(path, map('dry', { a: '2' }), { query: '&dryRun=All' })).json.data, { a: '2' });
  assert.deepEqual(await get(path), kept);
  assert.equal((await apply(path, map('dry', { a: '3' }), { manager: 'two', query: '&dryRun=All' })).status, 409);
});

test('what changes nothing writes nothing, not even a time', async () => {
  const path = `${DEPLOYMENTS}/calm`;
  const made = (await apply(path, deployment('calm'))).json;
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  assert.deepEqual((await apply(path, deployment('calm'))).json, made);
  assert.deepEqual((await merge(path, { spec: { paused: null } })).json, made);
  assert.deepEqual((await door.call('PUT', path, { body: { ...made, metadata: { ...made.metadata, managedFields: undefined } } })).json, made, 'who leaves the managers out keeps them');
});

test('managers are forgotten when the list of them is emptied, by every way of writing', async () => {
  for (const [name, empty] of [['emptied', []], ['hollow', [{}]]] as const) {
    const path = `${CONFIG_MAPS}/${name}`;
    const made = (await apply(path, map(name, { a: '1' }))).json;
    assert.deepEqual(managersOf((await merge(path, { metadata: { managedFields: empty } })).json), []);
    assert.deepEqual(managersOf((await merge(path, { data: { b: '2' } })).json), [], 'an update of what is not tracked starts nothing');
    assert.deepEqual(managersOf((await apply(path, map(name, { a: '1' }))).json), ['one Apply', 'before-first-apply Update']);
    const put = await door.call('PUT', path, { body: { ...made, metadata: { ...made.metadata, resourceVersion: undefined, managedFields: empty } } });
    assert.deepEqual([put.status, managersOf(put.json)], [200, []]);
  }
  const path = `${CONFIG_MAPS}/replaced`;
  await apply(path, map('replaced', { a: '1' }));
  const replaced = await door.call('PATCH', path, { body: [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }], headers: { 'content-type': 'application/json-patch+json' } });
  assert.deepEqual(managersOf(replaced.json), []);
});

test('at most ten who update; the oldest become ancient-changes', async () => {
  const path = `${CONFIG_MAPS}/old`;
  await door.call('POST', `${CONFIG_MAPS}?fieldManager=m0`, { body: map('old', { k0: '' }) });
  for (let n = 1; n <= 12; n++) await merge(path, { data: { [`k${n}`]: '' } }, `m${n}`);
  const names = entriesOf(await get(path)).map(({ manager }) => manager);
  assert.equal(names.length, 10);
  assert.ok(names.includes('ancient-changes') && names.includes('m12'));
  await apply(path, map('old', { mine: 'x' }));
  assert.equal(entriesOf(await get(path)).length, 11, 'appliers are not counted');
});

test('status and scale have managers of their own', async () => {
  const path = `${DEPLOYMENTS}/split`;
  await apply(path, deployment('split', { replicas: 2 }));
  const status = (await apply(`${path}/status`, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'split' }, status: { replicas: 7 }, spec: { replicas: 9 } }, { manager: 'agent' })).json;
  assert.deepEqual([status.status.replicas, status.spec.replicas, fieldsOf(status, 'agent')], [7, 2, { 'f:status': { 'f:replicas': {} } }]);
  assert.deepEqual(managersOf(status), ['agent Apply status', 'one Apply']);
  const scaled = await merge(`${path}/scale`, { spec: { replicas: 5 } }, 'scaler');
  assert.deepEqual([scaled.status, scaled.json.kind, scaled.json.spec.replicas], [200, 'Scale', 5]);
  const after = await get(path);
  assert.deepEqual([managersOf(after), fieldsOf(after, 'scaler')], [['agent Apply status', 'one Apply', 'scaler Update scale'], { 'f:spec': { 'f:replicas': {} } }]);
  const conflict = await apply(path, deployment('split', { replicas: 2 }));
  assert.equal(conflict.json.message, 'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using apps/v1: .spec.replicas');
  assert.deepEqual([(await apply(path, deployment('split'))).status, (await get(path)).spec['replicas']], [200, 5], 'who no longer names replicas leaves them to the scaler');
  const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'split' }, spec: { replicas: 3 } };
  assert.deepEqual([(await apply(`${path}/scale`, scale, { manager: 'applier' })).status, (await apply(`${path}/scale`, scale, { manager: 'applier', force: true })).json.spec], [409, { replicas: 3 }]);
  assert.deepEqual(managersOf(await get(path)).filter((each) => each.endsWith('scale')), ['applier Apply scale']);
});

test('lists: by key, as sets, as one; maps as one; null unsets', async () => {
  const path = `${DEPLOYMENTS}/lists`;
  const named = (containers: object[], more: object = {}): object => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'lists', ...more }, spec: { template: { spec: { containers } } } });
  await apply(path, deployment('lists'));
  const two = (await apply(path, named([{ name: 'side', image: 's:1', ports: [{ containerPort: 80 }] }], { finalizers: ['example.com/b'] }), { manager: 'two' })).json;
  assert.deepEqual(two.spec.template.spec.containers.map(({ name }: { name: string }) => name), ['c', 'side']);
  assert.deepEqual(fieldsOf(two, 'two'), { 'f:metadata': { 'f:finalizers': { 'v:"example.com/b"': {} } }, 'f:spec': { 'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"side"}': {
    '.': {}, 'f:image': {}, 'f:name': {}, 'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
  } } } } } });
  const less = (await apply(path, named([{ name: 'side', image: 's:1' }]), { manager: 'two' })).json;
  assert.deepEqual([less.metadata.finalizers, less.spec.template.spec.containers[1].ports], [undefined, undefined]);
  assert.equal((await apply(path, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'lists' }, spec: { selector: { matchLabels: { other: 'x' } } } }, { manager: 'two' })).json.message, 'Apply failed with 1 conflict: conflict with "one": .spec.selector', 'a selector is one value');
  const command = (value: string[] | null, manager: string): Promise<Answer> => apply(path, named([{ name: 'c', command: value }]), { manager });
  assert.deepEqual((await command(['a', 'b'], 'commander')).json.spec.template.spec.containers[0].command, ['a', 'b']);
  assert.equal((await command(['a'], 'other')).status, 409, 'a list without keys is one value');
  assert.equal((await command(null, 'commander')).json.spec.template.spec.containers[0].command, undefined);
});

test('a custom kind in another version, and one whose version goes', async () => {
  const open = { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } } };
  const define = (...names: string[]): (() => void)[] => kindsOfDefinition({ metadata: { name: 'frogs.example.com' }, spec: { group: 'example.com', scope: 'Cluster', names: { plural: 'frogs', kind: 'Frog' }, versions: names.map((name, index) => ({ name, served: true, storage: index === 0, schema: open })) } } as never).map((kind) => door.server.serve(kind));
  const frog = (version: string, spec: object): object => ({ apiVersion: `example.com/${version}`, kind: 'Frog', metadata: { name: 'f' }, spec });
  const at = (version: string): string => `/apis/example.com/${version}/frogs/f`;
  const stops = define('v1', 'v1beta1');
  assert.equal((await apply(at('v1beta1'), frog('v1beta1', { size: 1, color: 'green' }))).status, 201);
  const moved = (await apply(at('v1'), frog('v1', { size: 2 }))).json;
  assert.deepEqual([moved.spec, entriesOf(moved).map(({ manager, apiVersion }) => `${manager} ${apiVersion}`)], [{ size: 2 }, ['one example.com/v1']], 'an applier is the same in every version');
  await merge(at('v1beta1'), { spec: { legs: 4 } });
  assert.deepEqual(entriesOf(await get(at('v1'))).map(({ manager, apiVersion }) => `${manager} ${apiVersion}`), ['one example.com/v1', 'merger example.com/v1beta1']);
  for (const stop of stops) stop();
  const stopsLater = define('v1');
  assert.deepEqual(entriesOf((await apply(at('v1'), frog('v1', { size: 3, legs: 4 }))).json).map(({ manager }) => manager), ['one'], 'who wrote in a version that is gone is forgotten');
  for (const stop of stopsLater) stop();
});

test('a binding leaves the managers of its pod alone', async () => {
  const pods = '/api/v1/namespaces/default/pods';
  await door.call('POST', `${pods}?fieldManager=maker`, { body: { metadata: { name: 'bound' }, spec: { containers: [{ name: 'c', image: 'a' }] } } });
  assert.equal((await door.call('POST', `${pods}/bound/binding?fieldManager=scheduler`, { body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'bound' }, target: { kind: 'Node', name: 'n1' } } })).status, 201);
  const bound = await get(`${pods}/bound`);
  assert.deepEqual([bound.spec['nodeName'], managersOf(bound)], ['n1', ['maker Update']]);
  assert.equal(JSON.stringify(entriesOf(bound)).includes('f:nodeName'), false);
});

function kubectl(line: string, input?: object, env: Record<string, string> = {}): Promise<RunResult> {
  return runAny('kubectl', line.split(' '), { env: { ...process.env, KUBECONFIG: door.kubeconfig, HOME: door.folder, KUBECACHEDIR: `${door.folder}/cache`, ...env }, input: input === undefined ? undefined : JSON.stringify(input), timeoutMs: 30_000 });
}

async function runs(line: string, input?: object, env?: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await kubectl(line, input, env);
  assert.equal(code, 0, `${line}: ${stderr}`);
  return stdout;
}

const SERVER_SIDE = 'apply --server-side -f -';

test('kubectl: server-side apply, a conflict with its words, force, diff', options, async () => {
  assert.equal(await runs(SERVER_SIDE, deployment('k1', { replicas: 2 })), 'deployment.apps/k1 serverside-applied\n');
  await runs('scale deploy k1 --replicas=4');
  const { code, stderr } = await kubectl(SERVER_SIDE, deployment('k1', { replicas: 2 }));
  assert.equal(code, 1);
  assert.match(stderr, /^error: Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps\/v1: \.spec\.replicas\nPlease review the fields above--they currently have other managers/);
  assert.equal((await kubectl('diff --server-side -f -', deployment('k1', { replicas: 4 }))).code, 0);
  const diff = await kubectl('diff --server-side --force-conflicts -f -', deployment('k1', { replicas: 2 }));
  assert.deepEqual([diff.code, /^-  replicas: 4\n\+  replicas: 2$/m.test(diff.stdout)], [1, true], diff.stdout);
  await runs('apply --server-side --force-conflicts -f -', deployment('k1', { replicas: 2 }));
  assert.deepEqual(managersOf(await get(`${DEPLOYMENTS}/k1`)), ['kubectl Apply']);
});

test('kubectl: from client-side to server-side apply and back', options, async () => {
  await runs('apply -f -', deployment('k2', { replicas: 2, paused: true }));
  assert.deepEqual(managersOf(await get(`${DEPLOYMENTS}/k2`)), ['kubectl-client-side-apply Update']);
  await runs(SERVER_SIDE, deployment('k2', { replicas: 3 }));
  const moved = await get(`${DEPLOYMENTS}/k2`);
  assert.deepEqual([moved.spec['replicas'], moved.spec['paused']], [3, undefined], 'what client-side apply set and is named no more is gone');
  assert.ok(!managersOf(moved).includes('kubectl-client-side-apply Update'), managersOf(moved).join());
  const last = JSON.parse(moved.metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration'] ?? '{}') as { spec: { replicas: number; paused?: boolean } };
  assert.deepEqual([last.spec.replicas, last.spec.paused], [3, undefined]);
  await runs('apply -f -', deployment('k2', { replicas: 4 }));
  const back = await get(`${DEPLOYMENTS}/k2`);
  assert.deepEqual([back.spec['replicas'], managersOf(back)], [4, ['kubectl Apply', 'kubectl-client-side-apply Update']]);
});

test('what is too large because of its managers is stored without them; an apply is refused', async () => {
  const data = Object.fromEntries(Array.from({ length: 9_999 }, (_, index) => [`this-key-is-very-long-so-as-to-create-a-very-large-serialized-fieldset-${index}`, 'A']));
  const small = { metadata: { name: 'large-updated' }, data: { a: '1' } };
  assert.equal((await door.call('POST', CONFIG_MAPS, { body: { metadata: { name: 'large-made' }, data } })).status, 201);
  await door.call('POST', CONFIG_MAPS, { body: small });
  assert.equal((await door.call('PUT', `${CONFIG_MAPS}/large-updated`, { body: { ...small, data } })).status, 200);
  await door.call('POST', CONFIG_MAPS, { body: { ...small, metadata: { name: 'large-patched' } } });
  assert.equal((await merge(`${CONFIG_MAPS}/large-patched`, { data })).status, 200);
  for (const name of ['large-made', 'large-updated', 'large-patched']) {
    assert.equal((await get(`${CONFIG_MAPS}/${name}`)).metadata.managedFields, undefined, name);
    assert.equal((await apply(`${CONFIG_MAPS}/${name}`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })).status, 413, name);
  }
});

test('managers whose elements are more than JSON are none', async () => {
  for (const [index, element] of ['v:"a" {"more":"data"}', 'k:{"uid":"a"} {"more":"data"}', 'k:"uid"', 'i:one'].entries()) {
    const managedFields = [{ manager: 'odd', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:metadata': { 'f:finalizers': { [element]: {} } } } }];
    const body = map(`odd-${index}`, { a: '1' }, { managedFields });
    assert.deepEqual(managersOf((await door.call('POST', `${CONFIG_MAPS}?fieldManager=maker`, { body })).json), ['maker Update'], element);
    const put = await door.call('PUT', `${CONFIG_MAPS}/odd-${index}?fieldManager=maker`, { body: map(`odd-${index}`, { a: '1', b: '2' }, { managedFields }) });
    assert.deepEqual(fieldsOf(put.json, 'maker'), { 'f:data': { '.': {}, 'f:a': {}, 'f:b': {} } }, element);
  }
});

test('who leaves out the generation of a DaemonSet\'s template owns it, as by upstream\'s conversion', async () => {
  const sets = '/apis/apps/v1/namespaces/default/daemonsets';
  const body = { ...deployment('d'), kind: 'DaemonSet' };
  const made = (await door.call('POST', `${sets}?fieldManager=maker`, { body })).json;
  const generation = { 'f:deprecated.daemonset.template.generation': {} };
  assert.deepEqual([made.metadata.annotations, (fieldsOf(made, 'maker') as JsonObject)['f:metadata']], [{ 'deprecated.daemonset.template.generation': '1' }, { 'f:annotations': { '.': {}, ...generation } }]);
  const put = (await door.call('PUT', `${sets}/d?fieldManager=other`, { body: { ...body, metadata: { name: 'd', labels: { a: 'b' } } } })).json;
  assert.deepEqual([put.metadata.annotations, (fieldsOf(put, 'maker') as JsonObject)['f:metadata'], (fieldsOf(put, 'other') as JsonObject)['f:metadata']], [made.metadata.annotations, { 'f:annotations': {} }, { 'f:annotations': generation, 'f:labels': { '.': {}, 'f:a': {} } }]);
});

test('kubectl: edit takes what it changes, and apply meets it', options, async () => {
  await runs(SERVER_SIDE, map('k3', { a: '1', b: '1' }));
  const editor = `${door.folder}/editor`;
  writeFileSync(editor, '#!/bin/sh\nsed -i "s/a: .*/a: edited/" "$1"\n', { mode: 0o755 });
  assert.match(await runs('edit cm k3', undefined, { KUBE_EDITOR: editor }), /configmap\/k3 edited/);
  const edited = await get(`${CONFIG_MAPS}/k3`);
  assert.deepEqual([edited.data, managersOf(edited), fieldsOf(edited, 'kubectl-edit')], [{ a: 'edited', b: '1' }, ['kubectl Apply', 'kubectl-edit Update'], { 'f:data': { 'f:a': {} } }]);
  assert.match((await kubectl(SERVER_SIDE, map('k3', { a: '2', b: '2' }))).stderr, /conflict with "kubectl-edit" using v1: \.data\.a/);
  await runs(SERVER_SIDE, map('k3', { b: '2' }));
  assert.deepEqual((await get(`${CONFIG_MAPS}/k3`)).data, { a: 'edited', b: '2' }, 'apply lets go of what another owns now');
});

test('kubectl: label, annotate, set and patch are managers with names', options, async () => {
  await runs('create deployment k4 --image=a:1');
  for (const line of ['label deploy k4 x=y', 'annotate deploy k4 n=m', 'set image deploy/k4 a=a:2', 'patch deploy k4 -p {"spec":{"minReadySeconds":3}}', 'rollout restart deploy/k4']) await runs(line);
  assert.deepEqual(managersOf(await get(`${DEPLOYMENTS}/k4`)).sort(), ['kubectl-annotate Update', 'kubectl-create Update', 'kubectl-label Update', 'kubectl-patch Update', 'kubectl-rollout Update', 'kubectl-set Update']);
  assert.equal(await runs('get deploy k4 -o yaml --show-managed-fields=false').then((text) => text.includes('managedFields')), false);
});

test('an apply of more fields than an object can have in its managedFields is refused for its size, with what it would become unmade', async () => {
  const path = `${CONFIG_MAPS}/many-fields`;
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'many-fields' }, data: Object.fromEntries(Array.from({ length: 120_000 }, (_, n) => [`k${n}`, ''])) };
  const answer = await apply(path, body);
  assert.equal(answer.status, 413);
  assert.match(answer.json.message, /the names of the applied fields have \d+ bytes, and no more than 1572864 may be stored/);
  assert.equal((await door.call('GET', path)).status, 404);
});

test('a pod with tolerations of its own may be applied and replaced again: those that were added to it come back', async () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'tolerant', namespace: 'default' }, spec: { containers: [{ name: 'a', image: 'b' }], tolerations: [{ key: 'own', operator: 'Exists' }] } };
  const path = '/api/v1/namespaces/default/pods/tolerant';
  const first = await apply(path, pod);
  assert.deepEqual([first.status, first.json.spec.tolerations.length], [201, 3]);
  const again = await apply(path, pod);
  assert.deepEqual([again.status, again.json.metadata.resourceVersion, again.json.spec.tolerations.length], [200, first.json.metadata.resourceVersion, 3]);
  const replaced = await door.call('PUT', path, { body: { ...first.json, spec: { ...first.json.spec, tolerations: pod.spec.tolerations } } });
  assert.deepEqual([replaced.status, replaced.json.spec.tolerations], [200, first.json.spec.tolerations]);
  const labelled = await merge(path, { metadata: { labels: { a: 'b' } } });
  assert.deepEqual([labelled.status, labelled.json.spec.tolerations.length], [200, 3]);
});
