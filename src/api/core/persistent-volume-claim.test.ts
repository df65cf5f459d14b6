import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolumeClaim as Claim } from '../generated/core-v1.ts';
import { PersistentVolumeClaim } from './persistent-volume-claim.ts';

const claim = (storage: string): Claim => ({ metadata: { name: 'c' }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', volumeName: 'v', resources: { requests: { storage } } }, status: { phase: 'Bound', capacity: { storage: '20Mi' } } });
const change = (from: string, to: string): string[] => (PersistentVolumeClaim.rules?.validate?.(claim(to), claim(from)) ?? []).map(({ field, message }) => `${field}: ${message}`);

test('a claim that asked for more may ask for less, but for more than it has', () => {
  assert.deepEqual([change('20Mi', '40Mi'), change('100Ti', '21Mi'), change('100Ti', '100Ti')], [[], [], []]);
  for (const less of ['20Mi', '20480Ki', '10Mi']) assert.deepEqual(change('100Ti', less), ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'], less);
});
