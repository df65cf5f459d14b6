import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { Gateway } from '../../api/gateway/kinds.ts';
import type { Secret } from '../../api/generated/core-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/networking-v1.ts';
import { createDoubtTeller, doubtsOf } from './certificate-doubts.ts';
import { CERTIFICATE_PEM, KEY_PEM } from './forward/testing/certificates.ts';
import { namesIn, lifetimeOf } from './certificate-facts.ts';
import { namesShown } from './haproxy/shown-names.ts';
import { CONTROLLER, INGRESS_CONTROLLER, type Observed } from './observed.ts';

const pair = { certificatePem: CERTIFICATE_PEM, keyPem: KEY_PEM };
const [name = ''] = namesIn(pair);
const { fromMs, untilMs } = lifetimeOf(pair);
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const secret = { metadata: { namespace: 'shop', name: 'tls' }, data: { 'tls.crt': base64(CERTIFICATE_PEM), 'tls.key': base64(KEY_PEM) } } as unknown as Secret;
const strange = { ...secret, data: { ...secret.data, 'tls.key': base64(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()) } };

function observedOf(hostname: string, more: { own?: Secret; annotations?: Record<string, string> } = {}): Observed {
  const gateway: Gateway = { metadata: { namespace: 'shop', name: 'edge', uid: 'g' }, spec: { gatewayClassName: 'llmos', listeners: [{ name: 'https', port: 443, protocol: 'HTTPS', hostname, tls: { certificateRefs: [{ name: 'tls' }] } }, { name: 'http', port: 80, protocol: 'HTTP' }] } };
  const ingress = { metadata: { namespace: 'shop', name: 'web', uid: 'i', annotations: more.annotations }, spec: { ingressClassName: 'llmos', tls: [{ hosts: [hostname], secretName: 'tls' }] } } as unknown as Ingress;
  return {
    classes: [{ metadata: { name: 'llmos' }, spec: { controllerName: CONTROLLER } }], gateways: [gateway], listenerSets: [], httpRoutes: [], grpcRoutes: [], tlsRoutes: [], tcpRoutes: [], udpRoutes: [], grants: [], policies: [], ingresses: [ingress],
    ingressClasses: [{ metadata: { name: 'llmos' }, spec: { controller: INGRESS_CONTROLLER } } as IngressClass],
    service: () => undefined, secret: (key) => (key === 'shop/tls' && 'own' in more ? more.own : key === 'shop/tls' ? secret : undefined), configMap: () => undefined, trustBundle: () => undefined, namespace: () => undefined,
  };
}

const reasons = (observed: Observed, nowMs: number): string[] => doubtsOf(observed, nowMs).doubts.map(({ about, reason }) => `${about.metadata.uid} ${reason}`);

test('certificates that nobody believes are told of: by their time, and by their names', () => {
  const good = observedOf(name);
  assert.deepEqual([reasons(good, fromMs), doubtsOf(good, fromMs).nextMs], [[], untilMs]);
  assert.deepEqual([reasons(good, untilMs), doubtsOf(good, untilMs).nextMs], [['g CertificateExpired', 'i CertificateExpired'], Infinity]);
  assert.deepEqual([reasons(good, fromMs - 1), doubtsOf(good, fromMs - 1).nextMs], [['g CertificateNotYetValid', 'i CertificateNotYetValid'], fromMs]);
  assert.deepEqual(reasons(observedOf('elsewhere.example.org'), fromMs), ['g CertificateForOtherNames', 'i CertificateForOtherNames']);
  assert.deepEqual(reasons(observedOf(`*.${name.split('.').slice(1).join('.')}`), fromMs), [], 'a part of what a wildcard is for');
});

test('a Gateway tells by its conditions what it cannot show, an Ingress has Events alone', () => {
  for (const own of [undefined, strange]) assert.deepEqual(reasons(observedOf(name, { own } as { own: Secret }), fromMs), ['i CertificateNotUsable']);
  assert.deepEqual(reasons(observedOf(name, { own: undefined, annotations: { 'llmos.dev/issuer': 'acme' } } as unknown as { own: Secret }), fromMs), [], 'one that is being made');
});

test('what is told is not told again, until it comes again', () => {
  const told: string[] = [];
  const stop = new AbortController();
  const look = createDoubtTeller({ events: { event: (about, type, reason) => void told.push(`${about.metadata.name} ${type} ${reason}`) }, clock: { nowMs: () => fromMs } as never, signal: stop.signal }, () => observedOf(name));
  const missing = observedOf(name, { own: undefined } as unknown as { own: Secret });
  for (const each of [missing, missing, observedOf(name), missing]) look(each);
  stop.abort();
  assert.deepEqual(told, ['web Warning CertificateNotUsable', 'web Warning CertificateNotUsable']);
});

test('names for which certificates are shown', () => {
  const listener = (hostname: string): Parameters<typeof namesShown>[0][number] => ({ name: hostname, hostname, certificates: [pair], takes: 'requests' });
  const shown = (...hostnames: string[]): (readonly string[])[] => namesShown(hostnames.map(listener)).map(({ names }) => names);
  assert.deepEqual(shown('other.org'), [['other.org']], 'the only one there is, whatever it says');
  assert.deepEqual(shown('*.example.com'), [['*.example.com', 'abc.example.com', '*.shop.example.com']]);
  assert.deepEqual(shown('*.shop.example.com', '*.example.com'), [['*.shop.example.com'], ['*.example.com', 'abc.example.com']], 'the narrowest has it');
  assert.deepEqual(shown(name, ''), [[name], namesIn(pair).slice(1)], 'who is for a name alone has it');
});
