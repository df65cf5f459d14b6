/** Requests that a hostile or a broken client might send: valid ones of many kinds, and mutations of their paths, queries, headers and bodies. */
import { stringify } from 'yaml';
import { encodeProtobuf } from '../../../src/api/protobuf/envelope.ts';
import type { Random } from '../random.ts';
import { anyValue, mutateBytes, mutateText, mutateValue } from './mutate.ts';

export interface FuzzRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
}

interface Seed {
  path: string;
  object: { apiVersion: string; kind: string; metadata: { name: string; [key: string]: unknown }; [key: string]: unknown };
}

const meta = (name: string): { name: string; namespace: string; labels: object } => ({ name, namespace: 'default', labels: { app: 'web' } });
const pod = { containers: [{ name: 'main', image: 'web:1', ports: [{ containerPort: 80 }], resources: { requests: { cpu: '500m', memory: '1Gi' } }, env: [{ name: 'A', value: 'b' }], livenessProbe: { httpGet: { path: '/', port: 80 } } }], volumes: [{ name: 'v', configMap: { name: 'c' } }], tolerations: [{ operator: 'Exists' }] };
const rule = { rule: 'self.a > 0 && self.b.matches("^a+$")', message: 'no' };
const openAPIV3Schema = { type: 'object', properties: { spec: { type: 'object', properties: { a: { type: 'integer', minimum: 0 }, b: { type: 'string', pattern: '^a+$' }, l: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], items: { type: 'object', required: ['k'], properties: { k: { type: 'string' } } } } }, 'x-kubernetes-validations': [rule] } } };

const SEEDS: readonly Seed[] = [
  { path: '/api/v1/namespaces/default/configmaps', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('c'), data: { a: 'b', 'c.d': 'e' }, binaryData: { x: 'YQ==' } } },
  { path: '/api/v1/namespaces/default/secrets', object: { apiVersion: 'v1', kind: 'Secret', metadata: meta('s'), type: 'Opaque', data: { a: 'YQ==' }, stringData: { b: 'c' } } },
  { path: '/api/v1/namespaces/default/pods', object: { apiVersion: 'v1', kind: 'Pod', metadata: meta('p'), spec: pod } },
  { path: '/api/v1/namespaces/default/services', object: { apiVersion: 'v1', kind: 'Service', metadata: meta('v'), spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], clusterIP: 'None' } } },
  { path: '/apis/apps/v1/namespaces/default/deployments', object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: meta('d'), spec: { replicas: 3, selector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }, strategy: { rollingUpdate: { maxSurge: '25%' } }, template: { metadata: { labels: { app: 'web', a: 'b' } }, spec: pod } } } },
  { path: '/apis/batch/v1/namespaces/default/cronjobs', object: { apiVersion: 'batch/v1', kind: 'CronJob', metadata: meta('j'), spec: { schedule: '*/5 0-3 * 1,2 mon', timeZone: 'Etc/UTC', jobTemplate: { spec: { template: { spec: { ...pod, restartPolicy: 'Never' } } } } } } },
  { path: '/api/v1/nodes', object: { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec: { podCIDR: '10.0.0.0/24', taints: [{ key: 'a', effect: 'NoSchedule' }] } } },
  { path: '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies', object: { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: meta('n'), spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 80, endPort: 90 }] }] } } },
  { path: '/apis/rbac.authorization.k8s.io/v1/clusterroles', object: { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r' }, rules: [{ apiGroups: ['*'], resources: ['pods'], verbs: ['get'] }], aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } } },
  { path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', object: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'pages.example.com' }, spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'pages', kind: 'Page' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema }, additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.spec.l[?(@.k=="x")].k' }], subresources: { status: {}, scale: { specReplicasPath: '.spec.a', statusReplicasPath: '.status.a' } } }] } } },
  { path: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies', object: { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: 'p' }, spec: { matchConstraints: { resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['deployments'] }] }, validations: [{ expression: 'object.spec.replicas <= 5 && object.metadata.name.startsWith("a")' }], variables: [{ name: 'x', expression: 'object.spec' }] } } },
  { path: '/apis/authorization.k8s.io/v1/subjectaccessreviews', object: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', metadata: { name: '' }, spec: { user: 'a', groups: ['g'], resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } } } },
  { path: '/apis/certificates.k8s.io/v1/certificatesigningrequests', object: { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: 'x' }, spec: { request: Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nMIIBAA==\n-----END CERTIFICATE REQUEST-----\n').toString('base64'), signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] } } },
  { path: '/apis/coordination.k8s.io/v1/namespaces/default/leases', object: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: meta('l'), spec: { holderIdentity: 'a', leaseDurationSeconds: 10, renewTime: '2026-01-01T00:00:00.000000Z' } } },
  { path: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', object: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: meta('e'), addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true } }], ports: [{ name: '', port: 80, protocol: 'TCP' }] } },
];

const QUERIES: readonly [string, readonly string[]][] = [
  ['labelSelector', ['app=web', 'a in (b,c),!d', 'x notin (y)', 'n>1', 'a=b,c!=d,e']],
  ['fieldSelector', ['metadata.name=c', 'spec.nodeName!=x,status.phase=Running', 'metadata.namespace==default', 'type=Opaque']],
  ['limit', ['1', '500', '0']], ['continue', ['eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0']], ['resourceVersion', ['0', '1', '5']],
  ['resourceVersionMatch', ['Exact', 'NotOlderThan']], ['timeoutSeconds', ['1']], ['allowWatchBookmarks', ['true']], ['sendInitialEvents', ['true']], ['dryRun', ['All']],
  ['fieldManager', ['me']], ['force', ['true']], ['fieldValidation', ['Strict', 'Warn', 'Ignore']], ['pretty', ['true']], ['propagationPolicy', ['Foreground', 'Orphan']], ['gracePeriodSeconds', ['0']], ['includeObject', ['Object']],
];
const ACCEPTS = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/json;as=Table;v=v1;g=meta.k8s.io', 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,*/*;q=0.5', '*/*'];
const PATCHES = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'];
const OTHER_PATHS = ['/api', '/apis', '/openapi/v2', '/openapi/v3', '/version', '/metrics', '/readyz?verbose', '/livez/ping', '/apis/apps/v1', '/api/v1/watch/pods?timeoutSeconds=1', '/.well-known/openid-configuration', '/openid/v1/jwks'];

export function anyRequest(random: Random): FuzzRequest {
  const seed = random.pick(SEEDS);
  const name = seed.object.metadata.name || 'x';
  const [method, at] = random.pick([['POST', ''], ['POST', ''], ['PUT', `/${name}`], ['PATCH', `/${name}`], ['PATCH', `/${name}`], ['PATCH', `/${name}/status`], ['PUT', `/${name}/scale`], ['DELETE', `/${name}`], ['GET', `/${name}`], ['GET', ''], ['GET', ''], ['DELETE', '']] as const);
  const headers: Record<string, string> = { accept: random.chance(0.1) ? headerText(mutateText(random.pick(ACCEPTS), random, 200)) : random.pick(ACCEPTS), 'user-agent': 'fuzz' };
  const path = random.chance(0.05) ? random.pick(OTHER_PATHS) : `${random.chance(0.1) ? pathText(mutateText(seed.path + at, random, 500)) : seed.path + at}${queryOf(random, method)}`;
  if (method === 'GET') return { method, path, headers, body: undefined };
  const body = method === 'PATCH' ? patchBody(seed, random, headers) : method === 'DELETE' ? deleteBody(random, headers) : objectBody(seed, random, headers);
  if (random.chance(0.03)) headers['content-type'] = headerText(mutateText(headers['content-type'] ?? '', random, 100));
  if (random.chance(0.02)) headers['content-encoding'] = random.pick(['gzip', 'br', 'identity', 'x']);
  return { method, path, headers, body };
}

function queryOf(random: Random, method: string): string {
  if (random.chance(0.5)) return '';
  const parts = Array.from({ length: 1 + random.int(3) }, () => {
    const [key, values] = random.pick(QUERIES);
    const value = random.chance(0.5) ? random.pick(values) : mutateText(random.pick(values), random, 3_000).slice(0, 8_000);
    return `${key}=${random.chance(0.8) ? encodeURIComponent(value.toWellFormed()) : pathText(value)}`;
  });
  if (method === 'GET' && random.chance(0.15)) parts.push('watch=1', 'timeoutSeconds=1');
  return `?${parts.join('&')}`;
}

function objectBody(seed: Seed, random: Random, headers: Record<string, string>): Buffer {
  const object = random.chance(0.1) ? seed.object : mutateValue(seed.object, random);
  return encoded(object, random, headers, ['application/json', 'application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']);
}

function deleteBody(random: Random, headers: Record<string, string>): Buffer | undefined {
  if (random.chance(0.5)) return undefined;
  return encoded(mutateValue({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'a', resourceVersion: '1' }, propagationPolicy: 'Foreground', gracePeriodSeconds: 0 }, random), random, headers, ['application/json', 'application/vnd.kubernetes.protobuf']);
}

function patchBody(seed: Seed, random: Random, headers: Record<string, string>): Buffer {
  const type = random.pick(PATCHES);
  headers['content-type'] = type;
  const operations = Array.from({ length: 1 + random.int(6) }, () => ({ op: random.pick(['add', 'remove', 'replace', 'move', 'copy', 'test']), path: random.pick(['', '/metadata/labels/a', '/spec', '/spec/template/spec/containers/0', '/data/a~1b', '/data/-', '/metadata/name', '/x/y']), from: random.pick(['', '/spec', '/metadata', '/data']), value: anyValue(random) }));
  const value = type === PATCHES[0] ? (random.chance(0.7) ? operations : mutateValue(operations, random)) : mutateValue(random.chance(0.3) ? { ...seed.object, $patch: 'replace', '$setElementOrder/containers': [{ name: 'x' }], '$deleteFromPrimitiveList/finalizers': ['a'], $retainKeys: ['a'] } : seed.object, random);
  const text = JSON.stringify(value);
  return Buffer.from(random.chance(0.1) ? mutateText(text, random, 50_000) : text);
}

function encoded(object: unknown, random: Random, headers: Record<string, string>, types: readonly string[]): Buffer {
  const type = random.pick(types);
  headers['content-type'] = type;
  let bytes: Buffer | undefined;
  if (type.endsWith('protobuf')) bytes = protobufOf(object);
  else if (type.endsWith('yaml')) bytes = yamlOf(object);
  bytes ??= Buffer.from(JSON.stringify(object) ?? 'null');
  if (random.chance(0.1)) return mutateBytes(bytes, random);
  if (random.chance(0.05)) return Buffer.from(mutateText(bytes.toString('utf8'), random, 100_000));
  return bytes;
}

function protobufOf(object: unknown): Buffer | undefined {
  try {
    return encodeProtobuf(object as { apiVersion: string; kind: string });
  } catch {
    return undefined; // the mutation has no such form
  }
}

function yamlOf(object: unknown): Buffer | undefined {
  try {
    return Buffer.from(stringify(object));
  } catch {
    return undefined;
  }
}

/** What a client library lets pass as a path or a header. */
const pathText = (text: string): string => text.replaceAll(/[^\u0021-\u00ff]/g, '') || '/';
const headerText = (text: string): string => text.replaceAll(/[^\u0020-\u007e]/g, '');
