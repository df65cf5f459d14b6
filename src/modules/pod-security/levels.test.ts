/** What the labels of a namespace ask for (upstream: pod-security-admission/api/helpers_test.go, TestPolicyToEvaluate, TestParseVersion, TestPolicyEquals). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEquivalent, isPrivileged, labelOf, minorOf, MODES, policyOf, showLevel, type Mode, type Policy } from './levels.ts';

const NONE = { level: 'privileged', minor: Number.POSITIVE_INFINITY } as const;
const DEFAULTS: Policy = { enforce: NONE, audit: NONE, warn: NONE };

function shown(said: Record<string, string>, defaults = DEFAULTS): [string, number] {
  const labels = Object.fromEntries(Object.entries(said).map(([key, value]) => [labelOf(key as Mode), value]));
  const { policy, errors } = policyOf({ other: 'label', ...labels }, defaults);
  return [(['enforce', 'warn', 'audit'] as const).map((mode) => showLevel(policy[mode])).join(' '), errors.length];
}

test('levels and versions by mode; who only enforces is warned of the same', () => {
  const none = 'privileged:latest';
  const table: [Record<string, string>, string, number?][] = [
    [{}, `${none} ${none} ${none}`],
    [{ enforce: 'baseline' }, `baseline:latest baseline:latest ${none}`],
    [{ warn: 'restricted' }, `${none} restricted:latest ${none}`],
    [{ audit: 'baseline' }, `${none} ${none} baseline:latest`],
    [{ enforce: 'baseline', warn: 'restricted' }, `baseline:latest restricted:latest ${none}`],
    [{ enforce: 'baseline', 'enforce-version': 'v1.22' }, `baseline:v1.22 baseline:v1.22 ${none}`],
    [{ enforce: 'baseline', 'enforce-version': 'v1.22', 'warn-version': 'latest' }, `baseline:v1.22 baseline:latest ${none}`],
    [{ enforce: 'baseline', 'warn-version': 'v1.23' }, `baseline:latest baseline:v1.23 ${none}`],
    [{ enforce: 'baseline', 'enforce-version': 'v1.20', warn: 'restricted', 'warn-version': 'v1.21', audit: 'restricted', 'audit-version': 'v1.22' }, 'baseline:v1.20 restricted:v1.21 restricted:v1.22'],
    [{ enforce: 'baseline', warn: 'privileged' }, `baseline:latest ${none} ${none}`],
    [{ enforce: 'baseline', warn: 'foo' }, `baseline:latest ${none} ${none}`, 1],
    [{ enforce: 'foo' }, `restricted:latest ${none} ${none}`, 1],
    [{ enforce: 'foo', 'audit-version': '1.22', audit: 'bar' }, `restricted:latest ${none} ${none}`, 3],
  ];
  for (const [labels, expected, errors = 0] of table) assert.deepEqual(shown(labels), [expected, errors], JSON.stringify(labels));
  const strict: Policy = { ...DEFAULTS, warn: { level: 'restricted', minor: 25 } };
  assert.deepEqual(shown({ enforce: 'baseline' }, strict), [`baseline:latest restricted:v1.25 ${none}`, 0]);
  assert.deepEqual(policyOf(undefined, { ...strict, enforce: { level: 'baseline', minor: 30 } }).policy.enforce, { level: 'baseline', minor: 30 });
});

test('versions, and policies that ask for the same', () => {
  for (const [text, minor] of [['latest', Number.POSITIVE_INFINITY], ['v1.0', 0], ['v1.1', 1], ['v1.20', 20], ['v1.10000', 10_000], ['v1.1000000', 1_000_000]] as const) assert.equal(minorOf(text), minor);
  for (const text of ['foo', '', 'v2.0', 'v1', '1.1', 'v1.01', 'v1.-1', 'v1.1 ']) assert.equal(minorOf(text), undefined, text);
  const older: Policy = { ...DEFAULTS, enforce: { level: 'privileged', minor: 20 } };
  const audited: Policy = { ...DEFAULTS, audit: { level: 'baseline', minor: 20 } };
  assert.deepEqual([DEFAULTS, older, audited].map(isPrivileged), [true, true, false]);
  assert.deepEqual([isEquivalent(DEFAULTS, older), isEquivalent(audited, audited), isEquivalent(DEFAULTS, audited), isEquivalent(audited, { ...audited, audit: { level: 'baseline', minor: 21 } })], [true, true, false, false]);
  assert.equal(MODES.length, 3);
});
