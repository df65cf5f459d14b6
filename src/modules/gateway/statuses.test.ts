import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendTLSPolicy, Gateway, HTTPRoute } from '../../api/gateway/kinds.ts';
import type { RouteParentStatus } from '../../api/gateway/types.ts';
import type { Service } from '../../api/generated/core-v1.ts';
import { CONTROLLER, type Observed } from './observed.ts';
import { planOf } from './plan.ts';
import { gatewayStatus, policyAncestors, routeParents } from './statuses.ts';

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

test('a route that is not accepted does not count as attached', () => {
  const accepted = planOf(observedOf(1));
  assert.equal(gatewayStatus(accepted.gateways[0]!, accepted, { addresses: [] }, NOW).listeners![0]!.attachedRoutes, 1);
  const plan = planOf(observedOf(1), new Map([['HTTPRoute:shop:r:0', 'no such thing']]));
  assert.equal(plan.routes[0]!.resolved.unsupported?.reason, 'UnsupportedValue');
  assert.equal(gatewayStatus(plan.gateways[0]!, plan, { addresses: [] }, NOW).listeners![0]!.attachedRoutes, 0);
});

test('a gateway tells whether all that it and its listeners name was found', () => {
  const said = (listener: object): (string | undefined)[] => {
    const observed = observedOf(1);
    const plan = planOf({ ...observed, gateways: observed.gateways.map((gateway) => ({ ...gateway, spec: { ...gateway.spec, listeners: [{ name: 'https', port: 443, protocol: 'HTTPS', ...listener }] } })) as Gateway[] });
    const found = gatewayStatus(plan.gateways[0]!, plan, { addresses: [] }, NOW).conditions!.find(({ type }) => type === 'ResolvedRefs');
    return [found?.status, found?.reason];
  };
  assert.deepEqual(said({ tls: { certificateRefs: [{ name: 'none' }] } }), ['False', 'ListenersNotResolved']);
  assert.deepEqual(said({ protocol: 'HTTP' }), ['True', 'ResolvedRefs']);
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

test('what others say of a route stays where it is', () => {
  const plan = planOf(observedOf(2));
  const state = plan.routes[0]!;
  const [first, second] = routeParents(state, NOW);
  const [x, y] = ['x', 'y'].map((name) => ({ parentRef: { name }, controllerName: 'example.com/', conditions: [] }));
  const told = (...parents: (typeof first)[]): string[] => routeParents({ ...state, route: { ...state.route, status: { parents: parents as RouteParentStatus[] } } as HTTPRoute }, NOW).map(({ parentRef }) => parentRef.name);
  assert.deepEqual([told(), told(x), told(first, x), told(y, second, x)], [['g0', 'g1'], ['x', 'g0', 'g1'], ['g0', 'g1', 'x'], ['y', 'g0', 'g1', 'x']]);
  assert.deepEqual(told(...Array<typeof first>(31).fill(x), first).slice(30), ['x', 'g0'], 'nobody else is left out');
});

test('a policy for a port or a Service that is not there says so', () => {
  const said = (targetRef: object, service?: Service): (string | undefined)[] => {
    const target = { group: '', kind: 'Service', name: 'web', ...targetRef };
    const own = { ...policy, spec: { ...policy.spec, targetRefs: [target] } } as BackendTLSPolicy;
    const observed: Observed = { ...observedOf(1), policies: [own], service: () => service };
    const found = policyAncestors(own, planOf(observed), observed, NOW)![0]!.conditions.find(({ type }) => type === 'Accepted')!;
    return [found.status, found.reason];
  };
  const named = { ...service, spec: { ports: [{ name: 'https', port: 80 }] } } as Service;
  assert.deepEqual([said({ sectionName: 'https' }, named), said({ sectionName: 'other' }, named), said({}, named), said({}), said({ sectionName: '' }, named)], [
    ['True', 'Accepted'], ['False', 'TargetNotFound'], ['True', 'Accepted'], ['False', 'TargetNotFound'], ['True', 'Accepted'],
  ]);
});
