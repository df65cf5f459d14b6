/** What webhooks are shown where the request is about no whole object, and what becomes of what they change in it (upstream: test/integration/apiserver/admissionwebhook). */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Event as EventsEvent } from '../../src/api/events/event.ts';
import type { Kind } from '../../src/api/kind.ts';
import { ConfigMap, Deployment, Event, MutatingWebhookConfiguration, Pod, ValidatingWebhookConfiguration } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import admission from '../../src/modules/admission/module.ts';
import core from '../../src/modules/core/module.ts';
import type { Module } from '../../src/sdk/index.ts';
import { startWebhookServer, type WebhookServer } from '../fixtures/webhook-server.ts';
import { eventually, startWorld, type World } from './world.ts';

interface Asked {
  uid: string;
  operation: string;
  name?: string;
  kind: { group: string; version: string; kind: string };
  resource: { resource: string };
  subResource?: string;
  object: KubeObject | null;
  oldObject: KubeObject | null;
}

let world: World;
let server: WebhookServer;
/** Operations of a JSON patch that mutating webhooks answer. */
let patch: object[] = [];
const served: Module = { name: 'kinds', description: '', kinds: [Deployment] as readonly unknown[] as readonly Kind[] };

before(async () => {
  world = await startWorld([core, served, admission]);
  server = await startWebhookServer(((path: string, { request: { uid } }: { request: Asked }) => {
    const change = path === '/mutate' && patch.length > 0 ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') } : {};
    return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true, ...change } };
  }) as never);
});
after(async () => {
  await world?.stop();
  await server?.stop();
});
afterEach(async () => {
  for (const kind of [MutatingWebhookConfiguration, ValidatingWebhookConfiguration]) await world.client.deleteCollection(kind as Kind);
  patch = [];
});

/** Settles when both webhooks are asked about what the rule means. */
async function configure(rule: { group?: string; version?: string; resource: string; operation: string }): Promise<void> {
  const rules = [{ apiGroups: [rule.group ?? ''], apiVersions: [rule.version ?? 'v1'], resources: [rule.resource], operations: [rule.operation] }, { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }];
  const made = (path: string): KubeObject => ({ metadata: { name: 'hook' }, webhooks: [{ name: 'hook.example.com', clientConfig: { url: `${server.url}/${path}`, caBundle: server.caBundle }, sideEffects: 'None', admissionReviewVersions: ['v1'], matchPolicy: 'Exact', rules }] }) as unknown as KubeObject;
  await world.client.create(MutatingWebhookConfiguration as Kind, made('mutate'));
  await world.client.create(ValidatingWebhookConfiguration as Kind, made('validate'));
  server.seen.splice(0);
  const wanted = patch;
  patch = [];
  await eventually('both are asked', async () => {
    await world.client.create(ConfigMap, { metadata: { generateName: 'probe-', namespace: 'default' } });
    return new Set(server.seen.map(({ path }) => path)).size === 2;
  });
  patch = wanted;
  server.seen.splice(0);
}

/** What both were asked, the last of each. */
function asked(): [Asked, Asked] {
  const last = (path: string): Asked => server.seen.findLast((each) => each.path === path)?.body['request'] as Asked;
  assert.ok(last('/mutate') !== undefined && last('/validate') !== undefined, 'both were asked');
  return [last('/mutate'), last('/validate')];
}

const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };

test('who scales is judged by the Scale, and a changed one is what becomes of it', async () => {
  await world.client.create(Deployment, { metadata: { name: 'scaled', namespace: 'default' }, spec: { replicas: 1, selector: { matchLabels: { a: 'b' } }, template } });
  patch = [{ op: 'replace', path: '/spec/replicas', value: 7 }];
  await configure({ group: 'apps', resource: 'deployments/scale', operation: 'UPDATE' });
  await world.client.update(Deployment, { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'scaled', namespace: 'default' }, spec: { replicas: 3 } } as never, { subresource: 'scale' });
  const [mutating, validating] = asked();
  for (const request of [mutating, validating]) {
    assert.deepEqual([request.kind, request.resource.resource, request.subResource], [{ group: 'autoscaling', version: 'v1', kind: 'Scale' }, 'deployments', 'scale']);
    assert.deepEqual([request.object?.apiVersion, request.object?.kind, request.oldObject?.kind], ['autoscaling/v1', 'Scale', 'Scale']);
  }
  const replicas = (object: KubeObject | null): unknown => (object as { spec?: { replicas?: number } } | null)?.spec?.replicas;
  assert.deepEqual([replicas(mutating.oldObject), replicas(mutating.object), replicas(validating.object)], [1, 3, 7]);
  assert.equal((await world.client.get(Deployment, 'scaled', { namespace: 'default' })).spec?.replicas, 7);
});

test('a Binding that a webhook changes is what binds the pod', async () => {
  await world.client.create(Pod, { metadata: { name: 'bound', namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i' }] } } as never);
  patch = [{ op: 'add', path: '/metadata/labels', value: { zone: 'z1' } }, { op: 'replace', path: '/target/name', value: 'other' }];
  await configure({ resource: 'pods/binding', operation: 'CREATE' });
  await world.client.createSubresource(Pod as Kind, { namespace: 'default', name: 'bound' }, 'binding', { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'bound', namespace: 'default' }, target: { kind: 'Node', name: 'n1' } } as KubeObject);
  const [, validating] = asked();
  assert.deepEqual([validating.kind.kind, validating.name, (validating.object as unknown as { target: object }).target, validating.oldObject], ['Binding', 'bound', { kind: 'Node', name: 'other' }, null]);
  const pod = await world.client.get(Pod, 'bound', { namespace: 'default' });
  assert.deepEqual([pod.spec?.nodeName, pod.metadata.labels], ['other', { zone: 'z1' }]);
});

test('of what is deleted as a collection nobody has said a name', async () => {
  await world.client.create(ConfigMap, { metadata: { name: 'collected', namespace: 'default', labels: { go: 'now' } } });
  await configure({ resource: 'configmaps', operation: 'DELETE' });
  await world.client.deleteCollection(ConfigMap, { namespace: 'default', labelSelector: 'go=now' });
  for (const request of asked()) assert.deepEqual([request.operation, request.name, request.object, request.oldObject?.metadata.name], ['DELETE', undefined, null, 'collected']);
});

test('what is deleted is shown in the version that was asked for', async () => {
  await world.client.create(Event, { metadata: { name: 'told', namespace: 'default' }, involvedObject: { namespace: 'default' }, message: 'm' } as never);
  await configure({ group: 'events.k8s.io', resource: 'events', operation: 'DELETE' });
  await world.client.delete(EventsEvent, 'told', { namespace: 'default' });
  for (const { kind, oldObject } of asked()) assert.deepEqual([kind.group, oldObject?.apiVersion, (oldObject as { note?: string } | null)?.note], ['events.k8s.io', 'events.k8s.io/v1', 'm']);
});
