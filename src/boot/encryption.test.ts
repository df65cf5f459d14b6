import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { openSeal, sealingOf } from './encryption.ts';

const keys = (name: string): { keys: { name: string; secret: string }[] } => ({ keys: [{ name, secret: Buffer.alloc(32, 7).toString('base64') }] });

test('of the entries that name a resource the first counts', () => {
  const of = sealingOf({
    apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration',
    resources: [
      { resources: ['secrets', 'deployments.apps'], providers: [{ aesgcm: keys('a') }, { identity: {} }] },
      { resources: ['*.apps'], providers: [{ aescbc: keys('b') }] },
      { resources: ['*.'], providers: [{ identity: {} }] },
      { resources: ['*.*'], providers: [{ aescbc: keys('c') }] },
    ],
  });
  const first = (key: string): string | undefined => of(key)?.[0]?.name;
  assert.deepEqual(['/core/secrets/default/x', '/apps/deployments/default/x', '/apps/statefulsets/default/x', '/core/configmaps/default/x', '/batch/jobs/default/x'].map(first), ['a', 'a', 'b', undefined, 'c']);
  assert.equal(of('/core/secrets/default/x')?.length, 2);
});

test('the file must be its owner\'s alone, and right', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-encryption-'));
  const file = join(folder, 'encryption.yaml');
  try {
    await assert.rejects(openSeal(file), /the encryption configuration .* cannot be used: ENOENT/);
    writeFileSync(file, JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources: [{ resources: ['secrets'], providers: [{ aesgcm: keys('a') }] }] }), { mode: 0o644 });
    await assert.rejects(openSeal(file), /others than its owner may read it: chmod 600/);
    chmodSync(file, 0o600);
    const seal = await openSeal(file);
    const value = Buffer.from('{"a":1}');
    assert.match(seal.close('/core/secrets/default/x', value).toString('latin1'), /^k8s:enc:aesgcm:v1:a:/);
    assert.deepEqual(seal.open('/core/secrets/default/x', seal.close('/core/secrets/default/x', value)), value);
    assert.equal(seal.close('/core/configmaps/default/x', value), value);
    writeFileSync(file, 'kind: x\nsecret: "my-secret\n');
    await assert.rejects(openSeal(file), (error: Error) => /line \d is no YAML/.test(error.message) && !inspect(error).includes('my-secret'));
    writeFileSync(file, 'kind: x');
    await assert.rejects(openSeal(file), /must be of apiVersion/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
