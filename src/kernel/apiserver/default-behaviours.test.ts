/** Which kinds differ from what all others do, as upstream's lists of exceptions have it (test/integration/apiserver/apidefinitions). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { kindsOfDefinition } from '../../api/custom/custom-kind.ts';
import type { Kind } from '../../api/kind.ts';
import { BUILT_IN_KINDS } from '../../api/kinds.ts';
import { openDoor, type Answer, type OpenDoor } from './testing/open-door.ts';

const KUBERNETES = /^$|^(apps|batch|autoscaling|policy|events\.k8s\.io|[a-z]+\.k8s\.io|[a-z]+\.[a-z]+\.k8s\.io)$/;
const NOT_KUBERNETES = new Set(['autoscaling.k8s.io', 'snapshot.storage.k8s.io', 'metrics.k8s.io', 'gateway.networking.k8s.io']);
const DEFINITION = { metadata: { name: 'toads.pond.example' }, spec: { group: 'pond.example', scope: 'Namespaced', names: { plural: 'toads', singular: 'toad', kind: 'Toad', listKind: 'ToadList' }, versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } }, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }] } };

/** `plural.group` of the built-in kinds of which something holds. */
function those(holds: (kind: Kind) => boolean): string[] {
  const kinds = BUILT_IN_KINDS.filter(({ group }) => KUBERNETES.test(group) && !NOT_KUBERNETES.has(group)).filter(holds);
  return [...new Set(kinds.map(({ plural, group }) => (group === '' ? plural : `${plural}.${group}`)))].sort();
}

test('kinds that a PUT may make', () => {
  assert.deepEqual(those(({ rules }) => rules.allowCreateOnUpdate === true), [
    'clusterrolebindings.rbac.authorization.k8s.io', 'clusterroles.rbac.authorization.k8s.io', 'endpoints', 'events', 'events.events.k8s.io', 'leases.coordination.k8s.io', 'limitranges',
    'rolebindings.rbac.authorization.k8s.io', 'roles.rbac.authorization.k8s.io', 'runtimeclasses.node.k8s.io', 'services',
  ]);
});

test('kinds whose updates say which version they change', () => {
  assert.deepEqual(those(({ rules }) => rules.allowUnconditionalUpdate === false), [
    'apiservices.apiregistration.k8s.io', 'clustertrustbundles.certificates.k8s.io', 'csidrivers.storage.k8s.io', 'csinodes.storage.k8s.io', 'csistoragecapacities.storage.k8s.io',
    'customresourcedefinitions.apiextensions.k8s.io', 'devicetaintrules.resource.k8s.io', 'leases.coordination.k8s.io', 'mutatingadmissionpolicies.admissionregistration.k8s.io',
    'mutatingadmissionpolicybindings.admissionregistration.k8s.io', 'mutatingwebhookconfigurations.admissionregistration.k8s.io', 'podcertificaterequests.certificates.k8s.io',
    'poddisruptionbudgets.policy', 'runtimeclasses.node.k8s.io', 'storageversionmigrations.storagemigration.k8s.io', 'validatingadmissionpolicies.admissionregistration.k8s.io',
    'validatingadmissionpolicybindings.admissionregistration.k8s.io', 'validatingwebhookconfigurations.admissionregistration.k8s.io', 'volumeattachments.storage.k8s.io',
  ]);
});

test('kinds whose dependents stay unless somebody asks', () => {
  assert.deepEqual(those(({ rules }) => rules.orphansDependents === true), ['jobs.batch', 'replicationcontrollers']);
});

test('kinds with a status whose generation is not kept', () => {
  assert.deepEqual(those(({ rules, subresources }) => subresources.status === true && rules.generation === false), [
    'apiservices.apiregistration.k8s.io', 'certificatesigningrequests.certificates.k8s.io', 'namespaces', 'nodes', 'persistentvolumeclaims', 'persistentvolumes', 'podcertificaterequests.certificates.k8s.io',
    'resourceclaims.resource.k8s.io', 'resourcequotas', 'servicecidrs.networking.k8s.io', 'services', 'volumeattachments.storage.k8s.io',
  ]);
});

const TOADS = '/apis/pond.example/v1/namespaces/default/toads';
let door: OpenDoor;
before(async () => {
  door = await openDoor({ kinds: [...BUILT_IN_KINDS, ...kindsOfDefinition(DEFINITION as never)] });
});
after(() => door.close());
const merge = (path: string, body: object): Promise<Answer> => door.call('PATCH', path, { body, headers: { 'content-type': 'application/merge-patch+json' } });

test('an update that says no version is refused where it must, by any way but a patch that leaves it alone', async () => {
  const toad = { apiVersion: 'pond.example/v1', kind: 'Toad', metadata: { name: 'one' }, spec: { replicas: 1 } };
  assert.equal((await door.call('POST', TOADS, { body: toad })).status, 201);
  const message = 'toads.pond.example "one" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update';
  for (const resourceVersion of [undefined, '', '0']) for (const path of ['one', 'one/status']) {
    const { status, json } = await door.call('PUT', `${TOADS}/${path}`, { body: { ...toad, metadata: { name: 'one', resourceVersion }, spec: { replicas: 2 } } });
    assert.deepEqual([status, json.message, json.details.kind], [422, message, 'toads']);
  }
  assert.equal((await merge(`${TOADS}/one`, { metadata: { resourceVersion: null } })).json.message, message);
  const patched = await merge(`${TOADS}/one`, { spec: { replicas: 3 } });
  assert.equal(patched.status, 200, patched.text);
  const applied = await door.call('PATCH', `${TOADS}/one?fieldManager=a&force=true`, { body: { ...toad, spec: { replicas: 4 } }, headers: { 'content-type': 'application/apply-patch+yaml' } });
  assert.equal(applied.status, 200, applied.text);
  const scaled = await door.call('PUT', `${TOADS}/one/scale`, { body: { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'one', namespace: 'default' }, spec: { replicas: 5 } } });
  assert.deepEqual([scaled.status, scaled.json.spec?.replicas], [200, 5], scaled.text);
  const put = await door.call('PUT', `${TOADS}/one`, { body: { ...toad, metadata: { name: 'one', resourceVersion: scaled.json.metadata.resourceVersion }, spec: { replicas: 6 } } });
  assert.equal(put.status, 200, put.text);
});

test('a custom resource says what it is', async () => {
  const metadata = { name: 'nameless' };
  for (const [body, message] of [
    [{ apiVersion: 'pond.example/v1', metadata }, `the object provided is unrecognized (must be of type Toad): Object 'Kind' is missing in '{"apiVersion":"pond.example/v1","metadata":{"name":"nameless"}}' ({"apiVersion":"pond.example/v1 ...)`],
    [{ kind: 'Toad', metadata }, 'the API version in the data () does not match the expected API version (pond.example/v1)'],
  ] as const) for (const [method, path] of [['POST', TOADS], ['PUT', `${TOADS}/nameless`], ['PUT', `${TOADS}/nameless/status`]] as const) {
    const { status, json } = await door.call(method, path, { body });
    assert.deepEqual([status, json.message], [400, message], method);
  }
});

test('what of the metadata /status writes', async () => {
  const toad = { apiVersion: 'pond.example/v1', kind: 'Toad', metadata: { name: 'two' } };
  const pod = { metadata: { name: 'two' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const workload = { metadata: { name: 'two' }, spec: { selector: { matchLabels: { a: 'b' } }, template } };
  const metadata = { labels: { by: 'status' }, annotations: { by: 'status' }, finalizers: ['example.com/status'], ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'y' }] };
  const all = ['labels', 'annotations', 'finalizers', 'ownerReferences'];
  const written = async (path: string, object: object): Promise<string[]> => {
    const made = await door.call('POST', path, { body: object });
    assert.equal(made.status, 201, made.text);
    const patched = await merge(`${path}/two/status`, { metadata });
    assert.equal(patched.status, 200, patched.text);
    const owned = (patched.json.metadata.managedFields ?? []).filter((entry: { subresource?: string }) => entry.subresource === 'status').flatMap((entry: { fieldsV1: { 'f:metadata'?: object } }) => Object.keys(entry.fieldsV1['f:metadata'] ?? {}));
    const fields = all.filter((field) => patched.json.metadata[field] !== undefined);
    assert.deepEqual(owned.toSorted(), fields.map((field) => `f:${field}`).toSorted(), 'who writes it owns it');
    return fields;
  };
  assert.deepEqual(await written(TOADS, toad), []);
  assert.deepEqual(await written('/api/v1/namespaces/default/pods', pod), ['labels', 'annotations', 'finalizers']);
  assert.deepEqual(await written('/apis/apps/v1/namespaces/default/deployments', workload), ['annotations', 'finalizers', 'ownerReferences']);
  assert.deepEqual(await written('/apis/apps/v1/namespaces/default/statefulsets', { ...workload, spec: { ...workload.spec, serviceName: 's' } }), all);
});

test('a PUT of the status that says no version is the last word on the metadata, too', async () => {
  const sets = '/apis/apps/v1/namespaces/default/replicasets';
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const made = await door.call('POST', sets, { body: { metadata: { name: 'last', labels: { kept: 'no' } }, spec: { selector: { matchLabels: { a: 'b' } }, template } } });
  assert.equal(made.status, 201, made.text);
  const put = await door.call('PUT', `${sets}/last/status`, { body: { metadata: { name: 'last', annotations: { by: 'status' } }, status: { replicas: 3 } } });
  assert.deepEqual([put.status, put.json.metadata.labels, put.json.metadata.annotations, put.json.status.replicas, put.json.spec.replicas], [200, undefined, { by: 'status' }, 3, 1], put.text);
});

test('an object that is deleted goes when /status takes its last finalizer away', async () => {
  const jobs = '/apis/batch/v1/namespaces/default/jobs';
  const job = { metadata: { name: 'held', finalizers: ['example.com/held'] }, spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } } };
  assert.equal((await door.call('POST', jobs, { body: job })).status, 201);
  assert.equal((await door.call('DELETE', `${jobs}/held?propagationPolicy=Background`)).status, 200);
  assert.equal((await merge(`${jobs}/held/status`, { metadata: { finalizers: null } })).status, 200);
  assert.equal((await door.call('GET', `${jobs}/held`)).status, 404);
});

test('what Go says of values that nobody gave is said here, too', async () => {
  const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
  const made = await door.call('POST', classes, { body: { metadata: { name: 'plain' } } });
  assert.deepEqual([made.status, made.json.value], [201, 0], made.text);
  assert.equal((await merge(`${classes}/plain`, { metadata: { labels: { a: 'b' } } })).status, 200);
  assert.deepEqual((await door.call('POST', '/apis/resource.k8s.io/v1/deviceclasses', { body: { metadata: { name: 'plain' } } })).json.spec, {});
  const slice = await door.call('POST', '/apis/resource.k8s.io/v1/resourceslices', { body: { metadata: { name: 'plain' }, spec: { nodeName: 'n', driver: 'a.example', pool: { name: 'n', resourceSliceCount: 1 } } } });
  assert.equal(slice.json.spec.pool?.generation, 0, slice.text);
});

test('events are deleted at once, whatever is asked of their dependents: nobody looks after them', async () => {
  const events = '/api/v1/namespaces/default/events';
  for (const propagationPolicy of ['Foreground', 'Orphan']) {
    assert.equal((await door.call('POST', events, { body: { metadata: { name: 'told' }, involvedObject: { namespace: 'default' } } })).status, 201);
    assert.equal((await door.call('DELETE', `${events}/told?propagationPolicy=${propagationPolicy}`)).status, 200);
    assert.equal((await door.call('GET', `${events}/told`)).status, 404);
  }
  assert.equal((await door.call('POST', events, { body: { metadata: { name: 'held', finalizers: ['example.com/held', 'foregroundDeletion'] }, involvedObject: { namespace: 'default' } } })).status, 201);
  assert.deepEqual((await door.call('DELETE', `${events}/held?propagationPolicy=Foreground`)).json.metadata.finalizers, ['example.com/held']);
});

test('a pod whose grace lasts takes a shorter one, and no other wish; what has no grace takes another policy', async () => {
  const finalizers = ['example.com/held'];
  const again = async (path: string, object: object, options: object): Promise<[changed: boolean, finalizers: string[]]> => {
    assert.equal((await door.call('POST', path, { body: object })).status, 201);
    const first = await door.call('DELETE', `${path}/going`);
    assert.equal(first.status, 200, first.text);
    const second = (await door.call('DELETE', `${path}/going`, { body: options })).json;
    await merge(`${path}/going`, { metadata: { finalizers: null } });
    await door.call('DELETE', `${path}/going?gracePeriodSeconds=0`);
    return [second.metadata.resourceVersion !== first.json.metadata.resourceVersion, second.metadata.finalizers];
  };
  const pod = { metadata: { name: 'going', finalizers }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } };
  const account = { metadata: { name: 'going', finalizers } };
  const [pods, accounts] = ['/api/v1/namespaces/default/pods', '/api/v1/namespaces/default/serviceaccounts'];
  for (const propagationPolicy of ['Orphan', 'Foreground']) assert.deepEqual(await again(pods, pod, { propagationPolicy }), [false, finalizers]);
  assert.deepEqual(await again(pods, pod, { gracePeriodSeconds: 60 }), [false, finalizers]);
  assert.deepEqual(await again(pods, pod, { gracePeriodSeconds: 5 }), [true, finalizers]);
  assert.deepEqual(await again(accounts, account, {}), [false, finalizers]);
  assert.deepEqual(await again(accounts, account, { propagationPolicy: 'Orphan' }), [true, [...finalizers, 'orphan']]);
});

test('an update that says no version is the last word elsewhere, and makes no Ingress', async () => {
  const map = { metadata: { name: 'one' }, data: { a: 'b' } };
  await door.call('POST', '/api/v1/namespaces/default/configmaps', { body: map });
  assert.equal((await door.call('PUT', '/api/v1/namespaces/default/configmaps/one', { body: { ...map, data: { a: 'c' } } })).status, 200);
  const ingress = { metadata: { name: 'one' }, spec: { defaultBackend: { service: { name: 'a', port: { number: 1 } } } } };
  assert.equal((await door.call('PUT', '/apis/networking.k8s.io/v1/namespaces/default/ingresses/one', { body: ingress })).status, 404);
});
