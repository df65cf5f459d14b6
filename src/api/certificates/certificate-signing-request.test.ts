import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { CertificateSigningRequest } from './certificate-signing-request.ts';
import { certificationRequest } from './certification-request.ts';
import { pemBlock } from './pem.ts';

const request = Buffer.from(pemBlock('CERTIFICATE REQUEST', certificationRequest(generateKeyPairSync('ed25519').privateKey))).toString('base64');

for (const [words, usages, wrong] of [
  ['none', undefined, ['spec.usages']], ['an empty list', [], ['spec.usages']], ['one that is not known', ['client auth', 'nothing'], ['spec.usages[1]']],
  ['one twice', ['client auth', 'client auth'], ['spec.usages[1]']], ['one', ['client auth'], []],
] as const) test(`usages are the asking one's to name: ${words}`, () => {
  const asked = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: 'a' }, spec: { request, signerName: 'a.example/b', ...(usages === undefined ? {} : { usages: [...usages] }) } } as unknown as CertificateSigningRequest;
  CertificateSigningRequest.rules.defaults?.(asked);
  assert.deepEqual(asked.spec.usages, usages, 'v1 has no default');
  assert.deepEqual(CertificateSigningRequest.rules.validate?.(asked, undefined).map(({ field }) => field), wrong);
});
