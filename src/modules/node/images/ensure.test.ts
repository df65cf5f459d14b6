import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { realClock } from '../../../base/clock.ts';
import { authFileOf, pullCredentials, secretsFor, shownFor, type GivenAuths } from './credentials.ts';
import { images, type Images } from './ensure.ts';
import { pullRecords } from './pull-records.ts';
import type { ImageStorage, StoredImage } from './storage.ts';
import { mustVerify, verificationSettings } from './verification.ts';

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

function world(options: { fail?: boolean; config?: Record<string, unknown> } = {}): { images: Images; pulled: string[]; have: Set<string>; clock: { ms: number }; again(): Images } {
  const have = new Set<string>();
  const pulled: string[] = [];
  const clock = { ms: 0 };
  const find = (name: string): StoredImage | undefined => (have.has(name) ? { id: 'i', digest: 'sha256:d', names: [name], sizeBytes: 1 } : undefined);
  const root = mkdtempSync(join(tmpdir(), 'llmos-ensure-'));
  folders.push(root);
  const storage = { root, find } as unknown as ImageStorage;
  const puller = { pull: async (name: string) => { pulled.push(name); if (options.fail === true) throw new Error('no such host'); have.add(name); } };
  const again = (): Images => images({ storage, puller, clock: { ...realClock, nowMs: () => clock.ms }, signal: new AbortController().signal, records: pullRecords({ storage, owner: 'n1' }), verification: verificationSettings(options.config ?? {}) });
  return { images: again(), pulled, have, clock, again };
}
const settle = async (answer: ReturnType<Images['ensure']>): Promise<void> => { if (answer.state === 'pulling' || answer.state === 'checking') await answer.done; };

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
  assert.deepEqual(JSON.parse(authFileOf(await pullCredentials(pod, async (name) => secrets[name] as never))!), { auths: { 'r.example': { auth: 'x' }, 's.example': { auth: 'y' } } });
  assert.equal(authFileOf(await pullCredentials({ ...pod, spec: { containers: [] } }, async () => undefined)), undefined);
});

const secret = (name: string, auth: string, namespace = 'a'): GivenAuths => ({ auths: { 'r.example': { auth } }, secret: { namespace, name, uid: `${namespace}/${name}` } });
async function asks(images: Images, key: string, given: readonly GivenAuths[], policy = 'IfNotPresent'): Promise<string> {
  const ask = (): ReturnType<Images['ensure']> => images.ensure(key, 'r.example/private/app:1', policy, async () => given);
  for (let answer = ask(); ; answer = ask()) {
    if (answer.state === 'present') return answer.pulledMs === undefined ? 'present' : 'pulled';
    if (answer.state === 'failed') return answer.reason;
    await answer.done;
  }
}

test('what was pulled with a secret is for pods that have it; the others must pull it themselves', async () => {
  const { images, pulled, clock, again, have } = world();
  assert.equal(await asks(images, 'first', [secret('one', 'x')]), 'pulled');
  assert.equal(await asks(images, 'same', [secret('one', 'x')]), 'present');
  assert.equal(await asks(images, 'the same credential elsewhere', [secret('two', 'x', 'b')]), 'present');
  assert.equal(await asks(images, 'the same secret, changed', [secret('one', 'y')]), 'present');
  assert.equal(await asks(images, 'and then known', [secret('three', 'y', 'c')]), 'present');
  assert.equal(await asks(images, 'never', [], 'Never'), 'ErrImageNeverPull');
  assert.equal(pulled.length, 1);
  assert.equal(await asks(again(), 'after a restart', [], 'Never'), 'ErrImageNeverPull');
  assert.equal(await asks(images, 'another', [secret('other', 'z', 'd')]), 'pulled');
  assert.equal(await asks(images, 'another, again', [secret('other', 'z', 'd')]), 'present');
  // A pod that waits is looked at again: it may have got its secret.
  assert.equal(await asks(images, 'never', [secret('one', 'x')], 'Never'), 'ErrImageNeverPull');
  clock.ms += 10_001;
  assert.equal(await asks(images, 'never', [secret('one', 'x')], 'Never'), 'present');
  // Pulled without any: for everyone from then on.
  assert.equal(await asks(images, 'anonymous', []), 'pulled');
  assert.equal(await asks(images, 'anybody', [], 'Never'), 'present');
  have.clear();
});

test('which images are judged is a policy; what was put here otherwise is not, unless it says so', async () => {
  const cases = [['NeverVerifyPreloadedImages', 'present', 'ErrImageNeverPull'], ['NeverVerify', 'present', 'present'], ['AlwaysVerify', 'ErrImageNeverPull', 'ErrImageNeverPull'], ['NeverVerifyAllowlistedImages', 'ErrImageNeverPull', 'ErrImageNeverPull']] as const;
  for (const [policy, preloaded, pulledBefore] of cases) {
    const { images, have } = world({ config: { imagePullCredentialsVerificationPolicy: policy } });
    have.add('r.example/private/app:1');
    assert.equal(await asks(images, 'preloaded', [], 'Never'), preloaded, policy);
    have.clear();
    assert.equal(await asks(images, 'owner', [secret('one', 'x')], 'IfNotPresent'), 'pulled');
    assert.equal(await asks(images, 'stranger', [], 'Never'), pulledBefore, policy);
  }
  const listed = verificationSettings({ imagePullCredentialsVerificationPolicy: 'NeverVerifyAllowlistedImages', preloadedImagesVerificationAllowlist: ['r.example/base', 'r.example/team/*'] });
  assert.deepEqual(['r.example/base', 'r.example/base2', 'r.example/team/a/b', 'r.example/team'].map((name) => mustVerify(listed, name, true)), [false, true, false, true]);
  for (const allowlist of [['r.example/base:1'], ['*'], ['r.*/x'], 'x']) assert.throws(() => verificationSettings({ imagePullCredentialsVerificationPolicy: 'NeverVerifyAllowlistedImages', preloadedImagesVerificationAllowlist: allowlist }), /without tags/);
  assert.throws(() => verificationSettings({ imagePullCredentialsVerificationPolicy: 'Sometimes' }), /must be one of/);
  assert.throws(() => verificationSettings({ preloadedImagesVerificationAllowlist: ['r.example/base'] }), /NeverVerifyAllowlistedImages alone/);
});

test('an image whose pull llmos did not live to see the end of is not taken for one that was put here', async () => {
  const { have, again } = world();
  const root = folders.at(-1)!;
  pullRecords({ storage: { root, find: () => undefined }, owner: 'n1' }).begin('r.example/private/app:1');
  have.add('r.example/private/app:1');
  assert.equal(await asks(again(), 'stranger', [], 'Never'), 'ErrImageNeverPull');
  assert.deepEqual(readdirSync(join(root, 'records')), ['i.json']);
  // One that cannot be read says so much; those of images that are gone go.
  writeFileSync(join(root, 'records', 'i.json'), '{');
  assert.equal(await asks(again(), 'stranger', [], 'Never'), 'ErrImageNeverPull');
  pullRecords({ storage: { root, find: () => undefined }, owner: 'n1' }).keepOnly(new Set());
  assert.deepEqual(readdirSync(join(root, 'records')), []);
});

test('a registry is shown the credential with the longest path, of several the last; what docker login wrote counts too', () => {
  const given: GivenAuths[] = [
    { auths: { 'r.example': { auth: 'own' }, 'https://index.docker.io/v1/': { auth: 'hub' } } },
    { auths: { 'r.example/team': { auth: 'team' } }, secret: { namespace: 'a', name: 'team', uid: '1' } },
    { auths: { 'r.example': { auth: 'mine' } }, secret: { namespace: 'a', name: 'mine', uid: '2' } },
  ];
  assert.deepEqual(['r.example/team/app', 'r.example/app', 'docker.io/library/web', 's.example/app'].map((repository) => shownFor(repository, given)), [given[1], given[2], given[0], undefined]);
  assert.deepEqual(secretsFor('r.example/team/app', given).map(({ name }) => name), ['team', 'mine']);
  assert.deepEqual(secretsFor('s.example/app', given), []);
});
