import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, VolumeProjection } from '../../../api/generated/core-v1.ts';
import { renewalOf, volumePayload, type PayloadSources } from './payload.ts';

const sources: PayloadSources = { configMap: async () => undefined, secret: async () => undefined, trustAnchors: async () => undefined, certificate: async () => ({ keyPem: 'k', chainPem: 'c', renewAtMs: 2_000 }), token: async () => ({ token: 't', expiresMs: 1_250, renewAtMs: 1_000 }) };
const TOKEN: VolumeProjection = { serviceAccountToken: { path: 'token' } };

async function filesOf(spec: Partial<NonNullable<Pod['spec']>>, projection: VolumeProjection = TOKEN): Promise<string[]> {
  const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'a' }], ...spec } } as Pod;
  const answer = await volumePayload(pod, { name: 'v', projected: { sources: [projection] } }, sources, {} as never);
  return [...answer!.files].map(([path, { mode, user }]) => `${path} ${mode.toString(8)} ${user ?? 'root'}`);
}

const as = (runAsUser?: number): { name: string; securityContext?: { runAsUser: number } } => ({ name: 'c', ...(runAsUser === undefined ? {} : { securityContext: { runAsUser } }) });

for (const [name, spec, file] of [
  ['is for everybody where the pod does not say who runs it', {}, 'token 644 root'],
  ['is for the one user of the pod', { securityContext: { runAsUser: 1_000 } }, 'token 600 1000'],
  ['is for the one user of all its containers', { containers: [as(1_000)], initContainers: [as(1_000)] }, 'token 600 1000'],
  ['is for everybody where users differ', { containers: [as(1_000), as(1_001)] }, 'token 644 root'],
  ['is for everybody where one container leaves it to its image', { containers: [as(1_000), as()] }, 'token 644 root'],
  ['is for the group of the files, which the writer lets in', { securityContext: { fsGroup: 2_000 } }, 'token 600 root'],
  ['is for user and group', { securityContext: { runAsUser: 0, fsGroup: 2_000 } }, 'token 600 0'],
] as const) test(`a token ${name}`, async () => assert.deepEqual(await filesOf(spec as never), [file]));

test('a token is renewed when most of its time is over, or a day', () => {
  assert.equal(renewalOf(1_000, 601_000), 481_000);
  assert.equal(renewalOf(0, 365 * 86_400_000), 86_400_000);
});

test('sources that nobody here knows are refused, and not left out', async () => {
  await assert.rejects(filesOf({}, { unheardOf: {} } as never), /projected sources of type unheardOf are not served by this node/);
});
