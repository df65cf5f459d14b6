import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmissionCheckState, Workload } from '../../api/kueue/types.ts';
import { evicted, released } from './conditions.ts';

const bare = { metadata: { name: 'w', namespace: 'default', generation: 1 }, spec: { podSets: [] } } as Workload;
const AT = { nowMs: 60_000 };

test('the checks of who gave its quota back: what they gave its pods is gone, who waits goes on, retries are counted', () => {
  const since = '1970-01-01T00:00:00Z';
  const updates = [{ name: 'main', labels: { a: 'b' } }];
  const checks: AdmissionCheckState[] = [
    { name: 'ready', state: 'Ready', message: 'it is', lastTransitionTime: since, podSetUpdates: updates, retryCount: 2 },
    { name: 'again', state: 'Retry', message: 'later', lastTransitionTime: since, podSetUpdates: updates, requeueAfterSeconds: 7, retryCount: 1 },
    { name: 'first', state: 'Retry', message: 'later', lastTransitionTime: since },
    { name: 'waits', state: 'Pending', message: 'soon', lastTransitionTime: since, retryCount: 4 },
  ];
  const now = { state: 'Pending', lastTransitionTime: '1970-01-01T00:01:00Z' } as const;
  assert.deepEqual(released({ ...bare, status: { admissionChecks: checks } }, 'Pending', 'm', AT.nowMs).admissionChecks, [
    { name: 'ready', ...now, message: 'Reset to Pending after eviction. Previously: Ready' },
    { name: 'again', ...now, message: 'Reset to Pending after eviction. Previously: Retry', requeueAfterSeconds: 7, retryCount: 2 },
    { name: 'first', ...now, message: 'Reset to Pending after eviction. Previously: Retry', retryCount: 1 },
    checks[3],
  ]);
});

test('why it was evicted: each cause is counted, and who was deactivated is told it', () => {
  const timedOut = evicted(bare, 'PodsReadyTimeout', 'm', { ...AT, cause: 'WaitForStart' });
  const again = evicted({ ...bare, status: timedOut }, 'PodsReadyTimeout', 'm', { ...AT, cause: 'WaitForRecovery' });
  const over = evicted({ ...bare, status: again }, 'Deactivated', 'm', { ...AT, cause: 'RequeuingLimitExceeded' });
  assert.deepEqual([timedOut, again, over].map(({ conditions }) => conditions?.[0]?.reason), ['PodsReadyTimeout', 'PodsReadyTimeout', 'DeactivatedDueToRequeuingLimitExceeded']);
  assert.deepEqual(over.schedulingStats?.evictions, [
    { reason: 'PodsReadyTimeout', underlyingCause: 'WaitForStart', count: 1 }, { reason: 'PodsReadyTimeout', underlyingCause: 'WaitForRecovery', count: 1 }, { reason: 'Deactivated', underlyingCause: 'RequeuingLimitExceeded', count: 1 },
  ]);
});
