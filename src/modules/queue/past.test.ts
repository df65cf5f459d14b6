import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Condition, Workload } from '../../api/kueue/types.ts';
import { resumptionOf } from './demand.ts';
import { pastOf } from './past.ts';

const AT = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}`;
const START = Date.parse('2026-01-01T00:00:00Z') / 1_000;

/** `came`: with its part of a second; what is undefined has not been. */
function workload(name: string, came: number, { reserved, finished, annotations = {}, ...status }: { reserved?: number; finished?: number; annotations?: Record<string, string> } & Workload['status'] = {}): Workload {
  const condition = (type: string, at: number | undefined): Condition[] => (at === undefined ? [] : [{ type, status: 'True', reason: 'R', message: '', lastTransitionTime: `${AT(at)}Z` }]);
  return {
    metadata: { name, namespace: 'n', annotations: { ...annotations, 'queue.llmos.dev/submitted-at': `${AT(Math.floor(came))}.${String(Math.round((came % 1) * 1e6)).padStart(6, '0')}Z` } },
    spec: { podSets: [{ name: 'main', count: 1, template: {} }], queueName: 'q' },
    status: { ...status, conditions: [...condition('QuotaReserved', reserved), ...condition('Finished', finished)], ...(reserved !== undefined && { admission: { clusterQueue: 'c', podSetAssignments: [] } }) },
  } as Workload;
}

it('the past is told in its order: who comes, who starts, who ends', () => {
  const told = pastOf([
    workload('waits', 3), workload('runs', 1.5, { reserved: 1 }), workload('over', 0, { reserved: 1, finished: 2 }), workload('withdrawn', 0, { finished: 1 }),
  ], { byEviction: false });
  // A start is told in whole seconds, and was not before who started came.
  assert.deepEqual(told.map(({ at, what, workload: { metadata } }) => `${at - START} ${metadata.name} ${what}`), ['0 over comes', '1 over starts', '1.5 runs comes', '1.5 runs starts', '2 over ends', '3 waits comes']);
});

it('what a resumable one kept is what it ran, less half of what is between two checkpoints for each stop', () => {
  const ran = { accumulatedPastExexcutionTimeSeconds: 100, schedulingStats: { evictions: [{ reason: 'Preempted', underlyingCause: '', count: 3 }] } };
  const of = (value: string | undefined, status: Workload['status']) => resumptionOf(workload('w', 0, { ...status, annotations: value === undefined ? {} : { 'queue.llmos.dev/resumable': value } }));
  assert.deepEqual(of('true', ran), { checkpointSeconds: 0, doneSeconds: 100 });
  assert.deepEqual(of('20s', ran), { checkpointSeconds: 20, doneSeconds: 70 });
  assert.deepEqual(of('10m', ran), { checkpointSeconds: 600, doneSeconds: 0 });
  assert.deepEqual(of('10m', {}), { checkpointSeconds: 600, doneSeconds: 0 });
  for (const value of [undefined, 'false', 'sometimes']) assert.equal(of(value, ran), undefined);
});
