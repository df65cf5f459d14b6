import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterTrustBundle, trustAnchors } from './cluster-trust-bundle.ts';
import { AUTHORITY_ONE, AUTHORITY_TWO, NO_AUTHORITY } from './testing.ts';

const bundle = (trustBundle: string, more: { name?: string; signerName?: string } = {}): ClusterTrustBundle =>
  ({ apiVersion: 'certificates.k8s.io/v1beta1', kind: 'ClusterTrustBundle', metadata: { name: more.name ?? 'b' }, spec: { trustBundle, ...(more.signerName === undefined ? {} : { signerName: more.signerName }) } });
const wrong = (object: ClusterTrustBundle, old?: ClusterTrustBundle): string => ClusterTrustBundle.rules.validate!(object, old).map(({ field, message }) => `${field}: ${message}`).join('; ');

test('a bundle holds certificates of authorities, each once', () => {
  assert.equal(wrong(bundle(`what this is\n${AUTHORITY_ONE}and this\n${AUTHORITY_TWO}`)), '');
  assert.match(wrong(bundle('')), /at least one trust anchor must be provided/);
  assert.match(wrong(bundle(NO_AUTHORITY)), /entry 0 does not have the CA bit set/);
  assert.match(wrong(bundle(AUTHORITY_ONE + AUTHORITY_TWO + AUTHORITY_ONE)), /duplicate trust anchor \(indices \[0 2\]\)/);
  assert.match(wrong(bundle('-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n')), /entry 0 does not parse as X.509/);
  assert.match(wrong(bundle(AUTHORITY_ONE.replace('-----\n', '-----\nProc-Type: 4\n\n'))), /entry 0 has PEM block headers/);
  assert.match(wrong(bundle('-----BEGIN EC KEY-----\nYWJj\n-----END EC KEY-----\n')), /entry 0 has bad block type: EC KEY/);
});

test('its name says of which signer it is, and stays that signer\'s', () => {
  const signerName = 'example.com/issuer';
  assert.equal(wrong(bundle(AUTHORITY_ONE, { name: 'example.com:issuer:root', signerName })), '');
  assert.match(wrong(bundle(AUTHORITY_ONE, { name: 'root', signerName })), /must be named with prefix example.com:issuer:/);
  assert.match(wrong(bundle(AUTHORITY_ONE, { name: 'example.com:root' })), /without signer name must not have ":"/);
  assert.match(wrong(bundle(AUTHORITY_ONE, { name: 'example.com:issuer:root', signerName }), bundle(AUTHORITY_ONE, { name: 'example.com:issuer:root', signerName: 'example.com/other' })), /field is immutable/);
});

test('the anchors of several bundles are told once each', () => {
  const text = trustAnchors([bundle(AUTHORITY_TWO + AUTHORITY_ONE), bundle(AUTHORITY_ONE)]);
  assert.deepEqual(text, trustAnchors([bundle(AUTHORITY_ONE), bundle(AUTHORITY_TWO)]));
  assert.equal(text.match(/BEGIN CERTIFICATE/g)?.length, 2);
  assert.ok(text.includes(AUTHORITY_ONE) && text.includes(AUTHORITY_TWO), 'as they were');
});
