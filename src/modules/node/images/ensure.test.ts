import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realClock } from '../../../base/clock.ts';
import { pullCredentials } from './credentials.ts';
import { images, type Images } from './ensure.ts';
import type { ImageStorage, StoredImage } from './storage.ts';

function world(options: { fail?: boolean } = {}): { images: Images; pulled: string[]; have: Set<string>; clock: { ms: number } } {
  const have = new Set<string>();
  const pulled: string[] = [];
  const clock = { ms: 0 };
  const find = (name: string): StoredImage | undefined => (have.has(name) ? { id: 'i', digest: 'sha256:d', names: [name], sizeBytes: 1 } : undefined);
  const storage = { find } as unknown as ImageStorage;
  const puller = { pull: async (name: string) => { pulled.push(name); if (options.fail === true) throw new Error('no such host'); have.add(name); } };
  return { images: images({ storage, puller, clock: { ...realClock, nowMs: () => clock.ms }, signal: new AbortController().signal }), pulled, have, clock };
}
const settle = async (answer: ReturnType<Images['ensure']>): Promise<void> => { if (answer.state === 'pulling') await answer.done; };

test('IfNotPresent pulls once', async () => {
  const { images, pulled } = world();
  await settle(images.ensure('p', 'web:1', 'IfNotPresent'));
  assert.equal(images.ensure('p', 'web:1', 'IfNotPresent').state, 'present');
  assert.equal(images.ensure('q', 'web:1', 'IfNotPresent').state, 'present');
  assert.deepEqual(pulled, ['docker.io/library/web:1']);
});
test('Always pulls for each pod, but never what was built here', async () => {
  const { images, pulled, have } = world();
  await settle(images.ensure('p', 'web:1', 'Always'));
  await settle(images.ensure('q', 'web:1', 'Always'));
  assert.equal(pulled.length, 2);
  have.add('localhost/mine:latest');
  assert.equal(images.ensure('r', 'mine', 'Always').state, 'present');
});
test('a failed pull is told, then backed off, then tried again', async () => {
  const { images, pulled, clock } = world({ fail: true });
  const reason = (): string => { const answer = images.ensure('p', 'web:1', undefined); return answer.state === 'failed' ? answer.reason : answer.state; };
  await settle(images.ensure('p', 'web:1', undefined));
  assert.deepEqual([reason(), reason(), reason()], ['ErrImagePull', 'ImagePullBackOff', 'ImagePullBackOff']);
  clock.ms = 10_001;
  await settle(images.ensure('p', 'web:1', undefined));
  assert.equal(pulled.length, 2);
  assert.equal((images.ensure('p', 'web:1', undefined) as { retryAtMs: number }).retryAtMs, 30_001);
  await settle(images.ensure('p', 'web:2', undefined));
  assert.equal((images.ensure('p', 'web:2', undefined) as { retryAtMs: number }).retryAtMs, 20_001, 'another image is tried at once, and backs off from the beginning');
});
test('names and policies that cannot be met', () => {
  const { images } = world();
  assert.equal((images.ensure('p', 'A B', undefined) as { reason: string }).reason, 'InvalidImageName');
  assert.equal((images.ensure('p', 'web', 'Never') as { reason: string }).reason, 'ErrImageNeverPull');
});
test('pull secrets are joined', async () => {
  const of = (key: string, value: object): { metadata: object; data: Record<string, string> } => ({ metadata: {}, data: { [key]: Buffer.from(JSON.stringify(value)).toString('base64') } });
  const secrets: Record<string, object> = { a: of('.dockerconfigjson', { auths: { 'r.example': { auth: 'x' } } }), b: of('.dockercfg', { 's.example': { auth: 'y' } }), c: { metadata: {}, data: { '.dockercfg': '!' } } };
  const pod = { metadata: {}, spec: { containers: [], imagePullSecrets: [{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'none' }] } };
  assert.deepEqual(JSON.parse((await pullCredentials(pod, async (name) => secrets[name] as never))!), { auths: { 'r.example': { auth: 'x' }, 's.example': { auth: 'y' } } });
  assert.equal(await pullCredentials({ ...pod, spec: { containers: [] } }, async () => undefined), undefined);
});
