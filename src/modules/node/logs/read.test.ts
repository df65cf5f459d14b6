import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { logOptions } from './options.ts';
import { readLog } from './read.ts';

const folder = mkdtempSync(join(tmpdir(), 'log-'));
const file = join(folder, '0.log');
after(() => rmSync(folder, { recursive: true }));

const at = (second: number, rest: string): string => `2026-11-21T22:00:0${second}.123456789+00:00 ${rest}\n`;
writeFileSync(file, at(1, 'stdout F one') + at(2, 'stderr F two') + at(3, 'stdout P th') + at(3, 'stdout F ree') + at(4, 'stdout F four'));

async function read(query: string): Promise<string> {
  let text = '';
  for await (const piece of readLog(file, logOptions(new URLSearchParams(query), { nowMs: Date.parse('2026-11-21T22:00:05Z') }), { signal: new AbortController().signal, alive: () => false })) text += piece;
  return text;
}

for (const [query, text] of [
  ['', 'one\ntwo\nthree\nfour\n'],
  ['tailLines=2', 'three\nfour\n'],
  ['tailLines=0', ''],
  ['tailLines=99', 'one\ntwo\nthree\nfour\n'],
  ['sinceSeconds=2', 'three\nfour\n'],
  ['sinceTime=2026-11-21T22:00:04Z', 'four\n'],
  ['limitBytes=5', 'one\nt'],
  ['stream=Stderr', 'two\n'],
  ['timestamps=true&tailLines=2', '2026-11-21T22:00:03.123456789Z three\n2026-11-21T22:00:04.123456789Z four\n'],
] as const) {
  test(`log ${query}`, async () => assert.equal(await read(query), text));
}

test('bad numbers and times are refused', () => {
  const judge = (query: string) => (): unknown => logOptions(new URLSearchParams(query), { nowMs: 0, pod: 'web' });
  for (const query of ['tailLines=x', 'sinceTime=soon']) assert.throws(judge(query), { reason: 'BadRequest' }, query);
  for (const [query, problem] of [
    ['tailLines=-1', 'tailLines: Invalid value: -1: must be greater than or equal to 0'],
    ['limitBytes=0', 'limitBytes: Invalid value: 0: must be greater than 0'],
    ['sinceSeconds=0', 'sinceSeconds: Invalid value: 0: must be greater than 0'],
    ['sinceTime=2026-11-21T22:00:04Z&sinceSeconds=3', ': Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified'],
    ['stream=Stdout&tailLines=1', ': Forbidden: `tailLines` and specific `stream` are mutually exclusive for now'],
    ['stream=Odd', 'stream: Unsupported value: "Odd": supported values: "All", "Stderr", "Stdout"'],
  ] as const) assert.throws(judge(query), { reason: 'Invalid', message: `PodLogOptions "web" is invalid: ${problem}` }, query);
});

test('lines over the edge of a chunk', async () => {
  const long = join(folder, 'long.log');
  writeFileSync(long, Array.from({ length: 5_000 }, (_, index) => at(1, `stdout F line ${index} ${'x'.repeat(index % 90)}`)).join(''));
  let text = '';
  for await (const piece of readLog(long, logOptions(new URLSearchParams('tailLines=3000'), { nowMs: 0 }), { signal: new AbortController().signal, alive: () => false })) text += piece;
  assert.equal(text.split('\n').length - 1, 3_000);
  assert.ok(text.startsWith('line 2000 '));
});

test('follows until the container has ended', async () => {
  let alive = true;
  setTimeout(() => appendFileSync(file, at(5, 'stdout F five')), 50);
  setTimeout(() => { alive = false; appendFileSync(file, at(6, 'stdout F six')); }, 120);
  let text = '';
  for await (const piece of readLog(file, logOptions(new URLSearchParams('follow=true&tailLines=1'), { nowMs: 0 }), { signal: new AbortController().signal, alive: () => alive })) text += piece;
  assert.equal(text, 'four\nfive\nsix\n');
});

test('follows a log that is set aside into the one that takes its place', async () => {
  const turning = join(folder, 'turning.log');
  writeFileSync(turning, at(1, 'stdout F one'));
  let alive = true;
  setTimeout(() => {
    renameSync(turning, `${turning}.aside`);
    appendFileSync(`${turning}.aside`, at(2, 'stdout F two'));
    writeFileSync(turning, at(3, 'stdout F three'));
    setTimeout(() => { appendFileSync(turning, at(4, 'stdout F four')); alive = false; }, 100);
  }, 50);
  let text = '';
  for await (const piece of readLog(turning, logOptions(new URLSearchParams('follow=true'), { nowMs: 0 }), { signal: new AbortController().signal, alive: () => alive })) text += piece;
  assert.equal(text, 'one\ntwo\nthree\nfour\n');
});

test('a line without an end is one, too', async () => {
  const prompt = join(folder, 'prompt.log');
  writeFileSync(prompt, at(1, 'stdout F one') + at(2, 'stdout P t') + at(2, 'stdout F wo') + at(3, 'stdout P $ '));
  for (const [lines, expected] of [[1, '$ '], [2, 'two\n$ '], [3, 'one\ntwo\n$ ']] as const) {
    let text = '';
    for await (const piece of readLog(prompt, logOptions(new URLSearchParams(`tailLines=${lines}`), { nowMs: 0 }), { signal: new AbortController().signal, alive: () => false })) text += piece;
    assert.equal(text, expected);
  }
});

test('what is written meanwhile is not read without following', async () => {
  const growing = join(folder, 'growing.log');
  writeFileSync(growing, at(1, 'stdout F one') + at(2, 'stdout F two'));
  for (const [query, expected] of [['tailLines=1', 'two\n'], ['', 'one\ntwo\n']] as const) {
    let text = '';
    const writes = { alive: () => (appendFileSync(growing, at(3, 'stdout F more')), true), signal: new AbortController().signal };
    for await (const piece of readLog(growing, logOptions(new URLSearchParams(query), { nowMs: 0 }), writes)) text += piece;
    assert.equal(text, expected);
    writeFileSync(growing, at(1, 'stdout F one') + at(2, 'stdout F two'));
  }
});

test('bytes are given as they are, whatever else stands in the file', async () => {
  const odd = join(folder, 'odd.log');
  const words = Buffer.from([0xff, 0x00, 0x20, 0xc3]);
  writeFileSync(odd, Buffer.concat([Buffer.from('torn\n\n2026-11-21T22:00:01Z stdout F short time\n'), Buffer.from(at(1, 'stdout P ').slice(0, -1)), words, Buffer.from('\n'), Buffer.from(at(1, 'stdout F ')), Buffer.from('2026-11-21T22:00:01.123456789+00:00 stdout F')]));
  const pieces: Buffer[] = [];
  for await (const piece of readLog(odd, logOptions(new URLSearchParams(), { nowMs: 0 }), { signal: new AbortController().signal, alive: () => false })) pieces.push(piece);
  assert.deepEqual(Buffer.concat(pieces), Buffer.concat([Buffer.from('short time\n'), words, Buffer.from('\n')]));
});
