import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ADMISSION_GATED_BY } from '../../api/kueue/names.ts';
import type { KubeObject } from '../../api/meta.ts';
import { admissionGateErrors, gatesOf } from './admission-gates.ts';

const job = (gates?: string): KubeObject => ({ metadata: { name: 'a', ...(gates !== undefined && { annotations: { [ADMISSION_GATED_BY]: gates } }) } });
/** Source: Kueue, util/webhook (ValidateAdmissionGatedByAnnotation). */
const CASES: readonly [what: string, now: string | undefined, before: string | null | undefined, wrong: readonly RegExp[]][] = [
  ['none', undefined, undefined, []],
  ['two', 'example.com/one, example.com/two', undefined, []],
  ['no path', 'one', undefined, [/domain-prefixed path/]],
  ['no domain', '_x/one', undefined, [/Invalid value: "_x"/]],
  ['an empty one', 'example.com/one,', undefined, [/cannot contain empty gate names/]],
  ['one twice', 'example.com/one,example.com/one', undefined, [/duplicate gate name: example\.com\/one/]],
  ['a long one', `example.com/${'a'.repeat(60)}`, undefined, [/Too long/]],
  ['one is taken off', 'example.com/two', 'example.com/one,example.com/two', []],
  ['all are taken off', undefined, 'example.com/one', []],
  ['one is exchanged', 'example.com/three', 'example.com/one', [/can only remove gates/]],
  ['one comes later', 'example.com/one', null, [/cannot add admission gate after creation/]],
  ['what was wrong before', 'one', 'one', []],
];
for (const [what, now, before, wrong] of CASES) {
  it(what, () => {
    const errors = admissionGateErrors(job(now), before === undefined ? undefined : job(before ?? undefined));
    assert.equal(errors.length, wrong.length, JSON.stringify(errors));
    for (const [index, each] of wrong.entries()) assert.match(errors[index]!.message, each);
  });
}
it('who is gated', () => assert.deepEqual([gatesOf(job('example.com/one')), gatesOf(job('')), gatesOf(job())], ['example.com/one', undefined, undefined]));
