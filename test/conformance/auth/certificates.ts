/** [sig-auth] Certificates API */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { findCluster } from '../../../src/sdk/client/kubeconfig.ts';
import { makeCertificateRequest } from '../../fixtures/certificate-request.ts';
import { behaviour, call, create, get, patch, put, refused, remove, running, until, type Body } from '../cluster.ts';
import { liveThrough } from '../resource-life.ts';

const GROUP = 'certificates.k8s.io';
const PATH = `/apis/${GROUP}/v1/certificatesigningrequests`;
const CLIENT = 'kubernetes.io/kube-apiserver-client';

function requestFor(name: string, commonName: string, more: { signerName?: string; organizations?: string[]; usages?: string[] } = {}): { object: Body; keyPem: string } {
  const { request, keyPem } = makeCertificateRequest({ commonName, organizations: more.organizations });
  const spec = { request, signerName: more.signerName ?? CLIENT, usages: more.usages ?? ['digital signature', 'key encipherment', 'client auth'], expirationSeconds: 3600 };
  return { object: { apiVersion: `${GROUP}/v1`, kind: 'CertificateSigningRequest', metadata: { name }, spec }, keyPem };
}

async function approved(name: string): Promise<Body> {
  const found = await get(`${PATH}/${name}`);
  const condition = { type: 'Approved', status: 'True', reason: 'E2E', message: 'Set by a test' };
  return put(`${PATH}/${name}/approval`, { ...found, status: { ...found.status, conditions: [...(found.status.conditions ?? []), condition] } });
}

/** Who the door takes the holder of a certificate for. */
function whoIs(certificatePem: string, keyPem: string): Promise<Body> {
  const access = findCluster({ path: running().kubeconfig });
  const { hostname, port } = new URL(access.server);
  return new Promise((settle, fail) => {
    const asking = httpsRequest({ hostname, port, method: 'POST', path: '/apis/authentication.k8s.io/v1/selfsubjectreviews', ca: access.caPem, cert: certificatePem, key: keyPem, headers: { 'content-type': 'application/json' }, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => settle(JSON.parse(text)));
    });
    asking.on('error', fail);
    asking.end('{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}');
  });
}

export function certificates(): void {
  behaviour('Certificates API should support CSR API operations', async () => {
    await liveThrough({ group: GROUP, version: 'v1', plural: 'certificatesigningrequests', subresources: ['approval', 'status'], make: (name) => requestFor(name, name, { signerName: 'example.com/none' }).object });

    const { object } = requestFor('walked', 'walked', { signerName: 'example.com/none' });
    const made = await create(PATH, object);
    assert.deepEqual([made.spec.username, made.spec.groups.includes('system:masters')], ['kubernetes-admin', true]);
    assert.equal((await get(`${PATH}/walked/approval`)).metadata.uid, made.metadata.uid);
    const patched = await patch(`${PATH}/walked/approval`, { metadata: { annotations: { patchedapproval: 'true' } }, status: { conditions: [{ type: 'ApprovalPatch', status: 'True', reason: 'ApprovalPatchReason' }] } });
    assert.equal(patched.status.conditions[0].type, 'ApprovalPatch');
    const both = await approved('walked');
    assert.deepEqual(both.status.conditions.map(({ type, status }: Body) => [type, status]), [['ApprovalPatch', 'True'], ['Approved', 'True']]);
    await refused(422, 'PUT', `${PATH}/walked/approval`, { body: { ...both, status: {} } });
    const status = await put(`${PATH}/walked/status`, { ...both, status: { ...both.status, conditions: [...both.status.conditions, { type: 'StatusUpdate', status: 'True', reason: 'E2E' }] } });
    assert.equal(status.status.conditions.length, 3);
    await remove(`${PATH}/walked`);

    const { object: wanted, keyPem } = requestFor('signed', 'ada', { organizations: ['team'] });
    await create(PATH, wanted);
    await approved('signed');
    const signed = await until(`${PATH}/signed`, (each) => Boolean(each.status.certificate));
    const certificatePem = Buffer.from(signed.status.certificate, 'base64').toString();
    const certificate = new X509Certificate(certificatePem);
    assert.ok(Date.parse(certificate.validTo) - Date.now() < 3_700_000);
    const { userInfo } = (await whoIs(certificatePem, keyPem)).status;
    assert.deepEqual([userInfo.username, userInfo.groups.includes('team')], ['ada', true]);

    await create(PATH, requestFor('server', 'ada', { usages: ['server auth'] }).object);
    await approved('server');
    assert.match((await until(`${PATH}/server`, (each) => each.status.conditions.length > 1)).status.conditions[1].message, /usages did not match/);
    await refused(403, 'POST', PATH, { body: requestFor('master', 'eve', { organizations: ['system:masters'] }).object });
    const clerk = { 'Impersonate-User': 'clerk' };
    await create('/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: { name: 'csr-clerk' }, rules: [{ apiGroups: [GROUP], resources: ['certificatesigningrequests', 'certificatesigningrequests/approval'], verbs: ['*'] }] });
    await create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { metadata: { name: 'csr-clerk' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'csr-clerk' }, subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'clerk' }] });
    await create(PATH, requestFor('clerked', 'clerked').object);
    const denied = await call('PATCH', `${PATH}/clerked/approval`, { body: { status: { conditions: [{ type: 'Approved', status: 'True', reason: 'x' }] } }, contentType: 'application/merge-patch+json', headers: clerk });
    assert.deepEqual([denied.code, /not permitted to approve/.test(denied.body.message)], [403, true], JSON.stringify(denied.body));
  });
}
