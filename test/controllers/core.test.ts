import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { ConfigMap, Namespace, Pod, PriorityClass, Secret, ServiceAccount } from '../../src/api/kinds.ts';
import { isApiError } from '../../src/api/errors.ts';
import { isExpired } from '../../src/modules/core/expire-events.ts';
import core from '../../src/modules/core/module.ts';
import type { Client } from '../../src/sdk/index.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;

beforeEach(async () => {
  world = await startWorld([core]);
  client = world.client;
});

afterEach(() => world.stop());

const pod = (name: string, more: Partial<Pod['spec']> = {}, namespace = 'default'): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'web' }], ...more } });
const secret = (name: string, namespace: string, finalizers?: string[]): Secret => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, ...(finalizers ? { finalizers } : {}) } });
const gone = (name: string): Promise<boolean> => client.get(Namespace, name).then(() => false, (error: unknown) => isApiError(error, 'NotFound'));

test('the priority classes of every cluster are there', async () => {
  const classes = (await client.list(PriorityClass)).items.map(({ metadata, value }) => [metadata.name, value]);
  assert.deepEqual(classes, [['system-cluster-critical', 2_000_000_000], ['system-node-critical', 2_000_001_000]]);
});

test('the namespaces of every cluster are there, each with its account and authority', async () => {
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) assert.equal((await client.get(Namespace, name)).status?.phase, 'Active');
  await client.create(Namespace, { metadata: { name: 'team' } });
  await eventually('account and authority', async () => {
    const accounts = (await client.list(ServiceAccount, { namespace: 'team' })).items;
    const maps = (await client.list(ConfigMap, { namespace: 'team' })).items;
    return accounts.some((each) => each.metadata.name === 'default') && maps.some((each) => each.data?.['ca.crt'] === 'CA');
  });
  await client.delete(ServiceAccount, 'default', { namespace: 'team' });
  await client.patch(ConfigMap, 'kube-root-ca.crt', { type: 'merge', body: { data: { 'ca.crt': 'forged' } } }, { namespace: 'team' });
  await eventually('both are put right', async () => {
    const maps = (await client.list(ConfigMap, { namespace: 'team' })).items;
    return (await client.list(ServiceAccount, { namespace: 'team' })).items.length === 1 && maps[0]?.data?.['ca.crt'] === 'CA';
  });
});

test('a namespace that goes takes its objects with it, and waits for their finalizers', async () => {
  await client.create(Namespace, { metadata: { name: 'team' } });
  await client.create(Secret, secret('plain', 'team'));
  await client.create(Secret, secret('held', 'team', ['example.com/hold']));
  await client.delete(Namespace, 'team');
  assert.equal((await client.get(Namespace, 'team')).status?.phase, 'Terminating');
  await assert.rejects(client.create(Secret, secret('late', 'team')), /because it is being terminated/);
  await eventually('it says what it waits for', async () => {
    const conditions = (await client.get(Namespace, 'team')).status?.conditions;
    return conditions?.find((each) => each.type === 'NamespaceFinalizersRemaining')?.message === 'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances';
  });
  assert.equal((await client.get(Namespace, 'team')).status?.conditions?.find((each) => each.type === 'NamespaceContentRemaining')?.message, 'Some resources are remaining: secrets. has 1 resource instances');
  await client.patch(Secret, 'held', { type: 'merge', body: { metadata: { finalizers: null } } }, { namespace: 'team' });
  await eventually('it is gone', () => gone('team'));
});

test('an empty namespace goes at once', async () => {
  await client.create(Namespace, { metadata: { name: 'team' } });
  await client.delete(Namespace, 'team');
  await eventually('it is gone', () => gone('team'));
});

test('pods run as a service account, with a token where they want one', async () => {
  await client.create(Namespace, { metadata: { name: 'team' } });
  const plain = await client.create(Pod, pod('plain', {}, 'team'));
  assert.equal(plain.spec?.serviceAccountName, 'default');
  const volume = plain.spec?.volumes?.[0];
  assert.match(volume?.name ?? '', /^kube-api-access-[a-z0-9]{5}$/);
  assert.deepEqual(plain.spec?.containers[0]?.volumeMounts, [{ name: volume?.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }]);
  assert.deepEqual(volume?.projected?.sources?.map((each) => Object.keys(each)[0]), ['serviceAccountToken', 'configMap', 'downwardAPI']);
  const without = await client.create(Pod, pod('without', { automountServiceAccountToken: false }));
  assert.equal(without.spec?.volumes, undefined);
  await assert.rejects(client.create(Pod, pod('wrong', { serviceAccountName: 'nobody' })), /pods "wrong" is forbidden: error looking up service account default\/nobody: serviceaccount "nobody" not found/);
});

test('an account that limits its secrets lets no pod, nor what enters it later, read others', async () => {
  const metadata = { name: 'limited', namespace: 'default', annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } };
  await client.create(ServiceAccount, { metadata, secrets: [{ name: 'mine' }] } as ServiceAccount);
  const reading = (name: string, secret: string): object => ({ name, image: 'i', envFrom: [{ secretRef: { name: secret } }] });
  const pod = (name: string, secret: string): Pod => ({ metadata: { name, namespace: 'default' }, spec: { serviceAccountName: 'limited', containers: [reading('c', secret)] } }) as Pod;
  const refused = (why: RegExp) => (error: unknown): boolean => isApiError(error, 'Forbidden') && why.test((error as Error).message);
  await assert.rejects(client.create(Pod, pod('nosy', 'other')), refused(/^pods "nosy" is forbidden: container c with envFrom referencing secret\.secretName="other" is not allowed because service account limited does not reference that secret$/));
  const made = await client.create(Pod, pod('modest', 'mine'));
  const enter = (secret: string): Promise<unknown> => client.update(Pod, { ...made, spec: { ...made.spec, ephemeralContainers: [reading('e', secret)] } } as Pod, { subresource: 'ephemeralcontainers' });
  await assert.rejects(enter('other'), refused(/ephemeral container e with envFrom referencing secret\.secretName="other" is not allowed/));
  await enter('mine');
});

test('a mirror pod has no part in what is kept here', async () => {
  const mirror = (name: string, spec: object): Promise<Pod> => client.create(Pod, { metadata: { name, namespace: 'default', annotations: { 'kubernetes.io/config.mirror': 'x' } }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }], ...spec } } as Pod);
  const refused = (words: string) => (error: unknown): boolean => isApiError(error, 'Forbidden') && (error as Error).message === `pods "m" is forbidden: a mirror pod may not ${words}`;
  await assert.rejects(mirror('m', { serviceAccountName: 'default' }), refused('reference service accounts'));
  await assert.rejects(mirror('m', { imagePullSecrets: [{ name: 's' }] }), refused('reference secrets'));
  await assert.rejects(mirror('m', { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] }), refused('use ServiceAccountToken volume projections'));
  assert.equal((await mirror('plain', {})).spec?.serviceAccountName, undefined);
});

test('events expire an hour after they were last seen', () => {
  const nowMs = Date.parse('2026-11-21T22:00:00Z');
  const event = (lastTimestamp: string) => ({ metadata: { creationTimestamp: '2026-11-21T10:00:00Z' }, involvedObject: {}, lastTimestamp });
  assert.equal(isExpired(event('2026-11-21T21:30:00Z') as never, nowMs), false);
  assert.equal(isExpired(event('2026-11-21T20:59:00Z') as never, nowMs), true);
});
