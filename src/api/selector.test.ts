import { test } from 'node:test';
import assert from 'node:assert/strict';
import { formatSelector, matcherOfSelector, parseSelector } from './selector.ts';
import { fieldMatcher, parseFieldSelector } from './field-selector.ts';

test('selector strings match labels', () => {
  const table: [string, Record<string, string>, boolean][] = [
    ['', {}, true], ['a=b', { a: 'b' }, true], ['a==b', { a: 'c' }, false], ['a!=b', {}, true], ['a', { a: '' }, true], ['!a', { a: '' }, false], ['!a', {}, true],
    ['a in (x, y)', { a: 'y' }, true], ['a in (x,y),b', { a: 'y' }, false], ['a notin (x)', {}, true], ['n>5', { n: '6' }, true], ['n<5', { n: '6' }, false], ['n>5', { n: 'x' }, false],
    ['a=', { a: '' }, true], ['in in (in)', { in: 'in' }, true], ['k8s.io/app=web,tier!=db', { 'k8s.io/app': 'web', tier: 'x' }, true], ['a in ()', { a: '' }, true], ['a in (,x)', { a: '' }, true],
    ['constructor', {}, false],
  ];
  for (const [selector, labels, expected] of table) assert.equal(parseSelector(selector).matches(labels), expected, selector);
  assert.equal(parseSelector('b=1, a in (y,x),!c').toString(), 'a in (x,y),b=1,!c');
});

test('wrong selectors are told in the words of Kubernetes', () => {
  const table: [string, RegExp][] = [
    ['a=b c', /found 'c', expected: ',' or 'end of string'/], ['a,,', /found ',', expected: identifier after ','/], ['=a', /found '=', expected: !, identifier, or 'end of string'/],
    ['a in x', /unable to parse requirement: found 'x' expected: '\('/], ['a in (x', /expected: ',' or '\)'/], ['a=-', /values\[0\]\[a\]: Invalid value: "-"/],
    ['-=a', /unable to parse requirement: <nil>: Invalid value: "-": name part must consist of/], ['n>x', /the value must be an integer/],
  ];
  for (const [selector, words] of table) assert.throws(() => parseSelector(selector), words, selector);
});

test('LabelSelector objects', () => {
  assert.equal(matcherOfSelector(undefined).matches({}), false);
  assert.equal(matcherOfSelector({}).matches({ a: 'b' }), true);
  const selector = { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'c', operator: 'Exists' as const }] };
  assert.equal(matcherOfSelector(selector).matches({ a: 'b', c: '' }), true);
  assert.equal(formatSelector(selector), 'a=b,c');
  assert.throws(() => matcherOfSelector({ matchExpressions: [{ key: 'a', operator: 'In' }] }), /values set can't be empty/);
  assert.throws(() => matcherOfSelector({ matchExpressions: [{ key: 'a', operator: 'Is' as 'In' }] }), /"Is" is not a valid label selector operator/);
});

test('field selectors', () => {
  const pod = { metadata: { name: 'web', namespace: 'x' }, status: { phase: 'Running' } };
  const fields = { 'status.phase': (object: typeof pod) => object.status.phase };
  const matches = (text: string): boolean => fieldMatcher(parseFieldSelector(text), { selectableFields: fields, namespaced: true })(pod);
  assert.equal(matches(''), true);
  assert.equal(matches('metadata.name=web,status.phase!=Failed'), true);
  assert.equal(matches('status.phase==Pending'), false);
  assert.throws(() => matches('spec.x=1'), /field label not supported: spec.x/);
  assert.throws(() => parseFieldSelector('abc'), /invalid selector: 'abc'; can't understand 'abc'/);
  assert.throws(() => parseFieldSelector(String.raw`a=\b`), /invalid escape sequence/);
  assert.equal(parseFieldSelector(String.raw`a=b\,c`)[0]?.value, 'b,c');
});
