import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Job } from '../../api/batch/job.ts';
import type { JobSet } from '../../api/jobset/types.ts';
import { afterFailure } from './failure.ts';

const failed = (message: string): Job => ({ metadata: { name: 'a-0' }, status: { conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message }] } }) as Job;
const withPattern = (pattern: string): JobSet => ({ metadata: { name: 'a' }, spec: { failurePolicy: { maxRestarts: 1, rules: [{ name: 'r', action: 'FailJobSet', onJobFailureMessagePatterns: [pattern] }] } } });

const CASES: readonly [string, string, boolean][] = [
  ['limit', 'Job has reached the specified backoff limit', true], ['^limit', 'Job has reached the specified backoff limit', false],
  ['(?i)BACKOFF', 'Job has reached the specified backoff limit', true], ['BACKOFF', 'Job has reached the specified backoff limit', false],
  // A pattern and a message are a user's: neither may hold up the whole process.
  ['^(a+)+$', `${'a'.repeat(60)}!`, false], ['^(\\w+\\s?)*$', `${'a'.repeat(60)}!`, false],
];
for (const [pattern, message, holds] of CASES) {
  it(`the rule of ${pattern} ${holds ? 'holds' : 'does not hold'} for ${message.slice(0, 50)}`, () => {
    const { status } = afterFailure(withPattern(pattern), [failed(message)], { status: { restarts: 0 }, told: [] }, 0);
    assert.deepEqual([status.terminalState, status.restarts], holds ? ['Failed', 0] : [undefined, 1]);
  });
}
