import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { LoadBalancingPolicy } from '../../api/network/load-balancing-policy.ts';
import { memoryCache } from '../testing/memory-cache.ts';
import { algorithmOf } from './algorithm.ts';
import { annotationsOf, indexPolicies, policyFor, withPolicy } from './policies.ts';
import { hashOnOf, isProxied, proxySettingsOf, settingsError, weightsError, wireOf } from './settings.ts';

const SERVICE: Service = { metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: '10.2.0.9', ports: [{ port: 80 }] } };
const policy = (name: string, spec: Partial<LoadBalancingPolicy['spec']>, creationTimestamp = '2026-01-01T00:00:00Z'): LoadBalancingPolicy => ({ metadata: { name, namespace: 'shop', creationTimestamp }, spec: { targetRefs: [{ kind: 'Service', name: 'web' }], ...spec } });

test('what a policy says is what annotations say', () => {
  const whole = withPolicy(SERVICE, policy('a', {
    algorithm: 'RandomTwoChoices', healthCheck: { path: '/healthz', interval: '500ms' }, outlierDetection: { consecutiveErrors: 3, ejection: '5s' }, slowStart: '30s', drain: '1m', responseTimeout: '2s',
  }));
  assert.equal(algorithmOf(whole), 'random-two-choices');
  assert.deepEqual(proxySettingsOf(whole), { check: { path: '/healthz', intervalMs: 500 }, outliers: { errors: 3, ejectionMs: 5_000 }, slowStartMs: 30_000, drainMs: 60_000, responseTimeoutMs: 2_000 });
  const hashed = withPolicy(SERVICE, policy('a', { algorithm: 'ConsistentHash', consistentHash: { by: 'Cookie', name: 'sid' } }));
  assert.deepEqual([algorithmOf(hashed), hashOnOf(hashed), wireOf(hashed, { })], ['consistent-hash', { on: 'cookie', name: 'sid' }, 'http']);
  for (const [algorithm, proxied] of [['RoundRobin', false], ['Random', false], ['Weighted', false], ['LeastConnection', true], ['RandomTwoChoices', true], ['ConsistentHash', true]] as const) {
    assert.equal(isProxied(withPolicy(SERVICE, policy('a', { algorithm }))), proxied, algorithm);
  }
  assert.equal(isProxied(withPolicy(SERVICE, policy('a', { outlierDetection: { consecutiveErrors: 1 } }))), true, 'the kernel sees no errors');
});

test('annotations of the Service itself count more', () => {
  const service: Service = { ...SERVICE, metadata: { ...SERVICE.metadata, annotations: { 'llmos.dev/load-balancing': 'random' } } };
  assert.equal(algorithmOf(withPolicy(service, policy('a', { algorithm: 'LeastConnection' }))), 'random');
});

test('of several policies the oldest counts', () => {
  const policies = memoryCache<LoadBalancingPolicy>();
  indexPolicies(policies);
  policies.set(policy('new', { algorithm: 'Random' }, '2026-01-02T00:00:00Z'));
  policies.set(policy('old', { algorithm: 'LeastConnection' }));
  assert.equal(policyFor(policies, 'shop/web')?.metadata.name, 'old');
  policies.remove('shop/old');
  assert.equal(policyFor(policies, 'shop/web')?.metadata.name, 'new');
  assert.equal(policyFor(policies, 'shop/other'), undefined);
});

test('annotations that cannot be read are told of', () => {
  const said = (annotations: Record<string, string>): string => settingsError({ ...SERVICE, metadata: { ...SERVICE.metadata, annotations } }) ?? '';
  assert.match(said({ 'llmos.dev/outlier-detection': '0' }), /no number of errors from 1 to 1000/);
  assert.match(said({ 'llmos.dev/hash-on': 'header:x y' }), /none of source, path, header:NAME, cookie:NAME/);
  assert.match(said({ 'llmos.dev/response-timeout': '1s' }), /only for ports with appProtocol: http/);
  assert.match(said({ 'llmos.dev/drain': 'x' }), /no time from 100ms to 1h/);
  assert.equal(said({ 'llmos.dev/outlier-detection': '5', 'llmos.dev/drain': '30s', 'llmos.dev/load-balancing': 'consistent-hash', 'llmos.dev/hash-on': 'cookie:sid' }), '');
});

test('annotations that say nothing by themselves are told of', () => {
  const said = (annotations: Record<string, string>, protocols = ['TCP']): string => settingsError({ ...SERVICE, metadata: { ...SERVICE.metadata, annotations }, spec: { ports: protocols.map((protocol, index) => ({ port: 80 + index, protocol: protocol as 'TCP' })) } }) ?? '';
  assert.match(said({ 'llmos.dev/hash-on': 'cookie:sid' }), /llmos.dev\/hash-on: 'cookie:sid' says nothing without llmos.dev\/load-balancing: consistent-hash/);
  assert.match(said({ 'llmos.dev/health-check-interval': '1s' }), /says nothing without llmos.dev\/health-check$/);
  assert.match(said({ 'llmos.dev/outlier-ejection': '1s' }), /says nothing without llmos.dev\/outlier-detection$/);
  assert.equal(said({ 'llmos.dev/outlier-ejection': '1s', 'llmos.dev/outlier-detection': '2', 'llmos.dev/health-check-interval': '1s', 'llmos.dev/health-check': 'tcp' }), '');
  assert.match(said({ 'llmos.dev/load-balancing': 'least-connection' }, ['UDP', 'SCTP']), /no port of TCP, and what only HAProxy does \(least-connection\)/);
  assert.match(said({ 'llmos.dev/health-check': 'tcp' }, ['UDP']), /no port of TCP, and what only HAProxy does \(its settings\)/);
  assert.equal(said({ 'llmos.dev/load-balancing': 'least-connection' }, ['UDP', 'TCP']), '');
  assert.equal(said({ 'llmos.dev/load-balancing': 'weighted' }, ['UDP']), '', 'the kernel does it');
});

test('weights that cannot be read are told of', () => {
  const weighed = (name: string, weight: string): { metadata: { name: string; annotations: Record<string, string> } } => ({ metadata: { name, annotations: { 'llmos.dev/weight': weight } } });
  const pods = new Map([['shop/a', weighed('a', '300')], ['shop/b', weighed('b', '3')], ['shop/c', weighed('c', '-1')]]);
  const slice = { ...weighed('web-1', 'much'), endpoints: [...pods.keys(), 'shop/gone'].map((key) => ({ addresses: ['10.1.0.2'], targetRef: { kind: 'Pod', name: key.slice(5) } })) } as unknown as EndpointSlice;
  const wrong = (name: string, value: string): string => `annotation llmos.dev/weight of ${name}: '${value}' is no number from 0 to 256; 1 is used`;
  assert.equal(weightsError('shop', [slice, slice], (key) => pods.get(key)), [wrong('web-1', 'much'), wrong('a', '300'), wrong('c', '-1')].join('; '));
  assert.equal(weightsError('shop', [{ ...slice, metadata: {} }]), undefined);
});

test('every field of a policy has an annotation', () => {
  const whole = annotationsOf({ targetRefs: [], algorithm: 'ConsistentHash', consistentHash: { by: 'Header', name: 'X-User' }, healthCheck: { path: '/x', interval: '1s' }, outlierDetection: { consecutiveErrors: 2, ejection: '1s' }, slowStart: '1s', drain: '1s', responseTimeout: '1s' });
  assert.equal(Object.keys(whole).length, 9);
  assert.equal(whole['llmos.dev/hash-on'], 'header:X-User');
});
