import { test } from 'node:test';
import assert from 'node:assert/strict';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf, schemaOfType } from '../schema/facts.ts';
import { validateSchema } from '../schema/validate.ts';
import type { JsonObject } from './schemas.ts';
import { rootPaths } from './root-paths.ts';
import { openapiV3, openapiV3Index, openapiV3Root } from './v3.ts';
import { openapiV2 } from './v2.ts';

const builtIn = (group: string, kind: string, plural: string): Kind =>
  defineKind({ group, version: 'v1', kind, plural, namespaced: true, schema: () => schemaOf(group, 'v1', kind), subresources: { status: true, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } } });

const custom = defineKind({
  group: 'stable.example.com', version: 'v1', kind: 'CronTab', plural: 'crontabs', namespaced: true,
  schema: () => ({ type: 'object', properties: { metadata: () => schemaOfType('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta') ?? {}, spec: { type: 'object', properties: { n: { xIntOrString: true } } } } }),
});

function at(value: unknown, ...path: string[]): JsonObject {
  let here = value as JsonObject;
  for (const step of path) here = here[step] as JsonObject;
  return here;
}

test('what kubectl looks up in version 3', () => {
  const document = openapiV3([builtIn('apps', 'Deployment', 'deployments')]);
  const schemas = at(document, 'components', 'schemas');
  assert.deepEqual(at(schemas, 'io.k8s.api.apps.v1.Deployment')['x-kubernetes-group-version-kind'], [{ group: 'apps', kind: 'Deployment', version: 'v1' }]);
  const containers = at(schemas, 'io.k8s.api.core.v1.PodSpec', 'properties', 'containers');
  assert.deepEqual(containers, {
    type: 'array', items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' },
    'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-patch-merge-key': 'name',
  });
  const patch = at(document, 'paths', '/apis/apps/v1/namespaces/{namespace}/deployments/{name}', 'patch');
  assert.deepEqual(patch['x-kubernetes-group-version-kind'], { group: 'apps', kind: 'Deployment', version: 'v1' });
  assert.deepEqual((patch['parameters'] as JsonObject[]).map((parameter) => parameter['name']), ['dryRun', 'fieldManager', 'fieldValidation', 'force']);
  assert.equal(at(document, 'paths', '/apis/apps/v1/namespaces/{namespace}/deployments', 'get')['x-kubernetes-action'], 'list');
  assert.deepEqual(at(document, 'paths', '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale', 'put')['x-kubernetes-group-version-kind'], { group: 'autoscaling', kind: 'Scale', version: 'v1' });
  assert.deepEqual(at(schemas, 'io.k8s.apimachinery.pkg.api.resource.Quantity'), { oneOf: [{ type: 'string' }, { type: 'number' }] });
});

test('every reference leads somewhere', () => {
  const kinds = [builtIn('', 'Pod', 'pods'), builtIn('', 'Event', 'events'), builtIn('apiextensions.k8s.io', 'CustomResourceDefinition', 'customresourcedefinitions'), custom];
  for (const [document, prefix, home] of [[openapiV3(kinds), '#/components/schemas/', ['components', 'schemas']], [openapiV2(kinds), '#/definitions/', ['definitions']]] as const) {
    const schemas = at(document, ...home);
    const refs = new Set([...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? ''));
    assert.ok(refs.size > 100);
    for (const ref of refs) assert.ok(ref.startsWith(prefix) && schemas[ref.slice(prefix.length)] !== undefined, ref);
    for (const [name, schema] of Object.entries(schemas)) assert.notDeepEqual(schema === null, true, name);
  }
});

test('custom resources have names of their own', () => {
  const document = openapiV3([custom]);
  assert.deepEqual(at(document, 'components', 'schemas', 'com.example.stable.v1.CronTab')['x-kubernetes-group-version-kind'], [{ group: 'stable.example.com', kind: 'CronTab', version: 'v1' }]);
  assert.deepEqual(at(document, 'components', 'schemas', 'com.example.stable.v1.CronTabList', 'properties', 'items'), { type: 'array', items: { $ref: '#/components/schemas/com.example.stable.v1.CronTab' } });
});

test('only built-in kinds take a strategic merge', () => {
  const types = (kind: Kind, path: string): string[] => Object.keys(at(openapiV3([kind]), 'paths', path, 'patch', 'requestBody', 'content'));
  assert.ok(types(builtIn('apps', 'Deployment', 'deployments'), '/apis/apps/v1/namespaces/{namespace}/deployments/{name}').includes('application/strategic-merge-patch+json'));
  assert.deepEqual(types(custom, '/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}'), ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml']);
});

test('descriptions come from where they are', () => {
  const document = openapiV3([builtIn('', 'Pod', 'pods')], { describe: (type, field) => (type.endsWith('.Pod') ? (field ?? 'a pod') : undefined) });
  const pod = at(document, 'components', 'schemas', 'io.k8s.api.core.v1.Pod');
  assert.equal(pod['description'], 'a pod');
  assert.deepEqual(at(pod, 'properties', 'spec'), { description: 'spec', allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.PodSpec' }], default: {} });
});

const idsOf = (document: JsonObject): Record<string, string> => Object.fromEntries(Object.entries(at(document, 'paths')).flatMap(([path, item]) =>
  Object.entries(item as JsonObject).filter(([method]) => method !== 'parameters').map(([method, operation]) => [`${method} ${path}`, String((operation as JsonObject)['operationId'])])));

test('operations have the names that upstream gives them', () => {
  const pod = builtIn('', 'Pod', 'pods');
  const connects = [{ kind: pod, subresource: 'exec', methods: ['GET', 'POST'] }, { kind: pod, subresource: 'log', methods: ['GET'] }, { kind: pod, subresource: 'proxy', methods: ['GET', 'HEAD'] }, { kind: custom, subresource: 'exec', methods: ['GET'] }];
  const document = openapiV3([pod], { connects });
  const one = '/api/v1/namespaces/{namespace}/pods/{name}';
  assert.deepEqual(idsOf(document), {
    'get /api/v1/': 'getCoreV1APIResources',
    'get /api/v1/namespaces/{namespace}/pods': 'listCoreV1NamespacedPod', 'post /api/v1/namespaces/{namespace}/pods': 'createCoreV1NamespacedPod', 'delete /api/v1/namespaces/{namespace}/pods': 'deleteCoreV1CollectionNamespacedPod',
    [`get ${one}`]: 'readCoreV1NamespacedPod', [`put ${one}`]: 'replaceCoreV1NamespacedPod', [`patch ${one}`]: 'patchCoreV1NamespacedPod', [`delete ${one}`]: 'deleteCoreV1NamespacedPod',
    [`get ${one}/exec`]: 'connectCoreV1GetNamespacedPodExec', [`post ${one}/exec`]: 'connectCoreV1PostNamespacedPodExec', [`get ${one}/log`]: 'readCoreV1NamespacedPodLog',
    [`get ${one}/proxy`]: 'connectCoreV1GetNamespacedPodProxy', [`head ${one}/proxy`]: 'connectCoreV1HeadNamespacedPodProxy',
    [`get ${one}/proxy/{path}`]: 'connectCoreV1GetNamespacedPodProxyWithPath', [`head ${one}/proxy/{path}`]: 'connectCoreV1HeadNamespacedPodProxyWithPath',
    [`get ${one}/scale`]: 'readCoreV1NamespacedPodScale', [`put ${one}/scale`]: 'replaceCoreV1NamespacedPodScale', [`patch ${one}/scale`]: 'patchCoreV1NamespacedPodScale',
    [`get ${one}/status`]: 'readCoreV1NamespacedPodStatus', [`put ${one}/status`]: 'replaceCoreV1NamespacedPodStatus', [`patch ${one}/status`]: 'patchCoreV1NamespacedPodStatus',
    'get /api/v1/pods': 'listCoreV1PodForAllNamespaces',
    'get /api/v1/watch/namespaces/{namespace}/pods': 'watchCoreV1NamespacedPodList', 'get /api/v1/watch/namespaces/{namespace}/pods/{name}': 'watchCoreV1NamespacedPod', 'get /api/v1/watch/pods': 'watchCoreV1PodListForAllNamespaces',
  });
  assert.deepEqual((at(document, 'paths', `${one}/exec`)['parameters'] as JsonObject[]).map((parameter) => [parameter['name'], at(parameter, 'schema')['type']]),
    [['namespace', 'string'], ['name', 'string'], ['command', 'string'], ['container', 'string'], ['stderr', 'boolean'], ['stdin', 'boolean'], ['stdout', 'boolean'], ['tty', 'boolean']]);
  assert.deepEqual(at(document, 'paths', `${one}/exec`, 'get')['x-kubernetes-group-version-kind'], { group: '', kind: 'PodExecOptions', version: 'v1' });
  const account = builtIn('', 'ServiceAccount', 'serviceaccounts');
  assert.equal(idsOf(openapiV2([account]))['post /api/v1/namespaces/{namespace}/serviceaccounts/{name}/token'], 'createCoreV1NamespacedServiceAccountToken');
  assert.equal(Object.keys(idsOf(openapiV2([custom]))).some((path) => /watch|exec|example.com\/(v1\/)?$/.test(path)), false, 'a definition of a user brings none of these');
});

test('answers by their codes; a deletion has what the kind is answered with', () => {
  const answers = (kind: Kind, path: string, method: string): [string, string][] => Object.entries(at(openapiV3([kind]), 'paths', path, method, 'responses'))
    .map(([code, response]) => [code, code === '401' ? 'Unauthorized' : String(at(response, 'content', 'application/json', 'schema')['$ref']).split('.').at(-1)!]);
  const [pods, deployments] = ['/api/v1/namespaces/{namespace}/pods', '/apis/apps/v1/namespaces/{namespace}/deployments'];
  assert.deepEqual(answers(builtIn('', 'Pod', 'pods'), pods, 'post'), [['200', 'Pod'], ['201', 'Pod'], ['202', 'Pod'], ['401', 'Unauthorized']]);
  assert.deepEqual(answers(builtIn('', 'Pod', 'pods'), `${pods}/{name}`, 'delete'), [['200', 'Pod'], ['202', 'Pod'], ['401', 'Unauthorized']]);
  assert.deepEqual(answers(builtIn('apps', 'Deployment', 'deployments'), `${deployments}/{name}`, 'delete'), [['200', 'Status'], ['202', 'Status'], ['401', 'Unauthorized']]);
  assert.deepEqual(answers(builtIn('apps', 'Deployment', 'deployments'), `${deployments}/{name}`, 'put'), [['200', 'Deployment'], ['201', 'Deployment'], ['401', 'Unauthorized']]);
});

test('discovery, the version and the issuer have paths', () => {
  const kinds = [builtIn('', 'Pod', 'pods'), builtIn('apps', 'Deployment', 'deployments'), custom];
  assert.deepEqual(Object.keys(at(openapiV2(kinds), 'paths')).filter((path) => !/pods|deployments|crontabs/.test(path)).sort(),
    ['/.well-known/openid-configuration', '/api/', '/api/v1/', '/apis/', '/apis/apps/', '/apis/apps/v1/', '/openid/v1/jwks', '/version/']);
  const version = openapiV3Root(rootPaths(kinds).find(({ path }) => path === '/version/')!);
  assert.equal(at(version, 'paths', '/version/', 'get')['operationId'], 'getCodeVersion');
  assert.equal((at(version, 'components', 'schemas', 'io.k8s.apimachinery.pkg.version.Info')['required'] as string[]).length, 9);
});

test('what a type requires, by its mark or for want of omitempty; what Go leaves out all the same is asked for by the rules of the kind', () => {
  const required = (kind: Kind, type: string): unknown => at(openapiV3([kind]), 'components', 'schemas', type)['required'];
  const autoscaler = builtIn('autoscaling', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers');
  assert.deepEqual(required(autoscaler, 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler'), ['spec']);
  assert.deepEqual(required(builtIn('networking.k8s.io', 'IPAddress', 'ipaddresses'), 'io.k8s.api.networking.v1.ParentReference'), ['resource', 'name']);
  assert.deepEqual(required(builtIn('', 'Pod', 'pods'), 'io.k8s.api.core.v1.PodCertificateProjection'), ['signerName', 'keyType']);
  assert.deepEqual(validateSchema(autoscaler.schema(), { metadata: { name: 'a' } }), [], 'the rules say what of its spec is missing');
});

test('the index', () => {
  assert.deepEqual(openapiV3Index({ 'api/v1': 'AB', 'apis/apps/v1': 'CD' }), {
    paths: { 'api/v1': { serverRelativeURL: '/openapi/v3/api/v1?hash=AB' }, 'apis/apps/v1': { serverRelativeURL: '/openapi/v3/apis/apps/v1?hash=CD' } },
  });
});
