/** What the behaviours of the Gateway API are tried in: namespaces, backends and Gateways that they share, and the ways to ask and to wait. */
import assert from 'node:assert/strict';
import { request, type IncomingHttpHeaders } from 'node:http';
import { request as secureRequest } from 'node:https';
import { makeAuthority, makeLeaf } from '../../../src/kernel/apiserver/identity/certificates.ts';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour as behaviourOf, call, create, get, ok, until, type Body } from '../cluster.ts';
import { echoPod } from './echo.ts';

export const GROUP = 'gateway.networking.k8s.io/v1';
export const INFRA = 'gateway-conformance-infra';
export const APP = 'gateway-conformance-app-backend';
export const WEB = 'gateway-conformance-web-backend';

const authority = makeAuthority('gateway-conformance-ca', Date.now());
export const AUTHORITY_PEM = authority.certificatePem;

/** Key and certificate for names, signed by the authority of these tests. */
function certificateFor(...names: string[]): { keyPem: string; certificatePem: string } {
  return makeLeaf(authority, { commonName: names[0]!, usage: 'server', names, nowMs: Date.now() });
}

/** The certificate of a client, of the authority of these tests or of one that nobody knows. */
export function clientCertificate(name: string, by = authority): { key: string; cert: string } {
  const { certificatePem, keyPem } = makeLeaf(by, { commonName: name, usage: 'client', nowMs: Date.now() });
  return { key: keyPem, cert: certificatePem };
}

export const strangers = makeAuthority('strangers', Date.now());

export function tlsSecret(namespace: string, name: string, ...names: string[]): Body {
  const { certificatePem, keyPem } = certificateFor(...names);
  return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name }, type: 'kubernetes.io/tls', stringData: { 'tls.crt': certificatePem, 'tls.key': keyPem } };
}

const service = (namespace: string, name: string, ports: object[]): Body => ({ apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec: { selector: { app: name }, ports } });
const PORTS = [
  { name: 'first-port', port: 8080, targetPort: 3000 }, { name: 'second-port', port: 8081, targetPort: 3001, appProtocol: 'kubernetes.io/h2c' }, { name: 'third-port', port: 8082, targetPort: 3000, appProtocol: 'kubernetes.io/ws' },
];

export function gateway(name: string, listeners: object[], more: { namespace?: string; spec?: object } = {}): Body {
  return { apiVersion: GROUP, kind: 'Gateway', metadata: { name, namespace: more.namespace ?? INFRA }, spec: { gatewayClassName: 'llmos', listeners, ...more.spec } };
}

export const http = (more: object = {}): object => ({ name: 'http', port: 80, protocol: 'HTTP', ...more });
export const from = (where: 'All' | 'Same' | 'Selector' | 'None', selector?: object): object => ({ allowedRoutes: { namespaces: { from: where, ...(selector === undefined ? {} : { selector }) } } });

export function route(name: string, parents: (string | object)[], rules: object[], more: { namespace?: string; kind?: string; hostnames?: string[] } = {}): Body {
  const parentRefs = parents.map((each) => (typeof each === 'string' ? { name: each, namespace: INFRA } : each));
  return { apiVersion: GROUP, kind: more.kind ?? 'HTTPRoute', metadata: { name, namespace: more.namespace ?? INFRA }, spec: { parentRefs, ...(more.hostnames === undefined ? {} : { hostnames: more.hostnames }), rules } };
}

export const to = (name: string, more: object = {}): object => ({ name, port: 8080, ...more });
export const prefix = (value: string, more: object = {}): object => ({ path: { type: 'PathPrefix', value }, ...more });
export const exact = (value: string, more: object = {}): object => ({ path: { type: 'Exact', value }, ...more });
export const V1 = 'infra-backend-v1';
export const V2 = 'infra-backend-v2';
export const V3 = 'infra-backend-v3';

const PLURALS: Readonly<Record<string, string>> = { BackendTLSPolicy: 'backendtlspolicies', ClusterTrustBundle: 'clustertrustbundles', Ingress: 'ingresses', IngressClass: 'ingressclasses', GatewayClass: 'gatewayclasses', ListenerSet: 'listenersets', LoadBalancingPolicy: 'loadbalancingpolicies' };

export function pathOf({ apiVersion, kind, metadata }: Body): string {
  const plural = PLURALS[kind] ?? `${String(kind).toLowerCase()}s`;
  return `${apiVersion.includes('/') ? '/apis' : '/api'}/${apiVersion}${metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`}/${plural}/${metadata.name}`;
}

export async function apply(...objects: Body[]): Promise<void> {
  for (const object of objects) await ok('PATCH', `${pathOf(object)}?fieldManager=test&force=true`, { body: object, contentType: 'application/apply-patch+yaml' });
}

export async function remove(...objects: Body[]): Promise<void> {
  for (const object of objects.toReversed()) await call('DELETE', pathOf(object));
}

/** A behaviour with objects of its own, which are there while it is tried and gone after it. */
export function behaviour(name: string, objects: () => Body[], run: () => Promise<void>): void {
  behaviourOf(name, async () => {
    await world();
    await amid(objects(), run);
  });
}

/** Runs it while the objects are there; they go after it. */
export async function amid(own: Body[], run: () => Promise<void>): Promise<void> {
  try {
    await apply(...own);
    await run();
  } finally {
    await remove(...own);
  }
}

let made: Promise<void> | undefined;

/** Made by the first behaviour that asks, for all of them. */
export function world(): Promise<void> {
  return (made ??= makeWorld());
}

async function makeWorld(): Promise<void> {
  for (const [name, label] of [[INFRA, 'infra'], [APP, 'backend'], [WEB, 'backend']] as const) {
    await create('/api/v1/namespaces', { metadata: { name, labels: { 'gateway-conformance': label } } });
    await until(`/api/v1/namespaces/${name}/serviceaccounts/default`, () => true);
  }
  const backends: [string, string][] = [[INFRA, V1], [INFRA, V2], [INFRA, V3], [APP, 'app-backend-v1'], [APP, 'app-backend-v2'], [WEB, 'web-backend']];
  const tls = certificateFor('abc.example.com', 'other.example.com', 'tls-backend', 'spiffe://abc.example.com/test-identity');
  await apply(
    ...backends.flatMap(([namespace, name]) => [service(namespace, name, PORTS), echoPod(namespace, name)]),
    { ...service(INFRA, 'both', PORTS), spec: { selector: { group: 'both' }, ports: PORTS } },
    service(INFRA, 'tls-backend', [{ name: 'https', port: 443, targetPort: 8443 }, { name: 'grpc', port: 444, targetPort: 8444, appProtocol: 'kubernetes.io/h2c' }]), echoPod(INFRA, 'tls-backend', { TLS_CERT: tls.certificatePem, TLS_KEY: tls.keyPem }),
    ...[1, 2, 3].map((n) => ({ ...service(INFRA, `grpc-${V1.slice(0, -1)}${n}`, [{ name: 'grpc', port: 8080, targetPort: 3002, appProtocol: 'kubernetes.io/h2c' }]), spec: { selector: { app: `${V1.slice(0, -1)}${n}` }, ports: [{ name: 'grpc', port: 8080, targetPort: 3002, appProtocol: 'kubernetes.io/h2c' }] } })),
    gateway('same-namespace', [http(from('Same'))]), gateway('all-namespaces', [http(from('All'))]),
    gateway('backend-namespaces', [http(from('Selector', { matchLabels: { 'gateway-conformance': 'backend' } }))]),
    tlsSecret(INFRA, 'tls-validity-checks-certificate', '*', '*.org', 'example.org', 'second-example.org'),
    gateway('same-namespace-with-https-listener', [
      { name: 'https', port: 443, protocol: 'HTTPS', ...from('Same'), tls: { certificateRefs: [{ name: 'tls-validity-checks-certificate' }] } },
      { name: 'https-with-hostname', port: 443, protocol: 'HTTPS', hostname: 'second-example.org', ...from('Same'), tls: { certificateRefs: [{ name: 'tls-validity-checks-certificate' }] } },
    ]),
  );
  await Promise.all([...backends, [INFRA, 'tls-backend']].map(([namespace, name]) => until(`/api/v1/namespaces/${namespace}/pods/${name}`, ({ status }) => isTrue(status, 'Ready'), 60_000)));
}

export function condition(status: Body, type: string): Body {
  return status?.conditions?.find((each: Body) => each.type === type);
}

export const isTrue = (status: Body, type: string): boolean => condition(status, type)?.status === 'True';

const at = (plural: string, namespace: string, name: string): string => `/apis/${GROUP}/namespaces/${namespace}/${plural}/${name}`;

export function gatewayOf(name: string, namespace = INFRA): Promise<Body> {
  return get(at('gateways', namespace, name));
}

/** The address of a Gateway that is programmed. */
export async function addressOf(name: string, namespace = INFRA): Promise<string> {
  const { status } = await until(at('gateways', namespace, name), (object) => isTrue(object.status, 'Programmed') && condition(object.status, 'Programmed').observedGeneration === object.metadata.generation);
  return status.addresses[0].value as string;
}

const PARENT_FIELDS = ['group', 'kind', 'namespace', 'name', 'sectionName', 'port'];

/** Each entry is of this controller, is about a parent that the route names, and of what it says nothing is out of date. */
function tellsOfItsParents({ metadata, spec, status }: Body): boolean {
  const named = (ref: Body): string => JSON.stringify(PARENT_FIELDS.map((field) => ref[field] ?? ({ group: GROUP.split('/')[0], kind: 'Gateway', namespace: metadata.namespace } as Body)[field]));
  const asked = new Set(spec.parentRefs.map(named));
  return status.parents.every((parent: Body) => parent.controllerName === 'llmos.dev/gateway' && asked.has(named(parent.parentRef)) && parent.conditions.every(({ observedGeneration }: Body) => observedGeneration === metadata.generation));
}

/** Settles when each parent of the route says so. */
export async function parents(name: string, expected: Record<string, string>, more: { namespace?: string; plural?: string; count?: number } = {}): Promise<Body> {
  return until(at(more.plural ?? 'httproutes', more.namespace ?? INFRA, name), (route) => route.status?.parents?.length >= (more.count ?? 1) && tellsOfItsParents(route) && route.status.parents.every((parent: Body) => Object.entries(expected).every(([type, said]) => {
    const found = condition(parent, type);
    return found !== undefined && (said === 'True' ? found.status === 'True' : found.status === 'False' && found.reason === said);
  })));
}

export const accepted = (...names: string[]): Promise<Body[]> => Promise.all(names.map((name) => parents(name, { Accepted: 'True', ResolvedRefs: 'True' })));

const LISTENER_CONDITIONS: ReadonlySet<string> = new Set(['Accepted', 'Programmed', 'ResolvedRefs', 'Conflicted']);

/** Settles when the conditions of a listener say so, of the Gateway as it is. */
export function listener(gatewayName: string, name: string, expected: Record<string, string>, more: { namespace?: string; attachedRoutes?: number; kinds?: string[] } = {}): Promise<Body> {
  return until(at('gateways', more.namespace ?? INFRA, gatewayName), ({ status, metadata }) => {
    const found = status?.listeners?.find((each: Body) => each.name === name);
    const ours = found?.conditions.filter(({ type }: Body) => LISTENER_CONDITIONS.has(type));
    return found !== undefined && ours.length >= LISTENER_CONDITIONS.size && ours.every(({ observedGeneration }: Body) => observedGeneration === metadata.generation) && Object.entries(expected).every(([type, said]) => (said === 'True' || said === 'False' ? condition(found, type)?.status === said : condition(found, type)?.reason === said))
      && (more.attachedRoutes === undefined || found.attachedRoutes === more.attachedRoutes)
      && (more.kinds === undefined || JSON.stringify(found.supportedKinds.map((each: Body) => each.kind)) === JSON.stringify(more.kinds));
  });
}

export interface Ask {
  /** How long a silence may last; default 20,000. */
  timeoutMs?: number;
  host?: string;
  path?: string;
  method?: string;
  headers?: Record<string, string | string[]>;
  port?: number;
  /** With TLS, under this name. */
  sni?: string;
  /** What the client shows of itself. */
  cert?: string;
  key?: string;
  body?: string;
}

export interface Told { status: number; headers: IncomingHttpHeaders; body: Body }

export function ask(address: string, { host = address, path = '/', method = 'GET', headers = {}, port, sni, cert, key, body, timeoutMs = 20_000 }: Ask = {}): Promise<Told> {
  return new Promise((settle, fail) => {
    const options = { host: address, port: port ?? (sni === undefined ? 80 : 443), path, method, headers: { host, ...headers }, agent: false as const, timeout: timeoutMs };
    const call = sni === undefined ? request(options) : secureRequest({ ...options, servername: sni, cert, key, ca: AUTHORITY_PEM, checkServerIdentity: () => undefined });
    call.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => settle({ status: answer.statusCode ?? 0, headers: answer.headers, body: /json/.test(answer.headers['content-type'] ?? '') && text !== '' ? JSON.parse(text) : text })).on('error', fail);
    });
    call.on('timeout', () => call.destroy(new Error('no answer'))).on('error', fail);
    call.end(body);
  });
}

export interface Expected { backend?: string; status?: number; namespace?: string; check?: (told: Told) => void }

/** Settles when the answers to three that ask at once are as expected: one that no backend gives takes seconds. */
export async function expect(address: string, question: Ask, expected: Expected): Promise<void> {
  let last: unknown = 'nothing';
  const isMet = async (): Promise<void> => {
    const told = await ask(address, question);
    last = told;
    assert.equal(told.status, expected.status ?? 200);
    if (expected.backend !== undefined) assert.equal(told.body.pod, expected.backend);
    if (expected.namespace !== undefined) assert.equal(told.body.namespace, expected.namespace);
    expected.check?.(told);
  };
  await eventually(async () => {
    try {
      await Promise.all([isMet(), isMet(), isMet()]);
      return true;
    } catch (error) {
      if (last === 'nothing') last = error;
      return false;
    }
  }, { timeoutMs: 60_000, everyMs: 20, what: 'the answer' }).catch(() => assert.fail(`${JSON.stringify(question)} should give ${JSON.stringify(expected)}, gives ${last instanceof Error ? last.message : JSON.stringify(last).slice(0, 600)}`));
}

/** Each of a table, at once. */
export async function expectAll(address: string, table: readonly [Ask, Expected | string | number][]): Promise<void> {
  await Promise.all(table.map(([question, expected]) => expect(address, question, typeof expected === 'string' ? { backend: expected } : typeof expected === 'number' ? { status: expected } : expected)));
}
