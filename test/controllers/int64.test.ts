/** Whole numbers beyond 2^53 on their way through webhooks and policies: what is asked about, what is answered and what is stored are the same number. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CustomResourceDefinition as Definition } from '../../src/api/generated/apiextensions-v1.ts';
import { isApiError } from '../../src/api/errors.ts';
import type { Int64 } from '../../src/api/int64.ts';
import type { Kind } from '../../src/api/kind.ts';
import { CustomResourceDefinition, EndpointSlice, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, MutatingWebhookConfiguration, Namespace, Service, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import admission from '../../src/modules/admission/module.ts';
import customResources from '../../src/modules/custom-resources/module.ts';
import type { Module } from '../../src/sdk/index.ts';
import { startWebhookServer, type WebhookServer } from '../fixtures/webhook-server.ts';
import { eventually, startWorld, type World } from './world.ts';

const MOST = 9_223_372_036_854_775_807n;
const ODD = 9_007_199_254_740_993n;
type Clock = KubeObject & { spec: { nanos?: Int64; old?: Int64; patched?: Int64; ruled?: Int64 } };
interface Review { request: { uid: string; desiredAPIVersion: string; objects: Clock[]; object?: Clock } }

let world: World;
let server: WebhookServer;
const served: Module = { name: 'kinds', description: '', kinds: [Namespace, Service, EndpointSlice] as readonly unknown[] as readonly Kind[] };

/** `/convert` calls the field by another name in v2; `/count` adds one to it, as a patch in text. */
function answer(path: string, { request }: Review): unknown {
  const { uid } = request;
  if (path === '/convert') {
    const convertedObjects = request.objects.map(({ spec: { nanos, old, ...rest }, ...object }) => ({ ...object, apiVersion: request.desiredAPIVersion, spec: { ...rest, ...(request.desiredAPIVersion.endsWith('v2') ? { nanos: nanos ?? old } : { old: old ?? nanos }) } }));
    return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', response: { uid, result: { status: 'Success' }, convertedObjects } };
  }
  const patch = `[{"op":"test","path":"/spec/nanos","value":${String(request.object?.spec.nanos)}},{"op":"add","path":"/spec/patched","value":${String(BigInt(request.object?.spec.nanos ?? 0) - 1n)}}]`;
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true, patchType: 'JSONPatch', patch: Buffer.from(patch).toString('base64') } };
}

const schema = (field: string): object => ({ openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: Object.fromEntries([field, 'patched', 'ruled'].map((each) => [each, { type: 'integer' }])) } } } });
const kindOf = (version: string): Kind<Clock> => world.door.kinds.list().find((each) => each.kind === 'Clock' && each.version === version) as unknown as Kind<Clock>;
const clock = (name: string, spec: Clock['spec']): Clock => ({ metadata: { name, namespace: 'default' }, spec }) as Clock;
const at = { namespace: 'default' };
const resourceRules = [{ apiGroups: ['example.com'], apiVersions: ['v2'], operations: ['CREATE' as const], resources: ['clocks'] }];

before(async () => {
  world = await startWorld([served, customResources, admission]);
  server = await startWebhookServer(answer as never);
  await world.client.create(Namespace, { metadata: { name: 'default' } });
  const conversion = { strategy: 'Webhook', webhook: { clientConfig: { url: `${server.url}/convert`, caBundle: server.caBundle }, conversionReviewVersions: ['v1'] } };
  const versions = [{ name: 'v1', served: true, storage: true, schema: schema('old') }, { name: 'v2', served: true, storage: false, schema: schema('nanos') }];
  await world.client.create(CustomResourceDefinition, { metadata: { name: 'clocks.example.com' }, spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'clocks', kind: 'Clock' }, conversion, versions } } as Definition);
  await eventually('both versions are served', () => kindOf('v2') !== undefined);
});
after(async () => {
  await world.stop();
  await server.stop();
});

test('a conversion webhook', async () => {
  const made = await world.client.create(kindOf('v2'), clock('converted', { nanos: MOST }));
  assert.deepEqual(made.spec, { nanos: MOST });
  assert.deepEqual((await world.client.get(kindOf('v1'), 'converted', at)).spec, { old: MOST });
  assert.deepEqual((await world.client.list(kindOf('v2'), at)).items[0]?.spec, { nanos: MOST });
});

test('a mutating webhook', async () => {
  const webhook = { name: 'count.example.com', clientConfig: { url: `${server.url}/count`, caBundle: server.caBundle }, rules: resourceRules, admissionReviewVersions: ['v1'], sideEffects: 'None' };
  await world.client.create(MutatingWebhookConfiguration, { metadata: { name: 'count' }, webhooks: [webhook] } as MutatingWebhookConfiguration);
  let tries = 0;
  let made = clock('', {});
  await eventually('the webhook is asked', async () => (made = await world.client.create(kindOf('v2'), clock(`counted-${(tries += 1)}`, { nanos: MOST }))).spec.patched !== undefined);
  assert.deepEqual(made.spec, { nanos: MOST, patched: MOST - 1n });
  await world.client.deleteCollection(MutatingWebhookConfiguration);
});

test('policies', async () => {
  await world.client.create(ValidatingAdmissionPolicy, { metadata: { name: 'not-odd' }, spec: { matchConstraints: { resourceRules }, validations: [{ expression: `object.spec.nanos != ${ODD}`, messageExpression: '"it is " + string(object.spec.nanos)' }] } } as ValidatingAdmissionPolicy);
  await world.client.create(ValidatingAdmissionPolicyBinding, { metadata: { name: 'not-odd' }, spec: { policyName: 'not-odd', validationActions: ['Deny'] } } as ValidatingAdmissionPolicyBinding);
  await world.client.create(MutatingAdmissionPolicy, { metadata: { name: 'ruled' }, spec: { matchConstraints: { resourceRules }, reinvocationPolicy: 'Never', mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{spec: Object.spec{ruled: object.spec.nanos - 1}}' } }] } } as MutatingAdmissionPolicy);
  await world.client.create(MutatingAdmissionPolicyBinding, { metadata: { name: 'ruled' }, spec: { policyName: 'ruled' } } as MutatingAdmissionPolicyBinding);
  let tries = 0;
  await eventually('the policy refuses', async () => world.client.create(kindOf('v2'), clock(`refused-${(tries += 1)}`, { nanos: ODD })).then(() => false, (error) => isApiError(error, 'Invalid') && error.message.includes(`it is ${ODD}`)));
  let made = clock('', {});
  await eventually('the policy sets', async () => (made = await world.client.create(kindOf('v2'), clock(`ruled-${(tries += 1)}`, { nanos: ODD + 2n }))).spec.ruled !== undefined);
  assert.deepEqual(made.spec, { nanos: ODD + 2n, ruled: ODD + 1n });
});
