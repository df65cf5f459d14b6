import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { pemBlock } from './pem.ts';
import { readCertificationRequest } from './pkcs10.ts';
import { certificationRequest } from './certification-request.ts';

const KEYS: Record<string, () => KeyObject> = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'P-521': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
  'Ed25519': () => generateKeyPairSync('ed25519').privateKey, 'RSA': () => generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey,
};

for (const [name, make] of Object.entries(KEYS)) {
  test(`a request signed with a key of ${name} can be read, and says what it asks for`, () => {
    const key = make();
    const read = readCertificationRequest(pemBlock('CERTIFICATE REQUEST', certificationRequest(key, ['a.test', 'b.test'])));
    assert.deepEqual(read.publicKey, createPublicKey(key).export({ format: 'der', type: 'spki' }));
    assert.deepEqual([read.commonName, read.organizations, read.alternatives], ['', [], { dns: 2, addresses: 0, others: 0 }]);
    assert.equal(readCertificationRequest(pemBlock('CERTIFICATE REQUEST', certificationRequest(key))).altNames, undefined);
  });
}
