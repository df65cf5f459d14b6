/** Bootstrap tokens over a real door: they end, and they sign. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConfigMap, Secret } from '../../src/api/kinds.ts';
import { isApiError } from '../../src/api/errors.ts';
import { rfc3339 } from '../../src/base/clock.ts';
import bootstrapTokens from '../../src/modules/bootstrap-tokens/module.ts';
import core from '../../src/modules/core/module.ts';
import { detachedSignature } from '../../src/modules/bootstrap-tokens/signature.ts';
import { eventually, startWorld, type World } from './world.ts';

let world: World;
before(async () => {
  world = await startWorld([core, bootstrapTokens]);
});
after(() => world.stop());

const make = (id: string, more: Record<string, string> = {}): Promise<Secret> => world.client.create(Secret, {
  metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' }, type: 'bootstrap.kubernetes.io/token',
  stringData: { 'token-id': id, 'token-secret': '0123456789abcdef', 'usage-bootstrap-signing': 'true', ...more },
});
const isThere = async (id: string): Promise<boolean> => world.client.get(Secret, `bootstrap-token-${id}`, { namespace: 'kube-system' }).then(() => true, (error: unknown) => (isApiError(error, 'NotFound') ? false : Promise.reject(error)));

test('a token that has ended is removed, at its time', async () => {
  await make('ended1', { expiration: '2020-01-01T00:00:00Z' });
  const endMs = Date.now() + 3_000;
  await make('ending', { expiration: rfc3339(endMs) });
  await make('steady');
  await world.client.create(Secret, { metadata: { name: 'other', namespace: 'kube-system' }, stringData: { expiration: '2020-01-01T00:00:00Z' } });
  await eventually('the old one is gone', async () => !(await isThere('ended1')));
  assert.ok((await isThere('ending')) || Date.now() > endMs - 1_000, 'its time has not come');
  await eventually('the other one ends too', async () => !(await isThere('ending')));
  assert.ok(await isThere('steady'));
  await world.client.get(Secret, 'other', { namespace: 'kube-system' });
});

test('cluster-info bears a signature of each token that may sign', async () => {
  await make('signer');
  await make('silent', { 'usage-bootstrap-signing': 'false' });
  await world.client.create(ConfigMap, { metadata: { name: 'cluster-info', namespace: 'kube-public' }, data: { kubeconfig: 'clusters: []' } });
  const signatures = async (): Promise<string[]> => Object.keys((await world.client.get(ConfigMap, 'cluster-info', { namespace: 'kube-public' })).data ?? {}).filter((key) => key.startsWith('jws-kubeconfig-')).sort();
  await eventually('both are there', async () => (await signatures()).join() === 'jws-kubeconfig-signer,jws-kubeconfig-steady');
  const { data } = await world.client.get(ConfigMap, 'cluster-info', { namespace: 'kube-public' });
  assert.equal(data?.['jws-kubeconfig-signer'], detachedSignature('clusters: []', 'signer', '0123456789abcdef'));
  await world.client.delete(Secret, 'bootstrap-token-signer', { namespace: 'kube-system' });
  await eventually('one is gone', async () => (await signatures()).join() === 'jws-kubeconfig-steady');
});
