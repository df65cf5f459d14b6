import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Pod } from '../../api/generated/core-v1.ts';
import { domainsFor, rankIn } from './topology-pods.ts';

const ASSIGNMENT = { levels: ['rack'], domains: [{ values: ['r1'], count: 2 }, { values: ['r2'], count: 1 }] };
const INDEX = 'batch.kubernetes.io/job-completion-index';
const pod = (index?: number, rack?: string): Pod => ({ metadata: { labels: index === undefined ? {} : { [INDEX]: String(index) } }, spec: { containers: [], ...(rack !== undefined && { nodeSelector: { rack, pool: 'a' } }) } });

const CASES: readonly [string, Pod[], Pod[], (string | undefined)[]][] = [
  ['each in turn', [pod(), pod(), pod()], [], ['r1', 'r1', 'r2']],
  ['what others have is not given again', [pod(), pod()], [pod(undefined, 'r1')], ['r1', 'r2']],
  ['one too many has none', [pod(), pod()], [pod(undefined, 'r1'), pod(undefined, 'r2')], ['r1', undefined]],
  ['by their numbers', [pod(2), pod(0)], [pod(1, 'r1')], ['r2', 'r1']],
  ['numbers do not count where others do not stand where theirs says', [pod(2), pod(0)], [pod(1, 'r2')], ['r1', 'r1']],
  ['nor those that are too large', [pod(3), pod(0)], [], ['r1', 'r1']],
];
for (const [what, waiting, placed, expected] of CASES) it(what, () => assert.deepEqual(domainsFor(ASSIGNMENT, waiting, placed).map((each) => each?.['rack']), expected));

it('of a set of several jobs, by their numbers first', () => {
  const rankOf = rankIn({ count: 6, topologyRequest: { subGroupIndexLabel: 'job', subGroupCount: 2 } });
  const of = (job: number, index: number): Pod => ({ metadata: { labels: { job: String(job), [INDEX]: String(index) } } });
  assert.deepEqual([of(0, 0), of(0, 2), of(1, 0), of(1, 2)].map(rankOf), [0, 2, 3, 5]);
});

it('by the label that its operator numbers them with', () => {
  const rankOf = rankIn({ count: 2, topologyRequest: { podIndexLabel: 'replica' } });
  assert.equal(rankOf({ metadata: { labels: { replica: '1', [INDEX]: '0' } } }), 1);
});
