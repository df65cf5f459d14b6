import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Service } from '../kinds.ts';

const service = (type: string, ...ingress: object[]): Service => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { type }, status: { loadBalancer: { ingress } } }) as Service;
const complaints = (now: Service, old: Service): string[] => Service.rules.validateStatus!(now, old).map(({ field, message }) => `${field}: ${message}`);

test('where a Service may be reached from outside', () => {
  const at = 'status.loadBalancer.ingress[0]';
  const cases: [object, string[]][] = [
    [{ ip: '1.2.3.4', ipMode: 'VIP' }, []],
    [{ hostname: 'lb.example.com' }, []],
    [{ ip: 'x' }, [`${at}.ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`]],
    [{ ip: '1.2.3.4', ipMode: 'Odd' }, [`${at}.ipMode: Unsupported value: "Odd": supported values: "Proxy", "VIP"`]],
    [{ hostname: 'a', ipMode: 'VIP' }, [`${at}.ipMode: Forbidden: may not be specified when \`ip\` is not set`]],
    [{ hostname: '1.2.3.4' }, [`${at}.hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address`]],
  ];
  for (const [point, expected] of cases) assert.deepEqual(complaints(service('LoadBalancer', point), service('LoadBalancer')), expected, JSON.stringify(point));
});

test('only load balancers get such addresses, and may keep them until they are taken away', () => {
  const point = { ip: '1.2.3.4' };
  assert.deepEqual(complaints(service('ClusterIP', point), service('ClusterIP')), ['status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is "LoadBalancer"']);
  assert.deepEqual(complaints(service('ClusterIP', point), service('ClusterIP', point)), []);
});
