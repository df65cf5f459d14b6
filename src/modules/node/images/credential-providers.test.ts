import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { credentialProviders, readProviders } from './credential-providers.ts';
import { matchesImage } from './match-image.ts';

test('a pattern fits an image by the parts of its domain, its port, and the beginning of its path', () => {
  const table: [pattern: string, repository: string, fits: boolean][] = [
    ['gcr.io', 'gcr.io/team/app', true], ['*.io', 'gcr.io/app', true], ['*.io', 'k8s.gcr.io/app', false], ['*.*.io', 'k8s.gcr.io/app', true], ['app*.k8s.io', 'app7.k8s.io/x', true],
    ['k8s.*', 'k8s.io/x', true], ['registry.io:8080/path', 'registry.io:8080/path/app', true], ['registry.io:8080/path', 'registry.io:8080/other', false],
    ['registry.io', 'registry.io:8080/path', false], ['registry.io:80', 'registry.io:8080/path', false], ['https://registry.io', 'registry.io/a', true], ['registryXio', 'registry.io/a', false],
  ];
  for (const [pattern, repository, fits] of table) assert.equal(matchesImage(pattern, repository), fits, `${pattern} ${repository}`);
});

const CONFIG = { apiVersion: 'kubelet.config.k8s.io/v1', kind: 'CredentialProviderConfig' };
const provider = (more: object = {}): object => ({ name: 'one', matchImages: ['*.example.com'], defaultCacheDuration: '1m', apiVersion: 'credentialprovider.kubelet.k8s.io/v1', ...more });

test('programs are asked as the kubelet asks them, as often as they say, and one that fails gives nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-credentials-'));
  const program = (name: string, script: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  const answer = (more: object): string => JSON.stringify({ kind: 'CredentialProviderResponse', apiVersion: 'credentialprovider.kubelet.k8s.io/v1', cacheKeyType: 'Registry', ...more });
  try {
    program('one', `cat >> ${folder}/asked; echo >> ${folder}/asked; echo "$1 $WHO" >> ${folder}/asked; echo '${answer({ auth: { '*.example.com/team': { username: 'u', password: 'p' } } })}'`);
    program('two', `echo '${answer({ cacheDuration: '0s', auth: { 'a.example.com/team': { username: 'later', password: 'x' }, 'a.example.com': { username: 'v', password: 'q' } } })}'`);
    program('broken', 'echo no >&2; exit 3');
    const file = join(folder, 'config.yaml');
    writeFileSync(file, JSON.stringify({ ...CONFIG, providers: [provider({ args: ['get'], env: [{ name: 'WHO', value: 'me' }] }), provider({ name: 'two' }), provider({ name: 'broken' })] }));
    let nowMs = 0;
    const providers = credentialProviders({ configFile: file, binFolder: folder, clock: { ...realClock, nowMs: () => nowMs }, log: silentLog });
    const of = (username: string, password: string): object => ({ auth: Buffer.from(`${username}:${password}`).toString('base64') });
    assert.deepEqual(await providers.auths('a.example.com/team/app'), { 'a.example.com/team': of('u', 'p'), 'a.example.com': of('v', 'q') }, 'the first provider counts');
    assert.deepEqual(readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n'), ['{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"a.example.com/team/app"}', 'get me']);
    await providers.auths('a.example.com/team/other');
    assert.equal(readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n').length, 2, 'kept for the registry');
    nowMs = 61_000;
    await providers.auths('a.example.com/team/other');
    assert.equal(readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n').length, 4);
    assert.deepEqual(await providers.auths('docker.io/library/web'), {});
  } finally {
    rmSync(folder, { recursive: true });
  }
  assert.ok(!existsSync(folder));
});

test('a wrong configuration says what is wrong', () => {
  const table: [object, RegExp][] = [
    [{ providers: [provider()] }, /no file with a CredentialProviderConfig/], [{ ...CONFIG, providers: [] }, /has no providers/], [{ ...CONFIG, providers: [provider({ name: '../sh' })] }, /name must be that of a program/],
    [{ ...CONFIG, providers: [provider({ name: 'sh' }), provider({ name: 'sh' })] }, /providers\[1\].*twice/], [{ ...CONFIG, providers: [provider({ matchImages: [] })] }, /matchImages must be/],
    [{ ...CONFIG, providers: [provider({ defaultCacheDuration: undefined })] }, /defaultCacheDuration must be/], [{ ...CONFIG, providers: [provider({ apiVersion: 'v9' })] }, /apiVersion must be one of/], [{ ...CONFIG, providers: [provider({ name: 'nowhere' })] }, /there is no program \/bin\/nowhere/],
  ];
  for (const [config, message] of table) assert.throws(() => readProviders(JSON.stringify(config), '/bin'), message);
});
