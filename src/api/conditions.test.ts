import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withCondition } from './conditions.ts';

const [EARLY, LATE] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'];
const ready = { type: 'Ready', status: 'True', reason: 'Fine', lastTransitionTime: EARLY };
const other = { type: 'Other', status: 'False', reason: 'None', lastTransitionTime: EARLY };

for (const [what, next, expected] of [
  ['a new one stands at the end', { type: 'New', status: 'True', reason: 'Now' }, [ready, other, { type: 'New', status: 'True', reason: 'Now', lastTransitionTime: LATE }]],
  ['another reason keeps the time', { type: 'Ready', status: 'True', reason: 'Better' }, [{ ...ready, reason: 'Better' }, other]],
  ['another status moves it', { type: 'Ready', status: 'False', reason: 'Worse' }, [{ ...ready, status: 'False', reason: 'Worse', lastTransitionTime: LATE }, other]],
] as const) test(`conditions: ${what}`, () => assert.deepEqual(withCondition([ready, other], next, LATE), expected));
