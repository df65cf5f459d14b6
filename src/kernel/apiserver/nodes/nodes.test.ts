/** What a kubelet may read and write (upstream: the Node authorizer and the NodeRestriction admission plugin). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConfigMap, Lease, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Secret, ServiceAccount } from '../../../api/kinds.ts';
import { openDoor, type Answer, type OpenDoor } from '../testing/open-door.ts';
import { forbiddenLabels } from './labels.ts';

let door: OpenDoor;
const NODE = { 'impersonate-user': 'system:node:n1', 'impersonate-group': 'system:nodes' };
const as = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => door.call(method, path, { headers: { ...NODE, ...headers }, ...(body === undefined ? {} : { body }) });
const CORE = '/api/v1/namespaces/default';
const uids: Record<string, string> = {};

before(async () => {
  door = await openDoor();
  const { client } = door;
  await client.create(Namespace, { metadata: { name: 'kube-node-lease' } });
  for (const name of ['n1', 'n2']) uids[name] = (await client.create(Node, { metadata: { name } })).metadata.uid!;
  for (const name of ['mine', 'other', 'pull', 'volume']) await client.create(Secret, { metadata: { name, namespace: 'default' } });
  for (const name of ['mine', 'other']) {
    await client.create(ConfigMap, { metadata: { name, namespace: 'default' } });
    await client.create(ServiceAccount, { metadata: { name, namespace: 'default' } });
    await client.create(PersistentVolumeClaim, { metadata: { name, namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, volumeName: name } });
    await client.create(PersistentVolume, { metadata: { name }, spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, claimRef: { namespace: 'default', name }, csi: { driver: 'd', volumeHandle: name, nodePublishSecretRef: { name: name === 'mine' ? 'volume' : 'none', namespace: 'default' } } } });
  }
  const pod = (name: string, nodeName: string, of: string): Pod => ({
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName, serviceAccountName: of, imagePullSecrets: of === 'mine' ? [{ name: 'pull' }] : [],
      containers: [{ name: 'c', image: 'i', envFrom: [{ secretRef: { name: of } }], env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: of, key: 'a' } } }] }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: of } }, { name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }] } }],
    },
  });
  uids['here'] = (await client.create(Pod, pod('here', 'n1', 'mine'))).metadata.uid!;
  uids['there'] = (await client.create(Pod, pod('there', 'n2', 'other'))).metadata.uid!;
});
after(() => door.close());

test('a node reads what its pods name, and nothing else', async () => {
  const rows: [string, number][] = [
    ['secrets/mine', 200], ['secrets/pull', 200], ['secrets/volume', 200], ['secrets/other', 403], ['secrets', 403], ['secrets?fieldSelector=metadata.name%3Dmine', 200], ['secrets?fieldSelector=metadata.name%3Dother', 403],
    ['configmaps/mine', 200], ['configmaps/other', 403], ['persistentvolumeclaims/mine', 200], ['persistentvolumeclaims/other', 403], ['persistentvolumeclaims?fieldSelector=metadata.name%3Dmine', 403],
    ['serviceaccounts/mine', 200], ['serviceaccounts/other', 403], ['pods/here', 200], ['pods/there', 403], ['pods', 403], ['pods?fieldSelector=spec.nodeName%3Dn1', 200], ['pods?fieldSelector=spec.nodeName%3Dn2', 403], ['pods?fieldSelector=spec.nodeName!%3Dn1', 403],
    ['pods/here/log', 403], ['services', 200], ['endpoints/x', 404], ['endpoints', 403],
  ];
  for (const [path, status] of rows) assert.equal((await as('GET', `${CORE}/${path}`)).status, status, path);
  for (const [path, status] of [['/api/v1/persistentvolumes/mine', 200], ['/api/v1/persistentvolumes/other', 403], ['/api/v1/nodes/n1', 200], ['/api/v1/nodes/n2', 403], ['/api/v1/nodes', 403], ['/api/v1/nodes?fieldSelector=metadata.name%3Dn1', 200], ['/apis/node.k8s.io/v1/runtimeclasses', 200], ['/apis/storage.k8s.io/v1/csidrivers', 200]] as const) assert.equal((await as('GET', path)).status, status, path);
  const refused = await as('GET', `${CORE}/secrets/other`);
  assert.equal(refused.json.message, `secrets "other" is forbidden: User "system:node:n1" cannot get resource "secrets" in API group "" in the namespace "default": no relationship found between node 'n1' and this object`);
  assert.equal((await as('POST', `${CORE}/secrets`, { metadata: { name: 'new' } })).status, 403);
  assert.equal((await as('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'x' } })).status, 201);
});

test('a node without a name, and who only calls himself one, have no such rights', async () => {
  const nameless = await door.call('GET', `${CORE}/pods/here`, { headers: { 'impersonate-user': 'system:node:', 'impersonate-group': 'system:nodes' } });
  assert.match(nameless.json.message, /unknown node for user "system:node:"/);
  assert.equal((await door.call('GET', `${CORE}/pods/here`, { headers: { 'impersonate-user': 'system:node:n1', 'impersonate-group': 'others' } })).status, 403);
});

test('a node writes itself, not its taints, nor labels that attract work', async () => {
  const merge = { 'content-type': 'application/merge-patch+json' };
  const patch = (name: string, body: object): Promise<Answer> => as('PATCH', `/api/v1/nodes/${name}`, body, merge);
  assert.equal((await patch('n1', { metadata: { labels: { 'topology.kubernetes.io/zone': 'a', own: 'b' } } })).status, 200);
  assert.equal((await as('PATCH', '/api/v1/nodes/n1/status', { status: { conditions: [] } }, merge)).status, 200);
  assert.match((await patch('n2', { metadata: { labels: { own: 'b' } } })).json.message, /node "n1" is not allowed to modify node "n2"/);
  assert.match((await patch('n1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } })).json.message, /node "n1" is not allowed to modify taints/);
  assert.match((await patch('n1', { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'gone' }] } })).json.message, /node "n1" is not allowed to modify ownerReferences/);
  assert.equal((await patch('n1', { metadata: { ownerReferences: [] } })).status, 200, 'none before and after');
  assert.match((await patch('n1', { metadata: { labels: { 'x.node-restriction.kubernetes.io/secure': 'yes', 'node-role.kubernetes.io/control-plane': '' } } })).json.message, /is not allowed to modify labels: node-role.kubernetes.io\/control-plane, x.node-restriction.kubernetes.io\/secure/);
  assert.equal((await as('DELETE', '/api/v1/nodes/n1')).status, 403);
  assert.match((await as('POST', '/api/v1/nodes', { metadata: { name: 'n3' } })).json.message, /is not allowed to modify node "n3"/);
});

test('of pods a node writes the status, and deletes and evicts its own', async () => {
  const status = async (name: string): Promise<Answer> => as('PATCH', `${CORE}/pods/${name}/status`, { status: { message: 'm' } }, { 'content-type': 'application/merge-patch+json' });
  assert.equal((await status('here')).status, 200);
  assert.match((await status('there')).json.message, /node "n1" can only update pod status for pods with spec.nodeName set to itself/);
  assert.match((await as('DELETE', `${CORE}/pods/there`)).json.message, /can only delete pods with spec.nodeName set to itself/);
  assert.match((await as('POST', `${CORE}/pods/there/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'there' } })).json.message, /can only evict pods with spec.nodeName set to itself/);
  const dry = await as('POST', `${CORE}/pods/here/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'here' }, deleteOptions: { dryRun: ['All'] } });
  assert.equal(dry.status, 201, dry.text);
  const labels = await as('PUT', `${CORE}/pods/here/status`, { ...(await door.client.get(Pod, 'here', { namespace: 'default' })), metadata: { ...(await door.client.get(Pod, 'here', { namespace: 'default' })).metadata, labels: { a: 'b' } } });
  assert.match(labels.json.message, /cannot update labels through pod status/);
});

test('a node makes mirror pods only', async () => {
  const mirror = (change: (pod: Pod) => void): Pod => {
    const pod: Pod = { metadata: { name: 'static-n1', annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: uids['n1']!, controller: true }] }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } };
    change(pod);
    return pod;
  };
  const rows: [(pod: Pod) => void, RegExp][] = [
    [(pod) => void delete pod.metadata.annotations, /can only create mirror pods/], [(pod) => void (pod.spec!.nodeName = 'n2'), /can only create pods with spec.nodeName set to itself/], [(pod) => void delete pod.metadata.ownerReferences, /with an owner reference set to itself/],
    [(pod) => void (pod.metadata.ownerReferences![0]!.uid = 'x'), /node n1 UID mismatch: expected x got/], [(pod) => void (pod.metadata.ownerReferences![0]!.controller = false), /with a controller owner reference set to itself/],
    [(pod) => void (pod.spec!.serviceAccountName = 'mine'), /can not create pods that reference a service account/], [(pod) => void (pod.spec!.volumes = [{ name: 'v', secret: { secretName: 'mine' } }]), /can not create pods that reference secrets/],
    [(pod) => void (pod.spec!.volumes = [{ name: 'v', configMap: { name: 'mine' } }]), /can not create pods that reference configmaps/], [(pod) => void (pod.spec!.volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'mine' } }]), /can not create pods that reference persistentvolumeclaims/],
  ];
  for (const [change, why] of rows) {
    const { status, json } = await as('POST', `${CORE}/pods`, mirror(change));
    assert.equal(status, 403);
    assert.match(json.message, why);
  }
  assert.equal((await as('POST', `${CORE}/pods`, mirror(() => {}))).status, 201);
  await as('DELETE', `${CORE}/pods/static-n1?gracePeriodSeconds=0`);
});

test('a node keeps one lease, and asks for tokens of its own pods', async () => {
  const leases = '/apis/coordination.k8s.io/v1/namespaces';
  assert.equal((await as('POST', `${leases}/kube-node-lease/leases`, { metadata: { name: 'n1' } })).status, 201);
  assert.match((await as('POST', `${leases}/kube-node-lease/leases`, { metadata: { name: 'n2' } })).json.message, /can only access node lease with the same name/);
  assert.match((await as('POST', `${leases}/default/leases`, { metadata: { name: 'n1' } })).json.message, /can only access leases in the "kube-node-lease" system namespace/);
  assert.deepEqual([(await as('GET', `${leases}/kube-node-lease/leases/n1`)).status, (await as('GET', `${leases}/kube-node-lease/leases`)).status], [200, 403]);
  assert.equal((await door.client.get(Lease, 'n1', { namespace: 'kube-node-lease' })).metadata.name, 'n1');
  const token = (account: string, spec: object): Promise<Answer> => as('POST', `${CORE}/serviceaccounts/${account}/token`, { spec });
  const bound = (name: string): object => ({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid: uids[name] } });
  assert.equal((await token('mine', { ...bound('here'), audiences: ['vault'] })).status, 201);
  assert.match((await token('mine', bound('here'))).json.message, /audience "" not found in pod spec volume/);
  assert.match((await token('mine', { audiences: ['vault'] })).json.message, /node requested token not bound to a pod/);
  assert.match((await token('mine', { ...bound('there'), audiences: ['vault'] })).json.message, /bound to a pod scheduled on a different node/);
  assert.match((await token('other', bound('there'))).json.message, /no relationship found/);
});

test('reviews tell the same, with selectors, and that a node has no list of rules', async () => {
  const review = async (resourceAttributes: object): Promise<unknown> => (await door.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { body: { spec: { user: 'system:node:n1', groups: ['system:nodes'], resourceAttributes } } })).json.status;
  assert.deepEqual(await review({ verb: 'get', resource: 'secrets', namespace: 'default', name: 'mine' }), { allowed: true });
  assert.deepEqual(await review({ verb: 'get', resource: 'secrets', namespace: 'default', name: 'other' }), { allowed: false, reason: `no relationship found between node 'n1' and this object` });
  assert.deepEqual(await review({ verb: 'list', resource: 'pods', fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n1'] }] } }), { allowed: true });
  assert.deepEqual(await review({ verb: 'list', resource: 'pods', fieldSelector: { rawSelector: 'spec.nodeName=n2' } }), { allowed: false, reason: 'can only list/watch pods with spec.nodeName field selector' });
  assert.equal((await as('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: 'default' } })).json.status.incomplete, true);
});

test('labels of a node', () => {
  assert.deepEqual(forbiddenLabels({ a: '1', 'kubernetes.io/hostname': 'h', 'foo.kubelet.kubernetes.io/x': '1', 'foo.k8s.io/x': '1' }, { 'kubernetes.io/other': 'gone', same: 'x' }), ['foo.k8s.io/x', 'kubernetes.io/other']);
});
