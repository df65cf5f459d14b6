import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agedImages, collectSettings, unusedImages } from './collect.ts';
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

test('with a greatest age those go that nobody has used for longer, however much room there is; not what is used, was brought since, or built here', () => {
  const aged = (maxAgeMs: number): string[] => agedImages({ images, used: new Set(['used']), seen, nowMs: 1_000, maxAgeMs }).map(({ id }) => id);
  assert.deepEqual(aged(400), ['late', 'early']);
  assert.deepEqual(aged(500), ['early']);
  assert.deepEqual(aged(900), []);
  assert.deepEqual(aged(0), []);
  assert.deepEqual(agedImages({ images: [image('new')], used: new Set(), seen, nowMs: 1_000, maxAgeMs: 1 }), []);
});

test('settings are kubelet\'s, and wrong ones are refused', () => {
  assert.deepEqual(collectSettings({}), { highPercent: 85, lowPercent: 80, minAgeMs: 120_000, maxAgeMs: 0 });
  assert.equal(collectSettings({ imageMaximumGCAge: '48h' }).maxAgeMs, 48 * 3_600_000);
  assert.throws(() => collectSettings({ imageMaximumGCAge: '2m' }), /imageMaximumGCAge must be longer than/);
  assert.throws(() => collectSettings({ imageGCHighThresholdPercent: 70 }), /imageGCLowThresholdPercent must be below/);
  assert.throws(() => collectSettings({ imageGCHighThresholdPercent: 'much' }), /a number from 0 to 100/);
});
