import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service, ServiceSpec } from '../../api/generated/core-v1.ts';
import { createTellings } from './tellings.ts';

test('source ranges that cannot be read are told of, once, and only of load balancers', () => {
  const told: string[] = [];
  const tellings = createTellings({ event: (_about, type, reason, message) => void told.push(`${type} ${reason} ${message}`) });
  const service = (type: string, annotation: string): Service => ({
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop', annotations: { 'service.beta.kubernetes.io/load-balancer-source-ranges': annotation } }, spec: { type } as ServiceSpec,
  });
  const look = (type: string, annotation: string): void => tellings.annotations(service(type, annotation), 'shop/web');
  look('LoadBalancer', '192.0.2.0/24');
  look('ClusterIP', 'office');
  assert.deepEqual(told, []);
  look('LoadBalancer', 'office, 192.0.2.0/24');
  look('LoadBalancer', 'office, 192.0.2.0/24');
  assert.deepEqual(told, ['Warning InvalidAnnotation nobody is let in by what cannot be read of the source ranges of the load balancer: "office"']);
});

test('all that is wrong is told of at once', () => {
  const told: string[] = [];
  const tellings = createTellings({ event: (_about, type, reason, message) => void told.push(`${type} ${reason} ${message}`) });
  tellings.annotations({ metadata: { name: 'web', namespace: 'shop', annotations: { 'llmos.dev/load-balancing': 'magic', 'llmos.dev/slow-start': 'soon' } }, spec: {} }, 'shop/web', 'and a weight');
  assert.equal(told.length, 1);
  assert.match(told[0]!, /^Warning UnknownAlgorithm .*'magic' is none of .*; .*'soon' is no time .*; and a weight$/);
});

test('that HAProxy cannot be had is told of once, and that it can be', () => {
  const told: string[] = [];
  const tellings = createTellings({ event: (_about, type, reason, message) => void told.push(`${type} ${reason} ${message}`) });
  const service: Service = { metadata: { name: 'web', namespace: 'shop' } };
  for (const why of [undefined, 'spawn haproxy ENOENT', 'something else', undefined, undefined]) tellings.proxy(service, 'shop/web', why);
  assert.deepEqual(told, [
    'Warning SharedByKernel HAProxy cannot be had: as long as it is so, the kernel shares connections in turn, without health checks: spawn haproxy ENOENT', 'Normal SharedByProxy HAProxy is there: connections are shared as the service asks',
  ]);
});
