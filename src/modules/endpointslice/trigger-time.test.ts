import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, Service } from '../../api/generated/core-v1.ts';
import { createTriggerTimes, LAST_CHANGE, stamped } from './trigger-time.ts';

const at = (seconds: number): string => `2026-01-01T00:00:${String(seconds).padStart(2, '0')}Z`;
const service = (seconds: number): Service => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', creationTimestamp: at(seconds) } });
const pod = (name: string, seconds?: number): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, ...(seconds === undefined ? {} : { status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(seconds) }] } }) }) as Pod;

test('the first of what changed since the last look counts (upstream: trigger_time_tracker_test.go)', () => {
  const times = createTriggerTimes();
  const look = (created: number, ...pods: Pod[]): string | undefined => times.look('shop/web', service(created), pods);
  assert.equal(look(3, pod('a', 0), pod('b', 1)), at(3), 'a Service that is new: its own time, whatever the pods are');
  assert.equal(look(3, pod('a', 0), pod('b', 1)), undefined, 'nothing changed');
  assert.equal(look(3, pod('a', 0), pod('b', 1), pod('c', 9)), at(9), 'one came');
  assert.equal(look(3, pod('a', 0), pod('b', 8), pod('c', 9), pod('d', 7)), at(7), 'the earlier of two');
  assert.equal(look(3, pod('a', 0)), undefined, 'pods that are gone say no time');
  assert.equal(look(3, pod('a', 0), pod('e')), undefined, 'one that is not judged yet says none either');
  assert.equal(look(20, pod('a', 0)), at(20), 'it was made again');
  times.forget('shop/web');
  assert.equal(look(20, pod('a', 30)), at(20), 'as if it were new');
});

test('the annotation is the newest time, and goes where there is none', () => {
  const bare = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'web' } };
  const one = stamped(bare, at(1));
  assert.deepEqual(one.metadata, { name: 'web', annotations: { [LAST_CHANGE]: at(1) } });
  assert.deepEqual(stamped(one, at(2)).metadata, { name: 'web', annotations: { [LAST_CHANGE]: at(2) } });
  assert.deepEqual(stamped(one, undefined).metadata, { name: 'web' });
  assert.deepEqual(stamped({ ...bare, metadata: { name: 'web', annotations: { team: 'a', [LAST_CHANGE]: at(1) } } }, undefined).metadata, { name: 'web', annotations: { team: 'a' } });
});
