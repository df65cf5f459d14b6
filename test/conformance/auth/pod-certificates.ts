/** [sig-auth] PodCertificateRequest API, Projected PodCertificate: the object, and the certificates that pods get of a signer. */
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { certificationRequest } from '../../../src/api/certificates/certification-request.ts';
import { implicit, sequence } from '../../../src/api/certificates/der.ts';
import { pemBlock } from '../../../src/api/certificates/pem.ts';
import { readCertificationRequest } from '../../../src/api/certificates/pkcs10.ts';
import { makeAuthority, signRequest, type KeyAndCertificate } from '../../../src/kernel/apiserver/identity/certificates.ts';
import { behaviour, call, create, get, kubectl, namespace, podOf, refused, remove, until, type Body } from '../cluster.ts';
import { serverOf } from '../network/servers.ts';
import { isReady, pathOf } from '../node/pod.ts';
import { changesInEveryWay } from '../resource-life.ts';
import { trust, TRUST_BUNDLES } from './trust-bundles.ts';

const PROJECTED = 'Projected PodCertificate [FeatureGate:PodCertificateRequest] [FeatureGate:ClusterTrustBundle] [FeatureGate:ClusterTrustBundleProjection]';
const SINCE = '[MinimumKubeletVersion:1.37]';
const PATH_KEY = 'spiffe/path-overriding';
const DAY_SECONDS = 86_400;
/** The making of certificates lets them begin five minutes before its time, which a signer may not: a minute is right. */
const [BACK_SECONDS, BEGIN_SECONDS] = [300, 60];

const requestsOf = (space: string): string => `/apis/certificates.k8s.io/v1/namespaces/${space}/podcertificaterequests`;

/** What a signer says to a request: a certificate with a name in SPIFFE's form, for as long as was asked for. */
function issued(authority: KeyAndCertificate, { metadata: { namespace: space }, spec }: Body): Body {
  const { publicKey } = readCertificationRequest(pemBlock('CERTIFICATE REQUEST', Buffer.from(spec.stubPKCS10Request, 'base64')));
  const path = spec.unverifiedUserAnnotations?.[PATH_KEY] ?? `/ns/${space}/sa/${spec.serviceAccountName}`;
  const altNames = sequence(implicit(6, Buffer.from(`spiffe://cluster.local${path}`)));
  const seconds = Math.min(spec.maxExpirationSeconds ?? DAY_SECONDS, DAY_SECONDS);
  const certificateChain = signRequest(authority, { subject: sequence(), publicKey, altNames, usages: ['digital signature', 'client auth', 'server auth'], expirationSeconds: seconds - BACK_SECONDS }, Date.now() + (BACK_SECONDS - BEGIN_SECONDS) * 1_000);
  const { validFromDate, validToDate } = new X509Certificate(certificateChain);
  const condition = { type: 'Issued', status: 'True', reason: 'Tested', message: 'by a test', lastTransitionTime: new Date().toISOString() };
  return { certificateChain, notBefore: validFromDate.toISOString(), notAfter: validToDate.toISOString(), beginRefreshAt: new Date((validFromDate.getTime() + validToDate.getTime()) / 2).toISOString(), conditions: [condition] };
}

/** A signer of the requests of a namespace while `work` runs, whose authority pods may trust. */
async function withSigner(work: (space: string, signerName: string) => Promise<void>): Promise<void> {
  const space = await namespace();
  const signerName = `e2e.example.com/${space}`;
  const authority = makeAuthority('signer', Date.now());
  const bundle = await trust('anchors', authority.certificatePem, { signerName });
  let over = false;
  const signing = (async () => {
    while (!over) {
      const open = (await get(requestsOf(space))).items.filter(({ spec, status }: Body) => spec.signerName === signerName && (status?.conditions ?? []).length === 0);
      for (const request of open) await call('PUT', `${requestsOf(space)}/${request.metadata.name}/status`, { body: { ...request, status: issued(authority, request) } });
      await new Promise((settle) => setTimeout(settle, 50));
    }
  })();
  try {
    await work(space, signerName);
  } finally {
    over = true;
    await signing;
  }
  await remove(`${TRUST_BUNDLES}/${bundle}`);
}

const identityOf = (signerName: string, more: object = {}): Body => ({ podCertificate: { signerName, keyType: 'ECDSAP256', credentialBundlePath: 'credentials.pem', ...more } });

function holderOf(name: string, ...sources: Body[]): Body {
  return podOf(name, { spec: { volumes: [{ name: 'identity', projected: { sources } }] }, container: { volumeMounts: [{ name: 'identity', mountPath: '/identity' }] } });
}

/** The certificate that a pod finds, with its key. */
async function certificateOf(space: string, pod: Body): Promise<X509Certificate> {
  await create(`/api/v1/namespaces/${space}/pods`, pod);
  await isReady(space, pod.metadata.name);
  const text = await kubectl('-n', space, 'exec', pod.metadata.name, '--', 'cat', '/identity/credentials.pem');
  const certificate = new X509Certificate(text.slice(text.indexOf('-----BEGIN CERTIFICATE-----')));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(text)));
  return certificate;
}

const lifeSeconds = ({ validFromDate, validToDate }: X509Certificate): number => (validToDate.getTime() - validFromDate.getTime()) / 1_000;

const LOAD = "const f = require('node:fs').readFileSync, pem = f('/identity/credentials.pem'), tls = { key: pem, cert: pem, ca: f('/identity/anchors.pem') };";
const SERVER = `${LOAD} require('node:https').createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (q, r) => r.setHeader('connection', 'close').end('you are ' + q.socket.getPeerCertificate().subjectaltname)).listen(443);`;
const CLIENT = `${LOAD} const checkServerIdentity = (_name, { subjectaltname }) => (/^URI:spiffe:/.test(subjectaltname) ? undefined : new Error('not of ours: ' + subjectaltname));
const ask = () => { const q = require('node:https').get({ host: process.argv[1], port: 443, agent: false, timeout: 2000, checkServerIdentity, ...tls }, (r) => r.on('data', (d) => console.log(String(d)))); q.on('timeout', () => q.destroy()); q.on('error', (e) => console.log(e.message)); }; setInterval(ask, 500);`;

/** A pod that runs a script of Node with an identity of the signer, and knows whom to trust. */
function talker(name: string, signerName: string, script: string, ...args: string[]): Body {
  const pod = serverOf(name, { labels: { app: name }, container: { command: ['/node/node', '-e', script, ...args], readinessProbe: undefined } });
  pod.spec.volumes.push({ name: 'identity', projected: { sources: [identityOf(signerName), { clusterTrustBundle: { signerName, labelSelector: {}, path: 'anchors.pem' } }] } });
  pod.spec.containers[0].volumeMounts.push({ name: 'identity', mountPath: '/identity' });
  return pod;
}

export function podCertificates(): void {
  behaviour('PodCertificateRequest API should support PodCertificateRequest API operations', async () => {
    const space = await namespace();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const stubPKCS10Request = certificationRequest(privateKey).toString('base64');
    const uid = (last: number): string => `12345678-1234-1234-1234-12345678901${last}`;
    const spec = { signerName: `example.com/${space}`, podName: 'test-pod', podUID: uid(2), serviceAccountName: 'default', serviceAccountUID: uid(3), nodeName: 'test-node', nodeUID: uid(4), maxExpirationSeconds: DAY_SECONDS, stubPKCS10Request };
    await changesInEveryWay({
      group: 'certificates.k8s.io', version: 'v1', plural: 'podcertificaterequests', namespace: space,
      make: (name) => ({ apiVersion: 'certificates.k8s.io/v1', kind: 'PodCertificateRequest', metadata: { name, namespace: space }, spec }),
      change: { metadata: { labels: { 'test.example.com': 'test' } } },
      status: JSON.parse(JSON.stringify(issued(makeAuthority('signer', Date.now()), { metadata: { namespace: space }, spec })).replaceAll(/\.\d{3}Z/g, 'Z')),
    });
  });

  behaviour(`${PROJECTED} should allow server and client pods to establish an mTLS connection ${SINCE}`, () => withSigner(async (space, signerName) => {
    await create(`/api/v1/namespaces/${space}/services`, { metadata: { name: 'server' }, spec: { selector: { app: 'server' }, ports: [{ name: 'https', port: 443 }] } });
    await create(`/api/v1/namespaces/${space}/pods`, talker('server', signerName, SERVER));
    await create(`/api/v1/namespaces/${space}/pods`, talker('client', signerName, CLIENT, `server.${space}.svc`));
    await until(`${pathOf(space, 'client')}/log`, (log) => String(log).includes(`you are URI:spiffe://cluster.local/ns/${space}/sa/default`), 40_000);
  }));

  behaviour(`${PROJECTED} should honor UserAnnotations for SPIFFE URI path ${SINCE}`, () => withSigner(async (space, signerName) => {
    const certificate = await certificateOf(space, holderOf('p', identityOf(signerName, { userAnnotations: { [PATH_KEY]: '/custom-workload' } })));
    assert.equal(certificate.subjectAltName, 'URI:spiffe://cluster.local/custom-workload');
  }));

  const MAX = `${PROJECTED} MaxExpirationSeconds validations`;
  behaviour(`${MAX} should issue certificate with default life time (24h) when MaxExpirationSeconds is not set ${SINCE}`, () => withSigner(async (space, signerName) => {
    assert.equal(lifeSeconds(await certificateOf(space, holderOf('p', identityOf(signerName)))), DAY_SECONDS);
  }));

  behaviour(`${MAX} should issue certificate with specified duration (1h) when MaxExpirationSeconds is set ${SINCE}`, () => withSigner(async (space, signerName) => {
    assert.equal(lifeSeconds(await certificateOf(space, holderOf('p', identityOf(signerName, { maxExpirationSeconds: 3_600 })))), 3_600);
  }));

  for (const [name, maxExpirationSeconds, message] of [
    ['should reject pod creation when MaxExpirationSeconds exceeds maximum (91d)', 91 * DAY_SECONDS + 1, 'if provided, maxExpirationSeconds must be <= 7862400'],
    ['should reject pod creation when MaxExpirationSeconds is less than minimum (1h)', 3_599, 'if provided, maxExpirationSeconds must be >= 3600'],
  ] as const) {
    behaviour(`${MAX} ${name} ${SINCE}`, async () => {
      const answer = await refused(422, 'POST', `/api/v1/namespaces/${await namespace()}/pods`, { body: holderOf('p', identityOf('example.com/none', { maxExpirationSeconds })) });
      assert.ok(answer.message.includes(message), answer.message);
    });
  }
}
