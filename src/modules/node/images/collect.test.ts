import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectSettings, unusedImages } from './collect.ts';
import type { StoredImage } from './storage.ts';

const image = (id: string, sizeBytes = 10, name = `docker.io/library/${id}:1`): StoredImage => ({ id, digest: `sha256:${id}`, names: [name], sizeBytes });
const images = [image('used'), image('young'), image('late'), image('early'), image('built', 10, 'localhost/built:1')];
const seen = new Map([['used', { firstMs: 0, usedMs: 900 }], ['young', { firstMs: 950, usedMs: 0 }], ['late', { firstMs: 0, usedMs: 500 }], ['early', { firstMs: 0, usedMs: 100 }], ['built', { firstMs: 0, usedMs: 0 }]]);
const chosen = (wantedBytes: number): string[] => unusedImages({ images, used: new Set(['used']), seen, wantedBytes, nowMs: 1_000, minAgeMs: 100 }).map(({ id }) => id);

test('the longest unused go first, no more than needed; not what is used, young or built here', () => {
  assert.deepEqual(chosen(5), ['early']);
  assert.deepEqual(chosen(11), ['early', 'late']);
  assert.deepEqual(chosen(1_000), ['early', 'late']);
  assert.deepEqual(chosen(0), []);
});

test('settings are kubelet\'s, and wrong ones are refused', () => {
  assert.deepEqual(collectSettings({}), { highPercent: 85, lowPercent: 80, minAgeMs: 120_000 });
  assert.throws(() => collectSettings({ imageGCHighThresholdPercent: 70 }), /imageGCLowThresholdPercent must be below/);
  assert.throws(() => collectSettings({ imageGCHighThresholdPercent: 'much' }), /a number from 0 to 100/);
});
