import assert from 'node:assert/strict';
import { it } from 'node:test';
import { YIELDING } from './policy/policies.ts';
import { optionsOf } from './settings.ts';

const told = (annotations: Record<string, string>) => {
  const keys = Object.entries({ policy: 'ShortestJobFirst', ...annotations }).map(([key, value]) => [`queue.llmos.dev/${key}`, value]);
  const { yielding, shadowBound, patience, trials } = optionsOf({ metadata: { name: 'q', annotations: Object.fromEntries(keys) as Record<string, string> }, spec: {} });
  return { most: yielding?.mostPerJob, shadowBound, isPatient: patience !== undefined, tries: trials !== undefined };
};

const CASES: readonly [string, Record<string, string>, ReturnType<typeof told>][] = [
  ['nobody yields where nothing is said', {}, { most: undefined, shadowBound: undefined, isPatient: true, tries: false }],
  ['who yields, does it for a bounded wait', { yielding: 'true' }, { most: YIELDING.mostPerJob, shadowBound: true, isPatient: false, tries: false }],
  ['or for the least mean', { yielding: 'unbounded', trials: 'true' }, { most: YIELDING.mostPerJob, shadowBound: undefined, isPatient: false, tries: true }],
  ['no more often than the queue says', { yielding: 'true', 'most-preemptions': '2' }, { most: 2, shadowBound: true, isPatient: false, tries: false }],
  ['a number that is none is as if it were not there', { yielding: 'true', 'most-preemptions': '-1' }, { most: YIELDING.mostPerJob, shadowBound: true, isPatient: false, tries: false }],
  ['another word asks for nothing', { yielding: 'yes' }, { most: undefined, shadowBound: undefined, isPatient: true, tries: false }],
  ['nor does another policy', { yielding: 'true', policy: 'FIFO' }, { most: undefined, shadowBound: undefined, isPatient: false, tries: false }],
];
it('LocalQueues share by use with their weights, and the configuration says what use is', () => {
  const localQueue = (name: string, weight?: string) => ({ metadata: { name, namespace: 'team' }, spec: { clusterQueue: 'q', ...(weight !== undefined && { fairSharing: { weight } }) } });
  const queue = { metadata: { name: 'q' }, spec: { admissionScope: { admissionMode: 'UsageBasedAdmissionFairSharing' } } };
  const locals = [localQueue('a'), localQueue('b', '500m'), localQueue('none', '0')];
  const useSharing = { halfLifeSeconds: 3_600, samplingSeconds: 60, resourceWeights: new Map([['memory', 0.5]]) };
  const { fairShare } = optionsOf(queue, locals, { useSharing, resources: ['cpu', 'memory', 'cpu'] });
  assert.deepEqual([fairShare?.weights?.['team/a'], fairShare?.weights?.['team/b'], fairShare?.halfLifeSeconds, fairShare?.resourceWeights], [1, 0.5, 3_600, [1, 0.5, 1]]);
  const least = fairShare?.weights?.['team/none'] ?? 1;
  assert.ok(least > 0 && least < 1e-9, `a queue of no weight has ${least}`);
  assert.equal(optionsOf(queue, locals, { useSharing: { ...useSharing, halfLifeSeconds: 0 }, resources: ['cpu'] }).fairShare?.pastPart, 0);
  assert.equal(optionsOf({ metadata: { name: 'q' }, spec: {} }, locals).fairShare, undefined);
});
for (const [what, annotations, expected] of CASES) it(what, () => assert.deepEqual(told(annotations), expected));
it('a way of backfilling is one of three; another word is as if it were not there', () => {
  const of = (word?: string) => optionsOf({ metadata: { name: 'q', annotations: { 'queue.llmos.dev/policy': 'FIFO', ...(word !== undefined && { 'queue.llmos.dev/backfill': word }) } }, spec: {} }).backfill;
  assert.deepEqual([of('EASY'), of('BestEffort'), of('None')], ['easy', 'skip', 'none']);
  for (const word of ['easy', 'constructor', 'toString', '__proto__', '']) assert.equal(of(word), of(), word);
});
