import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CSIDriver } from './csi.ts';

const errorsOf = (spec: NonNullable<CSIDriver['spec']>): string[] => (CSIDriver.rules?.validate?.({ metadata: { name: 'lake.example.com' }, spec }, undefined) ?? []).map(({ field, message }) => `${field}: ${message}`);

test('tokens of a driver last from ten minutes to 2^32 seconds, and are for secrets only where there are any', () => {
  assert.deepEqual(errorsOf({ tokenRequests: [{ audience: 'a', expirationSeconds: 600 }, { audience: 'b', expirationSeconds: 2 ** 32 }], serviceAccountTokenInSecrets: true }), []);
  assert.deepEqual(errorsOf({ tokenRequests: [{ audience: 'a', expirationSeconds: 599 }, { audience: 'b', expirationSeconds: 2 ** 32 + 1 }, { audience: 'a' }] }), [
    'spec.tokenRequests[0].expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
    'spec.tokenRequests[1].expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
    'spec.tokenRequests[2].audience: Duplicate value: "a"',
  ]);
  for (const inSecrets of [true, false]) assert.deepEqual(errorsOf({ serviceAccountTokenInSecrets: inSecrets }), [`spec.serviceAccountTokenInSecrets: Invalid value: ${inSecrets}: serviceAccountTokenInSecrets is set but no tokenRequests are specified`]);
});

test('a driver is asked for its room each ten seconds at most', () => {
  assert.deepEqual(errorsOf({ nodeAllocatableUpdatePeriodSeconds: 10 }), []);
  assert.deepEqual(errorsOf({ nodeAllocatableUpdatePeriodSeconds: 9 }), ['spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds']);
});
