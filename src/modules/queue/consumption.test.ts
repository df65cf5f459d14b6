import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LocalQueue } from '../../api/kueue/types.ts';
import { createConsumption } from './consumption.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.parse('2026-01-01T00:00:00Z');
const uses = (cpu: string) => [{ name: 'spot', resources: [{ name: 'cpu', total: cpu }] }, { name: 'other', resources: [{ name: 'cpu', total: '1' }, { name: 'memory', total: '2Gi' }] }];

test('half of what is used is consumed after a half-life, and half of that forgotten after another; as often as is sampled', () => {
  const consumption = createConsumption({ halfLifeSeconds: 3_600, samplingSeconds: 600 });
  let queue: LocalQueue = { metadata: { name: 'a', namespace: 'team' } };
  const at = (hours: number, usage: ReturnType<typeof uses> | []) => {
    const { shown, againAfterMs } = consumption.of(queue, usage, START_MS + hours * HOUR_MS);
    queue = { ...queue, status: { fairSharing: shown, flavorUsage: usage } };
    return { ...shown.admissionFairSharingStatus?.consumedResources, againAfterMs };
  };
  assert.deepEqual(at(0, uses('3')), { againAfterMs: 600_000 });
  // Within the interval nothing new is told, though it counts.
  assert.deepEqual(at(0.1, uses('3')), { againAfterMs: 240_000 });
  assert.deepEqual(at(1, uses('3')), { cpu: '2', memory: '1Gi', againAfterMs: 600_000 });
  assert.deepEqual(at(2, []), { cpu: '3', memory: '1536Mi', againAfterMs: 600_000 });
  assert.deepEqual(at(3, []), { cpu: '1500m', memory: '768Mi', againAfterMs: 600_000 });
  assert.equal(queue.status?.fairSharing?.admissionFairSharingStatus?.lastUpdate, '2026-01-01T03:00:00Z');
});

test('what was told before a restart is known after it, and that it went on', () => {
  const fairSharing = { weightedShare: 0, admissionFairSharingStatus: { consumedResources: { cpu: '2' }, lastUpdate: '2026-01-01T00:00:00Z' } };
  const queue: LocalQueue = { metadata: { name: 'a', namespace: 'team' }, status: { fairSharing, flavorUsage: [{ name: 'f', resources: [{ name: 'cpu', total: '4' }] }] } };
  const { shown } = createConsumption({ halfLifeSeconds: 3_600, samplingSeconds: 600 }).of(queue, [], START_MS + HOUR_MS);
  assert.deepEqual(shown.admissionFairSharingStatus?.consumedResources, { cpu: '3' });
});

test('without a half-life nothing is remembered', () => {
  const consumption = createConsumption({ halfLifeSeconds: 0, samplingSeconds: 1 });
  consumption.of({ metadata: { name: 'a', namespace: 'team' } }, uses('3'), START_MS);
  assert.deepEqual(consumption.of({ metadata: { name: 'a', namespace: 'team' } }, uses('3'), START_MS + HOUR_MS).shown.admissionFairSharingStatus?.consumedResources, {});
});
