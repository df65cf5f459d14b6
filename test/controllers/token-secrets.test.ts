/** Secrets with tokens of service accounts, as people make them for tools outside. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isApiError } from '../../src/api/errors.ts';
import { Secret, ServiceAccount } from '../../src/api/kinds.ts';
import core from '../../src/modules/core/module.ts';
import { eventually, startWorld, type World } from './world.ts';

let world: World;
before(async () => {
  world = await startWorld([core]);
});
after(() => world.stop());

const make = (name: string, account: string): Promise<Secret> => world.client.create(Secret, { metadata: { name, namespace: 'default', annotations: { 'kubernetes.io/service-account.name': account } }, type: 'kubernetes.io/service-account-token' });
const find = (name: string): Promise<Secret | undefined> => world.client.get(Secret, name, { namespace: 'default' }).catch((error: unknown) => (isApiError(error, 'NotFound') ? undefined : Promise.reject(error)));
const textOf = (secret: Secret | undefined, key: string): string => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();

test('a Secret of the type gets a token of its account, and goes with the account', async () => {
  const account = await world.client.create(ServiceAccount, { metadata: { name: 'robot', namespace: 'default' } });
  const { metadata } = await make('robot-token', 'robot');
  let secret: Secret | undefined;
  await eventually('the token is there', async () => textOf((secret = await find('robot-token')), 'token') !== '');
  assert.deepEqual([textOf(secret, 'namespace'), textOf(secret, 'ca.crt'), secret?.metadata.annotations?.['kubernetes.io/service-account.uid']], ['default', 'CA', account.metadata.uid]);
  const claims = JSON.parse(Buffer.from(textOf(secret, 'token').split('.')[1] ?? '', 'base64url').toString());
  assert.deepEqual([claims.sub, claims['kubernetes.io'].secret], ['system:serviceaccount:default:robot', { name: 'robot-token', uid: metadata.uid }]);
  assert.ok(claims.exp * 1_000 > Date.now() + 50 * 365 * 86_400_000);
  await world.client.delete(ServiceAccount, 'robot', { namespace: 'default' });
  await eventually('it is gone', async () => (await find('robot-token')) === undefined);
});

test('a Secret of no account is removed, others are left alone', async () => {
  await make('orphan', 'nobody');
  await world.client.create(Secret, { metadata: { name: 'plain', namespace: 'default' }, stringData: { a: 'b' } });
  await eventually('the orphan is gone', async () => (await find('orphan')) === undefined);
  assert.equal(textOf(await find('plain'), 'a'), 'b');
});
