import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/core/pod.ts';
import type { ServiceAccount } from '../../../api/core/service-account.ts';
import { ephemeralRefusal, limitsSecrets, secretRefusal } from './mountable-secrets.ts';

const account = (annotation?: string): ServiceAccount => ({ metadata: { name: 'a', ...(annotation === undefined ? {} : { annotations: { 'kubernetes.io/enforce-mountable-secrets': annotation } }) }, secrets: [{ name: 'mine' }], imagePullSecrets: [{ name: 'pull' }] }) as ServiceAccount;
const podOf = (spec: object): Pod => ({ metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } }) as unknown as Pod;
const variable = (name: string): object => ({ name: 'V', valueFrom: { secretKeyRef: { name, key: 'k' } } });
const SO = 'is not allowed because service account a does not reference that';

test('an account limits its pods when it says so', () => {
  assert.deepEqual(['true', '1', 'T', 'false', 'yes', undefined].map((text) => limitsSecrets(account(text))), [true, true, true, false, false, false]);
});

for (const [spec, why] of [
  [{}, undefined],
  [{ volumes: [{ name: 'v', secret: { secretName: 'mine' } }], imagePullSecrets: [{ name: 'pull' }], containers: [{ name: 'c', env: [{ name: 'E', value: 'x' }, variable('mine')], envFrom: [{ configMapRef: { name: 'other' } }, { secretRef: { name: 'mine' } }] }] }, undefined],
  [{ volumes: [{ name: 'e', emptyDir: {} }, { name: 'v', secret: { secretName: 'other' } }] }, `volume with secret.secretName="other" ${SO} secret`],
  [{ initContainers: [{ name: 'i', env: [variable('other')] }] }, `init container i with envVar V referencing secret.secretName="other" ${SO} secret`],
  [{ initContainers: [{ name: 'i', envFrom: [{ secretRef: { name: 'other' } }] }] }, `init container i with envFrom referencing secret.secretName="other" ${SO} secret`],
  [{ containers: [{ name: 'c', env: [variable('mine'), variable('other')] }] }, `container c with envVar V referencing secret.secretName="other" ${SO} secret`],
  [{ containers: [{ name: 'c', envFrom: [{ secretRef: { name: 'other' } }] }] }, `container c with envFrom referencing secret.secretName="other" ${SO} secret`],
  [{ imagePullSecrets: [{ name: 'pull' }, { name: 'mine' }] }, `imagePullSecrets[1].name="mine" ${SO} imagePullSecret`],
] as [object, string | undefined][]) test(`a pod of such an account: ${why ?? JSON.stringify(spec)}`, () => assert.equal(secretRefusal(podOf(spec), account('true')), why));

test('containers that come later are limited too', () => {
  assert.equal(ephemeralRefusal(podOf({ ephemeralContainers: [{ name: 'e', env: [variable('mine')] }] }), account('true')), undefined);
  assert.equal(ephemeralRefusal(podOf({ ephemeralContainers: [{ name: 'e', envFrom: [{ secretRef: { name: 'other' } }] }] }), account('true')), `ephemeral container e with envFrom referencing secret.secretName="other" ${SO} secret`);
});
