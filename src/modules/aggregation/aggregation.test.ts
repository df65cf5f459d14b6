import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { APIService, type APIServiceSpec } from '../../api/apiregistration/api-service.ts';
import { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import { Service } from '../../api/core/service.ts';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Caches } from '../../sdk/cache.ts';
import { serviceVerdict } from './availability.ts';
import { discovered } from './discovery.ts';
import { returnedHeaders } from '../../sdk/proxy/headers.ts';
import { forwardedHeaders, userHeaders } from './headers.ts';
import { MANAGED, stepFor, wantedServices } from './registration.ts';
import { trustData } from './trust.ts';

const SPEC: APIServiceSpec = { group: 'wardle.example.com', version: 'v1', groupPriorityMinimum: 2_000, versionPriority: 200, service: { namespace: 'a', name: 'api', port: 443 } };

function cachesOf(objects: Readonly<Record<string, KubeObject[]>>): Caches {
  return { of: (kind: Kind) => ({ get: (key: string) => objects[kind.kind]?.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key), list: () => objects[kind.kind] ?? [] }) } as unknown as Caches;
}

test('what a Service lacks is said in upstream\'s words', () => {
  const service = (ports: object[], type = 'ClusterIP'): KubeObject => ({ metadata: { namespace: 'a', name: 'api' }, spec: { type, ports } }) as KubeObject;
  const slice = (endpoints: object[], ports: object[]): KubeObject => ({ metadata: { namespace: 'a', name: 'api-1', labels: { 'kubernetes.io/service-name': 'api' } }, endpoints, ports }) as unknown as KubeObject;
  const cases: [Record<string, KubeObject[]>, string | undefined][] = [
    [{}, 'ServiceNotFound'],
    [{ Service: [service([{ port: 80 }])] }, 'ServicePortError'],
    [{ Service: [service([{ port: 443 }])] }, 'EndpointsNotFound'],
    [{ Service: [service([{ port: 443 }])], EndpointSlice: [slice([], [{ port: 443 }])] }, 'MissingEndpoints'],
    [{ Service: [service([{ port: 443 }])], EndpointSlice: [slice([{ addresses: ['10.0.0.1'], conditions: { ready: false } }], [{ port: 443 }])] }, 'MissingEndpoints'],
    [{ Service: [service([{ port: 443, name: 'https' }])], EndpointSlice: [slice([{ addresses: ['10.0.0.1'] }], [{ port: 443, name: 'http' }])] }, 'MissingEndpoints'],
    [{ Service: [service([{ port: 443 }])], EndpointSlice: [slice([{ addresses: ['10.0.0.1'] }], [{ port: 8443 }])] }, undefined],
    [{ Service: [service([], 'ExternalName')] }, undefined],
  ];
  for (const [objects, reason] of cases) assert.equal(serviceVerdict({ metadata: {}, spec: SPEC }, cachesOf(objects))?.reason, reason);
  assert.equal(Service.kind + EndpointSlice.kind, 'ServiceEndpointSlice');
});

test('plain discovery becomes aggregated discovery, subresources below their resource', () => {
  const list = { resources: [
    { name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs: ['get', 'list'], shortNames: ['fl'] },
    { name: 'flunders/status', namespaced: true, kind: 'Flunder', verbs: ['get'] },
    { name: 'flunders/scale', namespaced: true, kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['update'] },
    { name: 'orphans/log', namespaced: false, kind: 'Log', verbs: ['get'] },
    { name: 7 },
  ] };
  assert.deepEqual(discovered(list, 'wardle.example.com', 'v1'), [
    {
      resource: 'flunders', responseKind: { group: 'wardle.example.com', version: 'v1', kind: 'Flunder' }, scope: 'Namespaced', singularResource: 'flunder', verbs: ['get', 'list'], shortNames: ['fl'],
      subresources: [{ subresource: 'status', responseKind: { group: 'wardle.example.com', version: 'v1', kind: 'Flunder' }, verbs: ['get'] }, { subresource: 'scale', responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: ['update'] }],
    },
    { resource: 'orphans', scope: 'Cluster', singularResource: '', verbs: [], subresources: [{ subresource: 'log', responseKind: { group: 'wardle.example.com', version: 'v1', kind: 'Log' }, verbs: ['get'] }] },
  ]);
  for (const strange of [undefined, null, 'x', { resources: 3 }]) assert.deepEqual(discovered(strange, 'g', 'v1'), []);
});

function message(rawHeaders: string[], more: object = {}): IncomingMessage {
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) headers[rawHeaders[at]!.toLowerCase()] = rawHeaders[at + 1]!;
  return { rawHeaders, headers, method: 'GET', httpVersionMajor: 1, socket: { remoteAddress: '10.0.0.9' }, ...more } as unknown as IncomingMessage;
}

test('a request goes on without what says who asks, and with who it is', () => {
  const http = message(['Host', 'here', 'Authorization', 'Bearer x', 'X-Remote-User', 'root', 'X-Remote-Extra-A', 'b', 'Impersonate-User', 'eve', 'Connection', 'keep-alive, X-Mine', 'X-Mine', '1', 'Accept', 'application/json', 'X-Forwarded-For', '1.2.3.4']);
  assert.deepEqual(forwardedHeaders(http, { name: 'änn', uid: 'u', groups: ['g', 'h'], extra: { 'example.com/Key': ['1', '2'], empty: [] } }, 'api.a.svc'), {
    accept: 'application/json', 'x-forwarded-for': '1.2.3.4, 10.0.0.9', host: 'api.a.svc',
    'x-remote-user': Buffer.from('änn').toString('latin1'), 'x-remote-uid': 'u', 'x-remote-group': ['g', 'h'], 'x-remote-extra-example.com%2FKey': ['1', '2'],
  });
  assert.equal(userHeaders({ name: 'a\r\nx-remote-group: system:masters', groups: [] })['x-remote-user'], 'a  x-remote-group: system:masters');
  const second = message([':path', '/x', ':method', 'PATCH', 'content-type', 'a/b'], { method: 'PATCH', httpVersionMajor: 2 });
  assert.deepEqual(forwardedHeaders(second, { name: 'a', groups: [] }, 'h'), { 'content-type': 'a/b', 'x-forwarded-for': '10.0.0.9', 'transfer-encoding': 'chunked', 'x-remote-user': 'a', host: 'h' });
  assert.deepEqual(returnedHeaders(message(['Content-Type', 'a/b', 'Transfer-Encoding', 'chunked', 'Warning', '299 - "a"', 'Warning', '299 - "b"'])), { 'content-type': 'a/b', warning: ['299 - "a"', '299 - "b"'] });
});

test('what is registered by itself follows what is served', () => {
  const definition = { spec: { group: 'example.com', versions: [{ name: 'v1' }] } } as unknown as CustomResourceDefinition;
  const wanted = wantedServices([{ group: '', version: 'v1' }, { group: 'apps', version: 'v1' }, { group: 'example.com', version: 'v1' }, { group: 'apiregistration.k8s.io', version: 'v1' }, { group: 'metrics.k8s.io', version: 'v1beta1' }], [definition]);
  assert.deepEqual([...wanted.keys()], ['v1.', 'v1.apps', 'v1.example.com', 'v1beta1.metrics.k8s.io', 'v1.authentication.k8s.io', 'v1.authorization.k8s.io']);
  assert.deepEqual(wanted.get('v1.apps')?.spec, { group: 'apps', version: 'v1', groupPriorityMinimum: 17_800, versionPriority: 15 });
  assert.equal(wanted.get('v1.example.com')?.metadata.labels?.[MANAGED], 'true');

  const as = (name: string, change: (service: APIService) => void = () => {}): APIService => {
    const copy = structuredClone(wanted.get(name)!);
    change(copy);
    return copy;
  };
  const other = (service: APIService): void => void (service.spec!.service = { namespace: 'a', name: 'b' });
  const unlabelled = (service: APIService): void => void delete service.metadata.labels;
  const fresh = { atStart: new Set<string>(), synced: new Set<string>(), mayDelete: true };
  const restarted = { ...fresh, atStart: new Set(wanted.keys()) };
  const done = { ...restarted, synced: new Set(wanted.keys()) };
  const table: [string, APIService | undefined, APIService | undefined, typeof fresh, string | undefined][] = [
    ['made', as('v1.apps'), undefined, fresh, 'create'],
    ['on start, made once', as('v1.apps'), undefined, done, undefined],
    ['always, made again', as('v1.example.com'), undefined, done, 'create'],
    ['as it should be', as('v1.apps'), as('v1.apps'), restarted, undefined],
    ['not ours', as('v1.apps'), as('v1.apps', (it) => (other(it), unlabelled(it))), restarted, undefined],
    ['set right at the next start', as('v1.apps'), as('v1.apps', other), restarted, 'update'],
    ['but not later', as('v1.apps'), as('v1.apps', other), done, undefined],
    ['set right at all times', as('v1.example.com'), as('v1.example.com', other), done, 'update'],
    ['metrics of somebody else stay', as('v1beta1.metrics.k8s.io'), as('v1beta1.metrics.k8s.io', other), restarted, undefined],
    ['gone with its definition', undefined, as('v1.example.com'), done, 'delete'],
    ['not yet', undefined, as('v1.example.com'), { ...done, mayDelete: false }, undefined],
    ['nothing', undefined, undefined, done, undefined],
  ];
  for (const [what, want, found, standing, step] of table) assert.equal(stepFor((want ?? found)?.metadata.name ?? '', want, found, standing)?.do, step, what);
});

test('the trust keeps what others wrote', () => {
  const pem = 'no certificate';
  const data = trustData({ 'requestheader-allowed-names': '["mine"]', 'requestheader-group-headers': 'broken', other: 'x' }, { clientCaPem: pem, requestHeaderCaPem: pem }, Date.now());
  assert.equal(data['requestheader-allowed-names'], '["mine","front-proxy-client"]');
  assert.equal(data['requestheader-group-headers'], '["X-Remote-Group"]');
  assert.equal(data['other'], 'x');
});
