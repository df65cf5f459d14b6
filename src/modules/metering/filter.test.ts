import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeteredPod } from '../../api/metering/usage-record.ts';
import { parseFilter } from './filter.ts';

const pod = (name: string, owner: string, labels: Record<string, string> = {}): MeteredPod => ({ name, owner, labels, node: 'n1' }) as MeteredPod;
const PODS: readonly [string, MeteredPod | undefined][] = [
  ['team-a', pod('web-1', 'Deployment/web', { app: 'web', 'example.com/tier': 'front' })], ['team-a', pod('db-0', 'StatefulSet/db', { app: 'db' })], ['team-b', pod('run-x', 'Job/run')], ['team-b', undefined],
];

test('filters as OpenCost has them', () => {
  for (const [text, wanted] of [
    ['namespace:"team-a"', 'web-1 db-0'], ['namespace:"team-a","team-b"', 'web-1 db-0 run-x -'], ['namespace!:"team-a"', 'run-x -'], ['namespace:team-b+controllerKind:job', 'run-x'], ['label[app]:"web"|controllerName:"run"', 'web-1 run-x'],
    ['label[example.com/tier]:"front"', 'web-1'], ['label[example_com_tier]:"front"', 'web-1'], ['label[example_com_tie]:"front"', ''], ['pod<~:"web"', 'web-1'], ['pod~>:"-0"', 'db-0'], ['pod~:"un"', 'run-x'], ['pod!~:"e"', 'db-0 run-x -'], ['node:"n1" + (label[app]:"db" | namespace:"team-b")', 'db-0 run-x'], ['cluster:"cluster"', 'web-1 db-0 run-x -'],
  ] as const) assert.equal(PODS.filter(([namespace, each]) => parseFilter(text)(namespace, each)).map(([, each]) => each?.name ?? '-').join(' '), wanted, text);
});

test('what cannot be read is said', () => {
  for (const text of ['', 'namespace', 'namespace:', 'colour:"red"', 'label:"x"', 'namespace:"a"+', 'namespace:"a"|pod:"b"+node:"c"', '(namespace:"a"', 'namespace:"a")', '('.repeat(100)]) assert.throws(() => parseFilter(text), /the filter cannot be read at /, text);
  assert.throws(() => parseFilter('x'.repeat(5_000)), /at most 4000 characters/);
});
