/** What the answers of webhooks do when they are not what one hopes for, and in which form objects are shown to them. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { MutatingWebhook, ValidatingWebhook } from '../../src/api/generated/admissionregistration-v1.ts';
import { HorizontalPodAutoscaler, HorizontalPodAutoscalerV1 } from '../../src/api/autoscaling/horizontal-pod-autoscaler.ts';
import type { Kind } from '../../src/api/kind.ts';
import { ConfigMap, Deployment, MutatingWebhookConfiguration, Pod, Role, RoleBinding, ServiceAccount, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { silentLog } from '../../src/base/log.ts';
import admission from '../../src/modules/admission/module.ts';
import { hooksOf, validate } from '../../src/modules/admission/webhooks.ts';
import core from '../../src/modules/core/module.ts';
import type { Module, ModuleContext } from '../../src/sdk/index.ts';
import type { DeadlineSignal } from '../../src/sdk/module.ts';
import { startWebhookServer, type WebhookServer } from '../fixtures/webhook-server.ts';
import { eventually, startWorld, type World } from './world.ts';

interface Review { apiVersion: string; request: { uid: string; kind: { version: string }; requestKind: { version: string }; object: KubeObject & { spec: Record<string, unknown> } } }

let world: World;
let server: WebhookServer;
let response: object = { allowed: true };
const served: Module = { name: 'kinds', description: '', kinds: [Deployment, HorizontalPodAutoscaler, HorizontalPodAutoscalerV1] as readonly unknown[] as readonly Kind[] };
const CONFIGURATIONS = [MutatingWebhookConfiguration, ValidatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding] as readonly unknown[] as readonly Kind[];

before(async () => {
  world = await startWorld([core, served, admission]);
  server = await startWebhookServer(((_path: string, { apiVersion, request }: Review) => ({ apiVersion, kind: 'AdmissionReview', response: { uid: request.uid, ...response } })) as never);
});
after(async () => {
  await world?.stop();
  await server?.stop();
});
afterEach(async () => {
  for (const kind of CONFIGURATIONS) await world.client.deleteCollection(kind);
  server.seen.splice(0);
});

const RULE = { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE' as const] };

/** In force when a request that it concerns is told to it. */
async function configure(kind: 'Mutating' | 'Validating', more: Partial<MutatingWebhook> = {}): Promise<void> {
  const webhook = { name: 'hook.example.com', clientConfig: { url: `${server.url}/`, caBundle: server.caBundle }, sideEffects: 'None', admissionReviewVersions: ['v1'], rules: [RULE], ...more };
  const configuration = { metadata: { name: 'hook' }, webhooks: [webhook] };
  await world.client.create((kind === 'Mutating' ? MutatingWebhookConfiguration : ValidatingWebhookConfiguration) as Kind, configuration as KubeObject);
}

let made = 0;
const create = (): Promise<ConfigMap> => world.client.create(ConfigMap, { metadata: { name: `c${made++}`, namespace: 'default' } });

interface Asked { operation: string; subResource?: string; options: Record<string, unknown>; userInfo: { username: string } }

interface Refusal { code: number; reason: string; message: string; toStatus(): { reason?: string } }

async function refusal(): Promise<Refusal> {
  const refusals: Refusal[] = [];
  await eventually('it is refused', () => create().then(() => false, (error: Refusal) => refusals.push(error) > 0));
  return refusals[0]!;
}

test('a refusal has the code and the reason that the webhook gave, and 400 where it gave none', async () => {
  response = { allowed: false };
  await configure('Validating');
  const plain = await refusal();
  assert.deepEqual([plain.code, plain.toStatus().reason, plain.message], [400, undefined, 'admission webhook "hook.example.com" denied the request without explanation']);
  response = { allowed: false, status: { status: 'Success', code: 200, message: 'no' } };
  assert.deepEqual((({ code, message }) => [code, message])(await refusal()), [400, 'admission webhook "hook.example.com" denied the request: no']);
  response = { allowed: false, status: { code: 418, reason: 'not our tea' } };
  assert.deepEqual(((error) => [error.code, error.toStatus().reason, error.message])(await refusal()), [418, 'not our tea', 'admission webhook "hook.example.com" denied the request: not our tea']);
  response = { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'no' } };
  assert.deepEqual((({ code, reason }) => [code, reason])(await refusal()), [403, 'Forbidden']);
});

test('a patch that cannot be read is a failure of the call; one that does not apply is not', async () => {
  const patch = (text: string): object => ({ allowed: true, patchType: 'JSONPatch', patch: Buffer.from(text).toString('base64') });
  response = patch('not json');
  await configure('Mutating');
  assert.match((await refusal()).message, /failed calling webhook "hook\.example\.com": received undecodable patch in webhook response/);
  await world.client.deleteCollection(MutatingWebhookConfiguration);
  await configure('Mutating', { failurePolicy: 'Ignore' });
  for (const text of ['not json', '{"op":"add"}']) {
    response = patch(text);
    await eventually('it is let pass', () => create().then(() => true, () => false));
  }
  response = patch('[{"op":"replace","path":"/nope/x","value":1}]');
  assert.equal((await refusal()).code, 500);
});

test('a webhook for another version sees the object as that version says it, and its patch is of that form', async () => {
  response = { allowed: true, patchType: 'JSONPatch', patch: Buffer.from('[{"op":"replace","path":"/spec/targetCPUUtilizationPercentage","value":42}]').toString('base64') };
  await configure('Mutating', { rules: [{ ...RULE, apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'] }] });
  const spec = { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }] };
  let autoscaler: HorizontalPodAutoscaler | undefined;
  // Not of the ConfigMap of authorities, whose maker tries again what the webhooks of tests before refused.
  const asked = (): Review | undefined => server.seen.map(({ body }) => body as unknown as Review).find(({ request }) => request.object.kind === 'HorizontalPodAutoscaler');
  await eventually('it was asked', async () => {
    autoscaler = await world.client.create(HorizontalPodAutoscaler, { metadata: { name: `h${made++}`, namespace: 'default' }, spec } as HorizontalPodAutoscaler);
    return asked() !== undefined;
  });
  const { request } = asked()!;
  assert.deepEqual([request.kind.version, request.requestKind.version, request.object.apiVersion, request.object.spec['targetCPUUtilizationPercentage'], request.object.spec['metrics']], ['v1', 'v2', 'autoscaling/v1', 50, undefined]);
  assert.equal(autoscaler?.spec?.metrics?.[0]?.resource?.target.averageUtilization, 42);
});

test('webhooks see with what options something is deleted; an eviction is one thing, not two; and what changes nothing is judged too', async () => {
  response = { allowed: true };
  await configure('Validating', { rules: [{ ...RULE, resources: ['configmaps', 'pods', 'pods/eviction'], operations: ['*'] }] });
  await eventually('it is asked', () => create().then(() => server.seen.length > 0));
  const { client } = world;
  const told = async (work: () => Promise<unknown>): Promise<unknown[]> => {
    server.seen.splice(0);
    await work();
    const requests = server.seen.map(({ body }) => (body as unknown as { request: Asked }).request);
    // Modules write, too.
    return requests.filter(({ userInfo }) => userInfo.username === 'admin').map(({ operation, subResource, options }) => [operation, subResource, options]);
  };
  const { metadata: { name = '' } } = await client.create(ConfigMap, { metadata: { name: 'same', namespace: 'default' } });
  const same = await client.get(ConfigMap, name, { namespace: 'default' });
  assert.deepEqual((await told(() => client.update(ConfigMap, same))).map((each) => (each as unknown[])[0]), ['UPDATE']);
  assert.deepEqual(await told(() => client.delete(ConfigMap, name, { namespace: 'default', propagationPolicy: 'Orphan', gracePeriodSeconds: 0 })), [['DELETE', undefined, { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', propagationPolicy: 'Orphan', gracePeriodSeconds: 0 }]]);
  await client.create(Pod, { metadata: { name: 'p', namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'x' }] } });
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p', namespace: 'default' } } as KubeObject;
  assert.deepEqual((await told(() => client.createSubresource(Pod, { namespace: 'default', name: 'p' }, 'eviction', eviction))).map((each) => (each as unknown[]).slice(0, 2)), [['CREATE', 'eviction']]);
});

test('a name is generated after webhooks changed the object, unless one gave a name; those that judge see it', async () => {
  response = { allowed: true };
  await configure('Mutating');
  await configure('Validating');
  await eventually('both are asked', () => create().then(() => server.seen.length > 1 || (server.seen.splice(0), false)));
  const make = async (): Promise<[string | undefined, unknown[]]> => {
    server.seen.splice(0);
    const { metadata } = await world.client.create(ConfigMap, { metadata: { generateName: 'gen-', namespace: 'default' } });
    return [metadata.name, server.seen.map(({ body }) => (body as unknown as { request: { name?: string; object: KubeObject } }).request).filter(({ object }) => object.metadata.generateName === 'gen-').map(({ name, object }) => [name, object.metadata.name])];
  };
  const [name, seen] = await make();
  assert.match(name ?? '', /^gen-.{5}$/);
  assert.deepEqual(seen, [[undefined, undefined], [name, name]]);
  response = { allowed: true, patchType: 'JSONPatch', patch: Buffer.from('[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]').toString('base64') };
  assert.match((await make())[0] ?? '', /^gen-.{5}$/);
  response = { allowed: true, patchType: 'JSONPatch', patch: Buffer.from('[{"op":"add","path":"/metadata/name","value":"chosen"}]').toString('base64') };
  const [given, told] = await make();
  assert.deepEqual([given, told.at(-1), (await world.client.get(ConfigMap, 'chosen', { namespace: 'default' })).metadata.name], ['chosen', ['chosen', 'chosen'], 'chosen']);
  server.seen.splice(0);
  await assert.rejects(world.client.create(ConfigMap, { metadata: { generateName: 'gen-', namespace: 'default' } }), { message: 'configmaps "chosen" already exists, the server was not able to generate a unique name for the object' });
  assert.equal(server.seen.filter(({ body }) => (body as unknown as { request: { object: KubeObject } }).request.object.metadata.generateName === 'gen-').length, 2, 'each is asked once');
});

test('policies ask what service accounts may do, and why', async () => {
  const { client } = world;
  await client.create(ServiceAccount, { metadata: { name: 'reader', namespace: 'default' } });
  await client.create(Role, { metadata: { name: 'reads', namespace: 'default' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }] });
  await client.create(RoleBinding, { metadata: { name: 'reads', namespace: 'default' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reads' }, subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'default' }] });
  const check = (verb: string): string => `authorizer.serviceAccount('default', 'reader').group('').resource('pods').namespace('default').fieldSelector('spec.nodeName=x').labelSelector('a=b').check('${verb}')`;
  const why = `RBAC: allowed by RoleBinding "reads/default" of Role "reads"`;
  // Each question costs 350,000 of the 1,000,000 that one expression may (apiserver/pkg/apis/cel/config.go): three would not fit into one.
  const validations = [{ expression: `!${check('delete')}.allowed()`, message: 'it may delete' }, { expression: `!(${check('list')}.allowed() && ${check('list')}.reason() == '${why}')`, message: 'as it should be' }];
  await client.create(ValidatingAdmissionPolicy, { metadata: { name: 'p' }, spec: { matchConstraints: { resourceRules: [RULE] }, validations } });
  await client.create(ValidatingAdmissionPolicyBinding, { metadata: { name: 'p' }, spec: { policyName: 'p', validationActions: ['Deny'] } });
  assert.match((await refusal()).message, /denied request: as it should be$/);
  const asking = { metadata: { name: 'asking' }, spec: { matchConstraints: { resourceRules: [RULE] }, validations: [{ expression: 'true', messageExpression: `${check('list')}.reason()` }] } };
  await assert.rejects(client.create(ValidatingAdmissionPolicy, asking), /messageExpression: .*undeclared reference to 'authorizer'/s, 'a message may not ask, as upstream has it');
});

test('what webhooks are asked, and what they say, is counted', async () => {
  const counted = async (line: string): Promise<number> => Number(new RegExp(`^${line.replaceAll(/[{}]/g, '\\$&')} (\\d+)$`, 'm').exec(await world.metrics())?.[1] ?? 0);
  const asked = (code: number, rejected: boolean, type: string): string => `apiserver_admission_webhook_request_total{code="${code}",name="hook.example.com",operation="CREATE",rejected="${rejected}",type="${type}"}`;
  const refused = (error: string, code: number): string => `apiserver_admission_webhook_rejection_count{error_type="${error}",name="hook.example.com",operation="CREATE",rejection_code="${code}",type="validating"}`;
  const [fine, teapot, open] = [asked(200, false, 'admit'), refused('no_error', 418), 'apiserver_admission_webhook_fail_open_count{name="hook.example.com",type="validating"}'];
  const before = await Promise.all([fine, teapot, open, refused('calling_webhook_error', 503)].map(counted));
  response = { allowed: true };
  await configure('Mutating');
  await eventually('it is asked', async () => (await create(), server.seen.length > 0));
  await world.client.deleteCollection(MutatingWebhookConfiguration);
  response = { allowed: false, status: { code: 418 } };
  await configure('Validating');
  await refusal();
  await world.client.deleteCollection(ValidatingWebhookConfiguration);
  for (const failurePolicy of ['Ignore', 'Fail'] as const) {
    await configure('Validating', { failurePolicy, clientConfig: { url: 'https://127.0.0.1:1/', caBundle: server.caBundle } });
    const line = failurePolicy === 'Ignore' ? open : refused('calling_webhook_error', 503);
    await eventually(`${failurePolicy} is counted`, async () => (await create().catch(() => {}), (await counted(line)) > before[failurePolicy === 'Ignore' ? 2 : 3]!));
    await world.client.deleteCollection(ValidatingWebhookConfiguration);
  }
  const after = await Promise.all([fine, teapot].map(counted));
  assert.ok(after[0]! > before[0]! && after[1]! > before[1]!, `${after.join()} after ${before.join()}`);
  assert.match(await world.metrics(), /apiserver_admission_webhook_admission_duration_seconds_bucket\{name="hook\.example\.com",operation="CREATE",rejected="true",type="validating",le="25"\} [1-9]/);
});

test('what validating policies find wrong is counted', async () => {
  await world.client.create(ValidatingAdmissionPolicy, { metadata: { name: 'none' }, spec: { failurePolicy: 'Fail', matchConstraints: { resourceRules: [RULE] }, validations: [{ expression: 'false' }] } });
  await world.client.create(ValidatingAdmissionPolicyBinding, { metadata: { name: 'here' }, spec: { policyName: 'none', validationActions: ['Deny'] } });
  await refusal();
  assert.match(await world.metrics(), /^apiserver_validating_admission_policy_check_total\{enforcement_action="deny",error_type="invalid_error",policy="none",policy_binding="here"\} 1$/m);
});

test('a webhook is told how long the client of the request still waits, and is not waited for any longer', async () => {
  const webhook = { name: 'hook.example.com', clientConfig: { url: `${server.url}/`, caBundle: server.caBundle }, sideEffects: 'None', admissionReviewVersions: ['v1'], rules: [RULE], timeoutSeconds: 20, failurePolicy: 'Fail' } as const;
  const hooks = hooksOf<ValidatingWebhook>([{ metadata: { name: 'hook', uid: 'u' }, webhooks: [webhook] } as never]);
  const context = { client: world.client, log: silentLog, signal: new AbortController().signal, kinds: { list: () => [] } } as unknown as ModuleContext;
  const asked = (deadline?: DeadlineSignal): Promise<void> => validate(hooks, { operation: 'CREATE', kind: ConfigMap as Kind, namespace: 'default', name: 'c', object: { metadata: { name: 'c' } }, oldObject: undefined, user: { name: 'u', groups: [] }, dryRun: false, ...(deadline === undefined ? {} : { deadline }) }, { namespace: undefined }, context);
  const ending = new AbortController();
  const deadline = Object.assign(ending.signal, { endMs: performance.now() + 9_500 });
  response = { allowed: true };
  await asked();
  await asked(deadline);
  assert.equal(server.seen[0]?.query, 'timeout=20s');
  assert.match(server.seen[1]?.query ?? '', /^timeout=([1-9]|10)s$/, 'what is left');
  const refused = assert.rejects(asked(deadline), /failed calling webhook "hook\.example\.com"/);
  ending.abort();
  await refused;
});
