import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isApiError } from '../../api/errors.ts';
import { decodeYaml } from './decode-yaml.ts';

const lines = (count: number, line: (n: number) => string): string => Array.from({ length: count }, (_, n) => line(n)).join('\n');

const read: [string, string, unknown][] = [
  ['a map', 'a: 1\nb: [x, "y"]', { a: 1, b: ['x', 'y'] }],
  ['the first document', 'a: 1\n---\nb: 2', { a: 1 }],
  ['merged keys', 'a: &a {x: 1}\nb: {<<: *a, z: 2}', { a: { x: 1 }, b: { x: 1, z: 2 } }],
  ['a key that is special to JavaScript', '__proto__: {a: 1}', JSON.parse('{"__proto__":{"a":1}}')],
  ['times as the texts that they are', 'a: 2003-01-01T01:01:01.000003Z\nb: 2001-01-01\nc: 2001-12-14 21:59:43.10 -5\nd: 2001-12-14t21:59:43.10-05:00\ne: 2001-01-01T00:00:00Z', { a: '2003-01-01T01:01:01.000003Z', b: '2001-01-01', c: '2001-12-14 21:59:43.10 -5', d: '2001-12-14t21:59:43.10-05:00', e: '2001-01-01T00:00:00Z' }],
  ['a large text', `a: |-\n${lines(20_000, (n) => `  line ${n}`)}`, { a: lines(20_000, (n) => `line ${n}`) }],
  ['many keys', lines(20_000, (n) => `k${n}: ${n}`), Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`k${n}`, n]))],
];
for (const [what, text, value] of read) it(`reads ${what}`, async () => assert.deepEqual(await decodeYaml(Buffer.from(text)), { value }));

const refused: [string, string, RegExp][] = [
  ['what doubles and doubles', `a: &a [x,x,x,x,x,x,x,x,x]\n${lines(9, (n) => `${'bcdefghij'[n]}: &${'bcdefghij'[n]} [${Array(9).fill(`*${'abcdefghij'[n]}`).join()}]`)}`, /resource exhaustion/],
  ['what holds itself', 'a: &a [*a]', /error converting YAML/],
  ['depth', lines(1_500, (n) => `${' '.repeat(n)}a:`), /nested deeper|error converting YAML|too involved/],
  ['brackets without end', '['.repeat(10_000), /error converting YAML|too involved/],
  ['millions of brackets, at once and not by their reading', ` ${'['.repeat(1_500_000)}`, /error converting YAML to JSON: yaml: exceeded depth limit/],
  ['text that is no YAML', 'a: [1, 2', /error converting YAML/],
];
for (const [what, text, message] of refused) it(`refuses ${what}`, () => assert.rejects(decodeYaml(Buffer.from(text)), (error) => isApiError(error, 'BadRequest') && message.test((error as Error).message)));

it('tells of keys that stand twice, of which the last holds', async () => {
  const text = Buffer.from('a: 1\nb: {c: 1, c: 2}\na: 3');
  const [first, second] = ['line 2: key "c" already set in map', 'line 3: key "a" already set in map'];
  const value = { a: 3, b: { c: 2 } };
  assert.deepEqual(await decodeYaml(text), { value });
  const { duplicates = [] } = await decodeYaml(text, { findDuplicates: true });
  assert.deepEqual(duplicates.toSorted(), [first, second]);
  assert.match((await decodeYaml(text, { findDuplicates: true, strict: true })).duplicates?.[0] ?? '', /^yaml: unmarshal errors:\n {2}line \d: key/);
  assert.deepEqual((await decodeYaml(Buffer.from(`${lines(5_000, (n) => `k${n}: ${n}`)}\nk7: 1`), { findDuplicates: true })).duplicates, ['line 5001: key "k7" already set in map']);
});

it('does not hold the others up', async () => {
  const reading = decodeYaml(Buffer.from(lines(30_000, (n) => `k${n}: ${n}`)));
  let [longestMs, lastMs] = [0, process.threadCpuUsage().user];
  const beats = setInterval(() => {
    const nowMs = process.threadCpuUsage().user;
    longestMs = Math.max(longestMs, (nowMs - lastMs) / 1_000);
    lastMs = nowMs;
  }, 5).unref();
  await reading;
  clearInterval(beats);
  assert.ok(longestMs < 500, `the loop stood still for ${longestMs} ms`);
});

it('who sends many long texts holds up nobody else', async () => {
  const text = Buffer.from(`a:\n${Array.from({ length: 400 }, (_, depth) => `${' '.repeat(2 * depth + 2)}a:`).join('\n')}\n`);
  const order: string[] = [];
  const read = (user: string): Promise<unknown> => decodeYaml(text, { findDuplicates: false, user }).then(() => order.push(user));
  const flood = Array.from({ length: 4 }, () => read('flood'));
  await Promise.all([...flood, read('calm')]);
  assert.deepEqual(order, ['flood', 'flood', 'calm', 'flood', 'flood']);
});
