/** Webhooks and policies over the real door and store, with a real HTTPS server. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MutatingWebhook } from '../../src/api/generated/admissionregistration-v1.ts';
import type { Kind } from '../../src/api/kind.ts';
import { ConfigMap, Deployment, EndpointSlice, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, MutatingWebhookConfiguration, Namespace, Pod, Service, ServiceAccount, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import admission from '../../src/modules/admission/module.ts';
import type { Module } from '../../src/sdk/index.ts';
import { startWebhookServer, type WebhookServer } from '../fixtures/webhook-server.ts';
import { eventually, startWorld, type World } from './world.ts';

interface Review { apiVersion: string; request: { uid: string; operation: string; subResource?: string; object?: KubeObject & { data?: Record<string, string> }; oldObject?: KubeObject; name?: string; namespace?: string; dryRun: boolean } }

let world: World;
let server: WebhookServer;
const served: Module = { name: 'kinds', description: '', kinds: [Namespace, ConfigMap, Pod, Deployment, Service, EndpointSlice, ServiceAccount] as readonly unknown[] as readonly Kind[] };
const CONFIGURED = [MutatingWebhookConfiguration, ValidatingWebhookConfiguration, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding] as readonly unknown[] as Kind[];
/** What was configured before holds from now on, and what was deleted does not. */
const inForce = (): Promise<void> => world.caughtUp(...CONFIGURED);
const patch = (operations: unknown): object => ({ patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') });

function answer(path: string, { apiVersion, request }: Review): unknown {
  const respond = (response: object): object => ({ apiVersion, kind: 'AdmissionReview', response: { uid: request.uid, ...response } });
  switch (path) {
    case '/allow': return respond({ allowed: true });
    case '/deny': return respond({ allowed: false, status: { message: 'not here', code: 403, reason: 'Forbidden' } });
    case '/mutate': return respond({ allowed: true, ...patch([{ op: 'add', path: '/data/mutated', value: `by ${request.operation}` }]) });
    case '/first': return respond({ allowed: true, ...(request.object?.data?.['first'] === 'seen-second' ? {} : patch([{ op: 'add', path: '/data/first', value: request.object?.data?.['second'] === undefined ? 'alone' : 'seen-second' }])) });
    case '/second': return respond({ allowed: true, ...(request.object?.data?.['second'] === undefined ? patch([{ op: 'add', path: '/data/second', value: 'x' }]) : {}) });
    case '/rename': return respond({ allowed: true, ...patch([{ op: 'add', path: '/metadata/uid', value: 'forged' }, { op: 'add', path: '/bogus', value: 1 }, { op: 'add', path: '/data/renamed', value: 'x' }]) });
    case '/audience': return respond({ allowed: true, ...patch([{ op: 'add', path: '/spec/audiences', value: ['of-the-webhook'] }, { op: 'add', path: '/metadata/uid', value: 'forged' }, { op: 'add', path: '/bogus', value: 1 }]) });
    case '/short': return respond({ allowed: true, ...patch([{ op: 'replace', path: '/spec/expirationSeconds', value: 5 }]) });
    case '/slow': return sleep(3_000).then(() => respond({ allowed: true }));
    case '/wrong-uid': return { apiVersion, kind: 'AdmissionReview', response: { uid: 'other', allowed: true } };
    default: return { nothing: true };
  }
}

before(async () => {
  world = await startWorld([served, admission]);
  server = await startWebhookServer(answer as never, ['hook.default.svc']);
  for (const [name, labels] of [['default', {}], ['marked', { watch: 'yes' }]] as const) await world.client.create(Namespace, { metadata: { name, labels } });
});
after(async () => {
  await world.stop();
  await server.stop();
});
afterEach(async () => {
  for (const kind of CONFIGURED) await world.client.deleteCollection(kind);
  await world.client.deleteCollection(ConfigMap, { namespace: 'default' });
  server.seen.splice(0);
  await inForce();
});

function webhook(path: string, more: Partial<MutatingWebhook> = {}): MutatingWebhook {
  return {
    name: `${path.slice(1)}.hooks.example.com`, clientConfig: { url: server.url + path, caBundle: server.caBundle }, sideEffects: 'None', admissionReviewVersions: ['v1'],
    rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE', 'UPDATE'] }], ...more,
  };
}

async function configure(kind: 'mutating' | 'validating', ...webhooks: MutatingWebhook[]): Promise<void> {
  const object = { metadata: { name: `c-${Math.random().toString(36).slice(2)}` }, webhooks };
  await world.client.create((kind === 'mutating' ? MutatingWebhookConfiguration : ValidatingWebhookConfiguration) as Kind, object as KubeObject);
  await inForce();
}

const map = (name: string, data: Record<string, string> = {}, more: object = {}): ConfigMap => ({ metadata: { name, namespace: 'default', ...more }, data });
const create = (object: ConfigMap): Promise<ConfigMap> => world.client.create(ConfigMap, object);
const refused = (message: RegExp, code?: number) => (error: Error & { code?: number }): boolean => {
  assert.match(error.message, message);
  if (code !== undefined) assert.equal(error.code, code);
  return true;
};

test('a mutating webhook changes what is stored, and sees what upstream shows', async () => {
  await configure('mutating', webhook('/mutate'));
  assert.deepEqual((await create(map('a', { b: 'c' }))).data, { b: 'c', mutated: 'by CREATE' });
  assert.deepEqual((await world.client.update(ConfigMap, map('a', { b: 'd' }))).data, { b: 'd', mutated: 'by UPDATE' });
  const { body } = server.seen[1] as unknown as { body: Review };
  assert.deepEqual([body.apiVersion, body.request.name, body.request.namespace, body.request.dryRun, body.request.object?.kind, body.request.oldObject?.metadata.name], ['admission.k8s.io/v1', 'a', 'default', false, 'ConfigMap', 'a']);
});

test('a webhook cannot forge what is the door\'s, and unknown fields go', async () => {
  await configure('mutating', webhook('/rename'));
  const made = await create(map('a', { b: 'c' }));
  assert.equal(made.data?.['renamed'], 'x');
  assert.notEqual(made.metadata.uid, 'forged');
  assert.equal('bogus' in made, false);
});

test('webhooks are asked again when a later one changed the object', async () => {
  await configure('mutating', webhook('/first', { reinvocationPolicy: 'IfNeeded' }), webhook('/second'));
  assert.deepEqual((await create(map('a', { b: 'c' }))).data, { b: 'c', first: 'seen-second', second: 'x' });
  assert.deepEqual(server.seen.map(({ path }) => path), ['/first', '/second', '/first']);
});

test('token requests are changed and judged by webhooks and policies, as all that is made at a subresource', async () => {
  const account = await world.client.create(ServiceAccount, { metadata: { name: 'bot', namespace: 'default' } });
  const rules: MutatingWebhook['rules'] = [{ apiGroups: [''], apiVersions: ['v1'], resources: ['serviceaccounts/token'], operations: ['CREATE'] }];
  type Token = KubeObject & { spec: { audiences: string[]; expirationSeconds: number }; status: { token: string } };
  const request = async (): Promise<Token> => (await world.client.createSubresource(ServiceAccount, { name: 'bot', namespace: 'default' }, 'token', { spec: {} } as never)) as unknown as Token;
  await configure('mutating', webhook('/audience', { rules }), webhook('/mutate'));
  await configure('validating', webhook('/allow', { rules }));
  const made = await request();
  assert.deepEqual([made.spec.audiences, made.spec.expirationSeconds, made.metadata.uid, 'bogus' in made], [['of-the-webhook'], 3_600, account.metadata.uid, false]);
  assert.deepEqual(JSON.parse(Buffer.from(made.status.token.split('.')[1] ?? '', 'base64url').toString()).aud, ['of-the-webhook']);
  const seen = server.seen.map(({ path, body }) => ({ path, request: (body as unknown as Review).request as Review['request'] & { kind: { kind: string }; resource: { resource: string } } }));
  assert.deepEqual(seen.map(({ path, request: { kind, resource, subResource, name } }) => [path, kind.kind, resource.resource, subResource, name]), [
    ['/audience', 'TokenRequest', 'serviceaccounts', 'token', 'bot'], ['/allow', 'TokenRequest', 'serviceaccounts', 'token', 'bot'],
  ]);
  const [changing, judging] = seen.map(({ request: { object } }) => object as unknown as Token);
  assert.deepEqual([changing?.spec.audiences, judging?.spec.audiences, judging?.metadata.uid], [undefined, ['of-the-webhook'], account.metadata.uid]);
  await configure('mutating', webhook('/short', { rules }));
  await assert.rejects(request(), refused(/may not specify a duration less than 10 minutes/, 422));
  await world.client.deleteCollection(MutatingWebhookConfiguration);
  const policy = { metadata: { name: 'audience' }, spec: {
    matchConstraints: { resourceRules: rules }, failurePolicy: 'Fail', reinvocationPolicy: 'Never',
    mutations: [
      { patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{spec: Object.spec{expirationSeconds: 1234}}' } },
      { patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "add", path: "/spec/audiences", value: ["of-the-policy"]}]' } },
    ],
  } };
  await world.client.create(MutatingAdmissionPolicy as never, policy as never);
  await world.client.create(MutatingAdmissionPolicyBinding as never, { metadata: { name: 'audience' }, spec: { policyName: 'audience' } } as never);
  await eventually('the policy is in force', async () => (await request()).spec.audiences[0] === 'of-the-policy');
  assert.equal((await request()).spec.expirationSeconds, 1_234);
});

test('a validating webhook refuses', async () => {
  await configure('validating', webhook('/deny'));
  await assert.rejects(create(map('a')), refused(/^admission webhook "deny\.hooks\.example\.com" denied the request: not here$/, 403));
  await assert.rejects(world.client.get(ConfigMap, 'a', { namespace: 'default' }), refused(/not found/));
});

test('deletion is asked about, and webhook configurations are exempt', async () => {
  await create(map('a'));
  const everything = [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], operations: ['*' as const] }];
  await configure('validating', webhook('/deny', { rules: everything }));
  await assert.rejects(world.client.delete(ConfigMap, 'a', { namespace: 'default' }), refused(/denied the request/));
  await world.client.deleteCollection(ValidatingWebhookConfiguration);
  await inForce();
  await world.client.delete(ConfigMap, 'a', { namespace: 'default' });
});

test('failure policy, timeouts and answers that are none', async () => {
  const closed = 'https://127.0.0.1:1';
  const table: [Partial<MutatingWebhook> & { path?: string }, RegExp | undefined][] = [
    [{ clientConfig: { url: closed } }, /^Internal error occurred: failed calling webhook "allow\.hooks\.example\.com": failed to call webhook: Post "https:\/\/127\.0\.0\.1:1\?timeout=10s": dial tcp 127\.0\.0\.1:1: connect: connection refused$/],
    [{ clientConfig: { url: closed }, failurePolicy: 'Ignore' }, undefined],
    [{ path: '/slow', timeoutSeconds: 1 }, /\?timeout=1s": context deadline exceeded$/],
    [{ path: '/slow', timeoutSeconds: 1, failurePolicy: 'Ignore' }, undefined],
    [{ path: '/wrong-uid' }, /received invalid webhook response: expected response.uid=/],
    [{ path: '/nonsense' }, /expected webhook response of admission\.k8s\.io\/v1, Kind=AdmissionReview, got/],
    [{ clientConfig: { url: `${server.url}/allow` } }, /x509: certificate signed by unknown authority/],
  ];
  for (const [index, [{ path, ...more }, expected]] of table.entries()) {
    await configure('validating', webhook(path ?? '/allow', { name: 'allow.hooks.example.com', ...more }));
    if (expected === undefined) await create(map(`f${index}`));
    else await assert.rejects(create(map(`f${index}`)), refused(expected, 500));
    await world.client.deleteCollection(ValidatingWebhookConfiguration);
    await inForce();
  }
});

test('selectors, scopes and match conditions choose', async () => {
  const table: [Partial<MutatingWebhook>, ConfigMap, boolean][] = [
    [{ namespaceSelector: { matchLabels: { watch: 'yes' } } }, map('s1'), false],
    [{ namespaceSelector: { matchLabels: { watch: 'yes' } } }, { metadata: { name: 's2', namespace: 'marked' } }, true],
    [{ objectSelector: { matchLabels: { hook: 'me' } } }, map('s3'), false],
    [{ objectSelector: { matchLabels: { hook: 'me' } } }, map('s4', {}, { labels: { hook: 'me' } }), true],
    [{ matchConditions: [{ name: 'not-mine', expression: "object.metadata.name != 's5'" }] }, map('s5'), false],
    [{ matchConditions: [{ name: 'admins', expression: "request.userInfo.username == 'admin' && authorizer.group('').resource('pods').namespace('default').check('delete').allowed()" }] }, map('s6'), true],
    [{ rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'], scope: 'Cluster' }] }, map('s7'), false],
    [{ matchConditions: [{ name: 'broken', expression: 'object.data.missing == "x"' }], failurePolicy: 'Ignore' }, map('s8'), false],
  ];
  for (const [more, object, expected] of table) {
    await configure('validating', webhook('/deny', more));
    if (expected) await assert.rejects(create(object), refused(/denied the request/), JSON.stringify(more));
    else await create(object);
    await world.client.deleteCollection(ValidatingWebhookConfiguration);
    await inForce();
  }
});

test('a webhook behind a service is reached at its endpoints', async () => {
  await world.client.create(Service, { metadata: { name: 'hook', namespace: 'default' }, spec: { ports: [{ name: 'https', port: 8443 }] } } as Service);
  await configure('validating', webhook('/deny', { clientConfig: { service: { name: 'hook', namespace: 'default', path: '/deny', port: 8443 }, caBundle: server.caBundle } }));
  await assert.rejects(create(map('a')), refused(/Post "https:\/\/hook\.default\.svc:8443\/deny\?timeout=10s": no endpoints available for service "hook"/));
  await world.client.create(EndpointSlice, { metadata: { name: 'hook-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'hook' } }, addressType: 'FQDN', ports: [{ name: 'https', port: server.port, protocol: 'TCP' }], endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }] } as EndpointSlice);
  await assert.rejects(create(map('a')), refused(/denied the request: not here/));
});

test('webhooks that cannot be are refused', async () => {
  const table: [Partial<MutatingWebhook>, RegExp][] = [
    [{ name: 'short' }, /webhooks\[0\]\.name: Invalid value: "short": should be a domain with at least three segments separated by dots/],
    [{ clientConfig: { url: 'http://x' } }, /'https' is the only allowed URL scheme; desired format: https:\/\/host\[\/path\]/],
    [{ clientConfig: {} }, /exactly one of url or service is required/],
    [{ timeoutSeconds: 31 }, /the timeout value must be between 1 and 30 seconds/],
    [{ sideEffects: 'Some' }, /Unsupported value: "Some": supported values: "None", "NoneOnDryRun"/],
    [{ admissionReviewVersions: ['v2'] }, /must include at least one of v1, v1beta1/],
    [{ matchConditions: [{ name: 'x', expression: 'object.' }] }, /webhooks\[0\]\.matchConditions\[0\]\.expression: Invalid value: "object\.": compilation failed: ERROR/],
    [{ matchConditions: [{ name: 'x', expression: '1 + 1' }] }, /must evaluate to bool/],
    [{ rules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: [], operations: ['NONE' as never] }] }, /operations\[0\]: Unsupported value: "NONE".*resources: Required value/],
  ];
  for (const [more, expected] of table) await assert.rejects(configure('validating', webhook('/allow', more)), refused(expected, 422));
});

async function policy(spec: object, binding: object = {}): Promise<void> {
  const matchConstraints = { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['configmaps', 'deployments'], operations: ['CREATE', 'UPDATE'] }] };
  await world.client.create(ValidatingAdmissionPolicy, { metadata: { name: 'p.example.com' }, spec: { matchConstraints, ...spec } } as ValidatingAdmissionPolicy);
  await world.client.create(ValidatingAdmissionPolicyBinding, { metadata: { name: 'b.example.com' }, spec: { policyName: 'p.example.com', validationActions: ['Deny'], ...binding } } as ValidatingAdmissionPolicyBinding);
  await inForce();
}

test('a policy refuses in the words of Kubernetes', async () => {
  await policy({ validations: [{ expression: "object.metadata.name.startsWith('ok')" }] });
  await create(map('ok-1'));
  await assert.rejects(create(map('bad')), refused(/^configmaps "bad" is forbidden: ValidatingAdmissionPolicy 'p\.example\.com' with binding 'b\.example\.com' denied request: failed expression: object\.metadata\.name\.startsWith\('ok'\)$/, 422));
});

test('messages, reasons, variables, the namespace and the old object', async () => {
  await policy({
    variables: [{ name: 'size', expression: "has(object.data) ? size(object.data) : 0" }, { name: 'twice', expression: 'variables.size * 2' }],
    validations: [
      { expression: 'variables.twice < 4', messageExpression: "'twice is ' + string(variables.twice) + ' in ' + namespaceObject.metadata.name", reason: 'Forbidden' },
      { expression: "oldObject == null || object.data.a == oldObject.data.a", message: 'a is fixed' },
      { expression: "request.operation != 'UPDATE' || authorizer.requestResource.check('update').allowed()" },
    ],
  });
  await assert.rejects(create(map('m', { a: '1', b: '2' })), refused(/denied request: twice is 4 in default$/, 403));
  await create(map('m', { a: '1' }));
  await assert.rejects(world.client.update(ConfigMap, map('m', { a: '2' })), refused(/denied request: a is fixed$/, 422));
  await world.client.update(ConfigMap, map('m', { a: '1' }, { labels: { b: 'c' } }));
});

test('parameters', async () => {
  const spec = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, matchConditions: [{ name: 'not-params', expression: "!object.metadata.name.startsWith('params')" }], validations: [{ expression: 'params == null || size(object.data) <= int(params.data.max)', messageExpression: "'at most ' + params.data.max" }] };
  await policy(spec, { paramRef: { name: 'params', parameterNotFoundAction: 'Deny' } });
  await assert.rejects(create(map('a', { x: '1' })), refused(/failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction$/));
  await world.client.deleteCollection(ValidatingAdmissionPolicy);
  await inForce();
  await create(map('params', { max: '1' }));
  await world.client.deleteCollection(ValidatingAdmissionPolicyBinding);
  await policy(spec, { paramRef: { name: 'params', parameterNotFoundAction: 'Deny' } });
  await create(map('b', { x: '1' }));
  await assert.rejects(create(map('c', { x: '1', y: '2' })), refused(/denied request: at most 1$/));
});

test('failure policy, conditions and bindings of policies', async () => {
  await policy({ validations: [{ expression: "object.data.missing == 'x'" }] });
  await assert.rejects(create(map('a', { b: 'c' })), refused(/denied request: expression 'object\.data\.missing == 'x'' resulted in error: no such key: missing$/, 422));
  await world.client.patch(ValidatingAdmissionPolicy, 'p.example.com', { type: 'merge', body: { spec: { failurePolicy: 'Ignore' } } });
  await inForce();
  await create(map('a', { b: 'c' }));
  await world.client.patch(ValidatingAdmissionPolicy, 'p.example.com', { type: 'merge', body: { spec: { failurePolicy: 'Fail' } } });
  await world.client.patch(ValidatingAdmissionPolicyBinding, 'b.example.com', { type: 'merge', body: { spec: { matchResources: { namespaceSelector: { matchLabels: { watch: 'yes' } } } } } });
  await inForce();
  await create(map('d', { b: 'c' }));
});

test('policies that cannot be are refused', async () => {
  const table: [object, RegExp][] = [
    [{ validations: [{ expression: 'object.' }] }, /spec\.validations\[0\]\.expression: Invalid value: "object\.": compilation failed: ERROR/],
    [{ validations: [{ expression: 'nobody == 1' }] }, /undeclared reference to 'nobody'/],
    [{ validations: [{ expression: 'params == null' }] }, /undeclared reference to 'params'/],
    [{ validations: [{ expression: 'request.nope == 1' }] }, /undefined field 'nope'/],
    [{ validations: [{ expression: "'x'" }] }, /must evaluate to bool/],
    [{ validations: [{ expression: 'true', reason: 'Odd' }] }, /Unsupported value: "Odd"/],
    [{}, /validations or auditAnnotations must contain at least one item/],
    [{ variables: [{ name: '1x', expression: 'true' }], validations: [{ expression: 'true' }] }, /name is not a valid CEL identifier/],
  ];
  for (const [spec, expected] of table) await assert.rejects(policy(spec), refused(expected, 422));
});

test('a policy says in its status what its expressions get wrong about the kinds that they match', async () => {
  await policy({ paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, matchConstraints: { resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'], operations: ['CREATE'] }] }, validations: [{ expression: "object.spec.replicas > '1'" }, { expression: 'object.spec.template.spec.containers.all(c, has(c.image) && c.imagee == "")' }, { expression: 'object.spec.replicas > 1 && object.metadata.labels.exists(k, k == "a")' }, { expression: 'params.data.max == "1" || params.dataa == "1"' }] });
  await eventually('a status', async () => (await world.client.get(ValidatingAdmissionPolicy, 'p.example.com')).status?.observedGeneration === 1);
  const { status } = await world.client.get(ValidatingAdmissionPolicy, 'p.example.com');
  assert.deepEqual(status?.typeChecking?.expressionWarnings?.map(({ fieldRef, warning }) => [fieldRef, warning.split('\n')[0]]), [
    ['spec.validations[0].expression', "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'"],
    ['spec.validations[1].expression', "apps/v1, Kind=Deployment: ERROR: <input>:1:62: undefined field 'imagee'"],
    ['spec.validations[3].expression', "apps/v1, Kind=Deployment: ERROR: <input>:1:33: undefined field 'dataa'"],
  ]);
});

test('what is made at a subresource is asked about as what it is', async () => {
  await world.client.create(Pod, { metadata: { name: 'p', namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'x' }] } } as Pod);
  await configure('validating', webhook('/deny', { rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods/eviction', 'pods/binding'], operations: ['CREATE'] }] }));
  const evict = (): Promise<unknown> => world.client.createSubresource(Pod, { namespace: 'default', name: 'p' }, 'eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p', namespace: 'default' } } as KubeObject);
  await assert.rejects(evict(), refused(/denied the request: not here/));
  const { request } = (server.seen.at(-1) as unknown as { body: { request: Record<string, unknown> & { object: KubeObject } } }).body;
  assert.deepEqual([request['operation'], request['subResource'], request['kind'], request['resource'], request.object.kind, request.object.metadata.name, request['oldObject']],
    ['CREATE', 'eviction', { group: 'policy', version: 'v1', kind: 'Eviction' }, { group: '', version: 'v1', resource: 'pods' }, 'Eviction', 'p', null]);
  await world.client.deleteCollection(ValidatingWebhookConfiguration);
  await inForce();
  await evict();
});
