import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFormula } from './formula.ts';

const values = { one: 2, two: 3, three: 10 };
const cases: [formula: string, value: number][] = [
  ['(one + two) / 2', 2.5], ['one + two * three', 32], ['one - two - three', -11], ['-one ** 2', -4], ['2 ** 3 ^ 2', 512], ['three % 4', 2], ['1_000.5 + 1e2', 1_100.5], ['7 / 2', 3.5],
  ['one < 2 ? one + two : three', 10], ['one >= 2 and not (two == 10) ? 1 : 0', 1], ['one > 5 || two > 5 ? 1 : two > 2 ? 7 : 8', 7], ['!(one > 5) && two != 4 ? 1 : 0', 1],
  ['max(one, two, three)', 10], ['min([one, two], three)', 2], ['sum([one, two, three])', 15], ['mean(one, two)', 2.5], ['median([three, one, two])', 3], ['abs(one - three) + ceil(1.2) + floor(1.8) + round(2.5) + int(2.9) + float(1)', 17],
  ['count([one, two, three], {# > 1}) > 1 ? 5 : 0', 5], ['count([one, two, three], # > 2)', 2], ['all([one, two], {# > 1}) ? 1 : 0', 1], ['any([one, two], {# > 9}) ? 1 : 0', 0], ['none([one], {# > 9}) ? 1 : 0', 1], ['sum(map(filter([one, two, three], {# > 2}), {# * 2}))', 26],
  ['let most = max(one, two); most * most', 9], ['one in [2, 4] ? 1 : 0', 1], ['nil ?? two', 3], ['nil ?? two + one', 5], ['one + nil ?? two * three', 32], ['nil ?? two ** 2', 9], ['nil ?? -one ** 2 + two', -1], ['nil ?? nil ?? 8', 8], ['one ?? two', 2], ['one not in [3, 4] ? 1 : 0', 1], ['one not in [2] or two not in [3] ? 1 : 0', 0], ['[one, two, three][-1]', 10], ['len(1..5)', 5], ['  one\n', 2], ['min(one / 0, 5)', 5], ['one / 0 > 100 ? 7 : 8', 7], ['0 / 0 > 1 ? 7 : 8', 8], ['one / (two + 1)', 0.5],
];
for (const [formula, value] of cases) test(`formula ${formula.trim()}`, () => assert.equal(parseFormula(formula, Object.keys(values))(values), value));

const wrong: [formula: string, message: RegExp][] = [
  ['four + 1', /'four' is the name of no trigger; there are: one, two, three/], ['one +', /ends too early/], ['(one', /'\)' is expected at the end/], ['one two', /'two' is not expected there/], ['one ~ two', /'~ two' is not understood/],
  ['exec(one)', /there is no function exec/], ['constructor(one)', /there is no function constructor/], ['toString', /name of no trigger/], ['max()', /max needs something/], [`${'('.repeat(100)}1`, /nested more than/], [`${'-'.repeat(100)}1`, /nested more than/], ['1'.repeat(5_000), /longer than/], ['let 1 = 2; 3', /a name is expected/],
  ['one > 2', /the result of the formula is no number: false/], ['one ? 1 : 2', /neither true nor false/], ['[one, two]', /the result of the formula is no number/], ['[one][3]', /is no number: null/], ['sum(map(1..9999, {count(1..9999, {# > 1})}))', /more than 1000000 items/],
];
for (const [formula, message] of wrong) test(`formula ${formula.slice(0, 20)} is refused`, () => assert.throws(() => parseFormula(formula, Object.keys(values)), message));

const failing: [formula: string, message: RegExp][] = [['one > 2', /the result of the formula is no number: false/], ['one / 0', /is no number/], ['one ? 1 : 2', /neither true nor false/], ['one + [two]', /what follows '\+' is no number/], ['one[0]', /is no list/], ['len(0..1e9)', /10000 items at most/], ['nil + 1', /is no number: null/]];
for (const [formula, message] of failing) test(`formula ${formula} fails when it is run`, () => assert.throws(() => parseFormula(formula, Object.keys(values))(values), message));
