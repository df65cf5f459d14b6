import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendTLSPolicy, Gateway, HTTPRoute } from '../../api/gateway/kinds.ts';
import type { Service } from '../../api/generated/core-v1.ts';
import { CONTROLLER, type Observed } from './observed.ts';
import { planOf } from './plan.ts';
import { gatewayStatus, policyAncestors } from './statuses.ts';

const NOW = '2026-01-01T00:00:00Z';
const service = { metadata: { namespace: 'shop', name: 'web' }, spec: { ports: [{ port: 80 }] } } as Service;
const policy = { metadata: { namespace: 'shop', name: 'p' }, spec: { targetRefs: [{ group: '', kind: 'Service', name: 'web' }], validation: { hostname: 'web', wellKnownCACertificates: 'System' } } } as BackendTLSPolicy;

function observedOf(gateways: number): Observed {
  const names = Array.from({ length: gateways }, (_, index) => `g${index}`);
  const route: HTTPRoute = { metadata: { namespace: 'shop', name: 'r', creationTimestamp: NOW }, spec: { parentRefs: names.map((name) => ({ name })), rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] } };
  return {
    classes: [{ metadata: { name: 'llmos' }, spec: { controllerName: CONTROLLER } }], listenerSets: [], httpRoutes: [route], grpcRoutes: [], tlsRoutes: [], tcpRoutes: [], udpRoutes: [], grants: [], policies: [policy], ingresses: [], ingressClasses: [],
    gateways: names.map((name): Gateway => ({ metadata: { namespace: 'shop', name }, spec: { gatewayClassName: 'llmos', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] } })),
    service: (key) => (key === 'shop/web' ? service : undefined), secret: () => undefined, configMap: () => undefined, trustBundle: () => undefined, namespace: () => undefined,
  };
}

test('a route counts as attached though it is not accepted', () => {
  const plan = planOf(observedOf(1), new Map([['HTTPRoute:shop:r:0', 'no such thing']]));
  assert.equal(plan.routes[0]!.resolved.unsupported?.reason, 'UnsupportedValue');
  assert.equal(gatewayStatus(plan.gateways[0]!, plan, { addresses: [] }, NOW).listeners![0]!.attachedRoutes, 1);
});

test('a policy tells of no more gateways than its definition lets it, and goes on telling of the same', () => {
  const observed = observedOf(20);
  const plan = planOf(observed);
  const told = (of: BackendTLSPolicy): string[] => policyAncestors(of, plan, observed, NOW)!.map(({ ancestorRef, controllerName }) => `${controllerName === CONTROLLER ? '' : controllerName}${ancestorRef.name}`);
  assert.deepEqual(told(policy), Array.from({ length: 16 }, (_, index) => `g${index}`));
  const other = { ancestorRef: { name: 'x' }, controllerName: 'example.com/', conditions: [] };
  const known = [18, 19].map((index) => ({ ancestorRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'shop', name: `g${index}` }, controllerName: CONTROLLER, conditions: [] }));
  const [first, ...rest] = told({ ...policy, status: { ancestors: [other, ...known] } } as unknown as BackendTLSPolicy);
  assert.deepEqual([first, rest.slice(0, 3), rest.length], ['example.com/x', ['g18', 'g19', 'g0'], 15]);
});
