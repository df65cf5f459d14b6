/** Certificate requests over a real door: what is approved by itself, and what the four signers of a cluster sign. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { isApiError } from '../../src/api/errors.ts';
import { CertificateSigningRequest, ClusterRole, ClusterRoleBinding } from '../../src/api/kinds.ts';
import type { Client } from '../../src/sdk/client.ts';
import certificates from '../../src/modules/certificates/module.ts';
import core from '../../src/modules/core/module.ts';
import rbac from '../../src/modules/rbac/module.ts';
import { makeCertificateRequest } from '../fixtures/certificate-request.ts';
import { eventually, startWorld, type World } from './world.ts';

let world: World;
let made = 0;
before(async () => {
  world = await startWorld([core, rbac, certificates]);
  await world.client.create(ClusterRole, { metadata: { name: 'requests' }, rules: [{ apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'], verbs: ['create'] }] });
  await bind('requests', 'system:bootstrappers');
  await bind('requests', 'system:nodes');
});
after(() => world.stop());

const RBAC = 'rbac.authorization.k8s.io';
const bind = (role: string, group: string): Promise<unknown> => world.client.create(ClusterRoleBinding, {
  metadata: { name: `b${(made += 1)}` }, roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role }, subjects: [{ kind: 'Group', apiGroup: RBAC, name: group }],
});
const as = (name: string, group: string): Client => world.door.client({ name, groups: [group, 'system:authenticated'] });

interface Wish { signerName: string; commonName: string; organizations?: string[]; usages?: string[]; dnsNames?: string[] }

async function ask(client: Client, { signerName, commonName, organizations, usages, dnsNames }: Wish): Promise<string> {
  const name = `r${(made += 1)}`;
  const { request } = makeCertificateRequest({ commonName, organizations, dnsNames });
  await client.create(CertificateSigningRequest, { metadata: { name }, spec: { request, signerName, usages } } as CertificateSigningRequest);
  return name;
}

const get = (name: string): Promise<CertificateSigningRequest> => world.client.get(CertificateSigningRequest, name);
const typesOf = ({ status }: CertificateSigningRequest): string[] => (status?.conditions ?? []).map(({ type }) => type);

async function settled(name: string): Promise<CertificateSigningRequest> {
  await eventually(`${name} is answered`, async () => Boolean((await get(name)).status?.certificate) || typesOf(await get(name)).includes('Failed'));
  return get(name);
}

async function approve(name: string): Promise<void> {
  const live = await get(name);
  await world.client.update(CertificateSigningRequest, { ...live, status: { ...live.status, conditions: [{ type: 'Approved', status: 'True', reason: 'Test', message: '' }] } }, { subresource: 'approval' });
}

const NODE = { commonName: 'system:node:n1', organizations: ['system:nodes'], usages: ['digital signature', 'client auth'] };
const CLIENT_KUBELET = 'kubernetes.io/kube-apiserver-client-kubelet';

test('a certificate of a node as a client is approved for who may ask for it, and for nobody else', async () => {
  const joining = as('system:bootstrap:abcdef', 'system:bootstrappers');
  const early = await ask(joining, { ...NODE, signerName: CLIENT_KUBELET });
  await new Promise((settle) => setTimeout(settle, 60));
  assert.deepEqual(typesOf(await get(early)), [], 'rights come from bindings');
  await bind('system:certificates.k8s.io:certificatesigningrequests:nodeclient', 'system:bootstrappers');
  const name = await ask(joining, { ...NODE, signerName: CLIENT_KUBELET });
  const { status } = await settled(name);
  assert.deepEqual(status?.conditions?.map(({ type, reason, message }) => [type, reason, message]), [['Approved', 'AutoApproved', 'Auto approving kubelet client certificate after SubjectAccessReview.']]);
  assert.match(new X509Certificate(Buffer.from(status?.certificate ?? '', 'base64')).subject, /O=system:nodes\nCN=system:node:n1/);

  await bind('system:certificates.k8s.io:certificatesigningrequests:selfnodeclient', 'system:nodes');
  const own = await settled(await ask(as('system:node:n1', 'system:nodes'), { ...NODE, signerName: CLIENT_KUBELET }));
  assert.match(own.status?.conditions?.[0]?.message ?? '', /^Auto approving self kubelet client certificate/);
  await assert.rejects(ask(as('system:node:n2', 'system:nodes'), { ...NODE, signerName: CLIENT_KUBELET }), /can only create a node CSR with CN=system:node:n2/);
  const strange = await ask(joining, { ...NODE, organizations: ['system:masters'], signerName: CLIENT_KUBELET });
  const server = await ask(joining, { ...NODE, usages: ['digital signature', 'server auth'], dnsNames: ['n1'], signerName: 'kubernetes.io/kubelet-serving' });
  await new Promise((settle) => setTimeout(settle, 100));
  for (const each of [strange, server]) assert.deepEqual(typesOf(await get(each)), [], each);
});

test('the signers sign what is approved, as far as each of them gives it', async () => {
  const serving = { ...NODE, usages: ['digital signature', 'server auth'], dnsNames: ['n1'], signerName: 'kubernetes.io/kubelet-serving' };
  const table: [Wish, RegExp | undefined][] = [
    [{ commonName: 'ann', usages: ['client auth'], signerName: 'kubernetes.io/kube-apiserver-client' }, undefined],
    [{ commonName: 'ann', usages: ['server auth'], signerName: 'kubernetes.io/kube-apiserver-client' }, /server auth is not given/],
    [serving, undefined],
    [{ ...serving, dnsNames: [] }, /at least one DNS name or IP address/],
    [{ ...serving, commonName: 'n1' }, /does not begin with system:node:/],
    [{ ...serving, usages: ['server auth'] }, /digital signature is required/],
    [{ ...NODE, signerName: CLIENT_KUBELET, organizations: ['others'] }, /subject organization is not system:nodes/],
    [{ ...NODE, signerName: CLIENT_KUBELET, dnsNames: ['n1'] }, /alternative names are not allowed/],
  ];
  for (const [wish, why] of table) {
    const name = await ask(world.client, wish);
    if (typesOf(await get(name)).length === 0) await approve(name).catch((error: unknown) => isApiError(error, 'Conflict') || Promise.reject(error));
    const request = await settled(name);
    if (why === undefined) assert.ok(request.status?.certificate, JSON.stringify(wish));
    else assert.match(request.status?.conditions?.find(({ type }) => type === 'Failed')?.message ?? '', why, JSON.stringify(wish));
  }
  await assert.rejects(ask(world.client, { commonName: 'a', usages: ['client auth'], signerName: 'kubernetes.io/legacy-unknown' }), /the legacy signerName is not allowed via this API version/);
  const foreign = await ask(world.client, { commonName: 'a', usages: ['client auth'], signerName: 'example.com/mine' });
  await approve(foreign);
  await new Promise((settle) => setTimeout(settle, 60));
  assert.equal((await get(foreign)).status?.certificate, undefined, 'somebody else\'s to sign');
});

test('who may approve and sign is a right on the signer', async () => {
  await world.client.create(ClusterRole, { metadata: { name: 'half' }, rules: [{ apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests/approval', 'certificatesigningrequests'], verbs: ['update', 'get'] }] });
  await bind('half', 'approvers');
  const name = await ask(world.client, { commonName: 'ann', usages: ['client auth'], signerName: 'kubernetes.io/kube-apiserver-client' });
  const live = await get(name);
  const verdict = { ...live, status: { ...live.status, conditions: [{ type: 'Approved', status: 'True', reason: 'Test', message: '' }] } };
  const approver = as('eve', 'approvers');
  await assert.rejects(approver.update(CertificateSigningRequest, verdict, { subresource: 'approval' }), (error) => isApiError(error, 'Forbidden') && /user not permitted to approve requests with signerName "kubernetes\.io\/kube-apiserver-client"/.test(error.message));
  await world.client.create(ClusterRole, { metadata: { name: 'whole' }, rules: [{ apiGroups: ['certificates.k8s.io'], resources: ['signers'], resourceNames: ['kubernetes.io/*'], verbs: ['approve'] }] });
  await bind('whole', 'approvers');
  await approver.update(CertificateSigningRequest, verdict, { subresource: 'approval' });
  assert.ok((await settled(name)).status?.certificate);
});
