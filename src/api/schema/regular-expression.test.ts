import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compile, writeOut } from './regular-expression.ts';

const matches: [string, readonly string[], readonly string[]][] = [
  ['^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$', ['a', 'web-1', 'a'.repeat(63)], ['', '-a', 'a-', 'a'.repeat(64), 'A']],
  ['(?i)^A+b[c-e]$', ['ab', 'AB', 'aaBc', 'abE'].slice(2), ['ab', 'b', 'abf']],
  ['(?i)^[^x-z]{20}$', ['a'.repeat(20)], ['X'.repeat(20), 'a'.repeat(19)]],
  ['^(?:a{2,3}){2}$', ['aaaa', 'aaaaaa'], ['aaa', 'aaaaaaa']],
  ['^(?P<first>a{20,})b\\d{1,20}\\.$', [`${'a'.repeat(25)}b12.`], ['ab1.', `${'a'.repeat(25)}b12x`]],
  ['\\A\\w+@(?:[a-z]{1,20}\\.){1,20}com\\z', ['me@a.b.com'], ['me@com']],
  ['^(?:[0-9]{1,3}\\.){3}[0-9]{1,3}$', ['10.0.0.1'], ['10.0.0', '1000.0.0.1']],
  ['^[\\]\\\\a]{17,18}$', [']\\a'.repeat(6)], ['b'.repeat(17)]],
  ['^\\x41\\u0042{17}$', [`A${'B'.repeat(17)}`], ['AB']],
  ['^a{1,20}?|b$', ['aa', 'xb'], ['c']],
];
for (const [pattern, fits, others] of matches) {
  it(`reads ${pattern}`, () => {
    const made = compile(pattern);
    assert.ok(made !== undefined);
    for (const text of fits) assert.ok(made.test(text), `${text.slice(0, 80)} fits`);
    for (const text of others) assert.ok(!made.test(text), `${text.slice(0, 80)} does not fit`);
  });
}

const refused = ['(', '[a', 'a**', '(?=a)b', '(?!a)b', '(?<=a)b', '(?<!a)b', '(a)\\1', '(?<x>a)\\k<x>', 'a{1001}', '(a{100}){11}', '((a{11}){11}){11}', 'a{3,2}', '('.repeat(2_000) + ')'.repeat(2_000)];
for (const pattern of refused) it(`refuses ${pattern.slice(0, 40)}`, () => assert.equal(compile(pattern), undefined));

const evil: [string, string][] = [
  ['(a+)+$', 'a'], ['(?i)(a+)+$', 'a'], ['(a{1,30})+$', 'a'], ['((a{1,30}){1,30})+$', 'a'], ['(?i)^(([a-z])+.)+[A-Z]([a-z])+\\d$', 'a'], ['(a|aa|aaa){1,500}$', 'a'], ['^(a?){500}a{500}$', 'a'], ['.*.*.*.*.*.*=', 'a'],
  ['^(\\w{1,60}\\s?)*$', 'a'],
];
for (const [pattern, letter] of evil) {
  it(`judges a long text by ${pattern} in time`, () => {
    const before = process.cpuUsage();
    const made = compile(pattern);
    assert.ok(made !== undefined);
    made.test(`${letter.repeat(2_000)}!`);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 1_000_000, `${(user + system) / 1_000} ms`);
  });
}

it('writes counts, captures and cases out', () => {
  assert.equal(writeOut('(a){2,3}[b-c]', true), '(?:(?:[aA])(?:[aA])(?:[aA])?)[b-cB-C]');
  assert.equal(writeOut('x{2,}\\d', false), '(?:xxx*)\\d');
});
