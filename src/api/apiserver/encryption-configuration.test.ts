import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkEncryption } from './encryption-configuration.ts';

const secret = Buffer.alloc(32, 7).toString('base64');
const entry = (providers: unknown[], resources: string[] = ['secrets']): object => ({ resources, providers });
const keys = (...all: [name: string, secret: string][]): object => ({ keys: all.map(([name, text]) => ({ name, secret: text })) });

function wrong(resources: unknown, more: object = {}): string {
  try {
    checkEncryption({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources, ...more });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test('a configuration that is right', () => {
  assert.equal(wrong([entry([{ aesgcm: keys(['b', secret], ['a', secret]) }, { identity: {} }])]), '');
  assert.equal(wrong([entry([{ identity: {} }, { aescbc: keys(['a', Buffer.alloc(16).toString('base64')]) }], ['configmaps', 'deployments.apps', '*.batch', '*.']), entry([{ identity: {} }], ['*.*'])]), '');
});

test('what is wrong with one is said by its path, and never a secret', () => {
  const told: [RegExp, string][] = [
    [/kind EncryptionConfiguration, not apiserver.config.k8s.io\/v1 Secret/, wrong([], { kind: 'Secret' })],
    [/resources: Required value/, wrong([])],
    [/unknown field "resources\[0\].provider"/, wrong([{ ...entry([{ identity: {} }]), provider: 1 }])],
    [/resources\[0\].providers\[0\].secretbox: this provider is not had here: aesgcm, aescbc and identity are/, wrong([entry([{ secretbox: keys(['a', secret]) }])])],
    [/providers\[0\].kms: this provider is not had here/, wrong([entry([{ kms: { name: 'x' } }])])],
    [/resources\[0\].providers: Required value/, wrong([entry([])])],
    [/resources\[0\].resources: Required value/, wrong([entry([{ identity: {} }], [])])],
    [/resources\[0\].resources\[0\]: Invalid value: "Secrets"/, wrong([entry([{ identity: {} }], ['Secrets'])])],
    [/resources\[1\].resources\[0\]: Duplicate value: "secrets"/, wrong([entry([{ identity: {} }]), entry([{ identity: {} }])])],
    [/exactly one provider must be named/, wrong([entry([{ identity: {}, aesgcm: keys(['a', secret]) }])])],
    [/aesgcm.keys: Required value/, wrong([entry([{ aesgcm: keys() }])])],
    [/keys\[1\].name: Duplicate value: "a"/, wrong([entry([{ aesgcm: keys(['a', secret], ['a', secret]) }])])],
    [/keys\[0\].name: Invalid value: "a:b": must not contain a colon/, wrong([entry([{ aesgcm: keys(['a:b', secret]) }])])],
    [/keys\[0\].secret: Invalid value: "REDACTED": secret must be base64 encoded/, wrong([entry([{ aescbc: keys(['a', 'my secret!']) }])])],
    [/secret is not of the expected length, got 5, expected one of \[16 24 32\]/, wrong([entry([{ aescbc: keys(['a', Buffer.from('short').toString('base64')]) }])])],
  ];
  for (const [pattern, message] of told) {
    assert.match(message, pattern);
    assert.ok(!message.includes(secret) && !message.includes('my secret!'));
  }
});
