/** The machine's logs, as Go's file server gives them to who reads a node's /logs/. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { answerLogFile } from './log-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'llmos-log-files-'));
const root = join(folder, 'log');
let server: Server;

before(async () => {
  mkdirSync(join(root, 'pods', 'a b&c'), { recursive: true });
  writeFileSync(join(root, 'syslog'), 'one\ntwo\n');
  writeFileSync(join(root, 'wtmp'), Buffer.from([1, 0, 2]));
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(join(folder, 'secret'), 'no');
  symlinkSync(join(root, 'syslog'), join(root, 'link'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  server = createServer((asked, answer) => void answerLogFile(root, decodeURIComponent(asked.url!.slice(1)), asked, answer).then((isAnswered) => (isAnswered ? undefined : answer.writeHead(404).end())));
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
});
after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

function ask(path: string, { method = 'GET', range }: { method?: string; range?: string } = {}): Promise<{ code?: number; type?: string; location?: string; range?: string; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, path: `/${path}`, method, agent: false, headers: range === undefined ? {} : { range } }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece)).on('end', () => resolve({
        code: answer.statusCode, type: answer.headers['content-type'], location: answer.headers.location, range: answer.headers['content-range'], body: Buffer.concat(pieces).toString('latin1'),
      }));
    });
    call.on('error', reject).end();
  });
}

test('folders are lists of links', async () => {
  const { code, type, body } = await ask('');
  assert.deepEqual([code, type], [200, 'text/html; charset=utf-8']);
  assert.equal(body, '<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n'
    + ['empty', 'link', 'pipe', 'pods/', 'syslog', 'wtmp'].map((name) => `<a href="${name}">${name}</a>\n`).join('') + '</pre>\n');
  assert.match((await ask('pods/')).body, /<a href="a%20b%26c\/">a b&#38;c\/<\/a>/);
  const moved = await ask('pods');
  assert.deepEqual([moved.code, moved.location], [301, 'pods/']);
});

test('files are given whole or in part', async () => {
  assert.deepEqual(await ask('syslog'), { code: 200, type: 'text/plain; charset=utf-8', location: undefined, range: undefined, body: 'one\ntwo\n' });
  assert.equal((await ask('link')).body, 'one\ntwo\n');
  assert.equal((await ask('wtmp')).type, 'application/octet-stream');
  assert.deepEqual([(await ask('empty')).code, (await ask('empty')).body], [200, '']);
  assert.deepEqual([(await ask('syslog', { method: 'HEAD' })).code, (await ask('syslog', { method: 'HEAD' })).body], [200, '']);
  for (const [range, code, part, body] of [['bytes=4-', 206, 'bytes 4-7/8', 'two\n'], ['bytes=0-2', 206, 'bytes 0-2/8', 'one'], ['bytes=-4', 206, 'bytes 4-7/8', 'two\n'], ['bytes=0-99', 206, 'bytes 0-7/8', 'one\ntwo\n'], ['lines=1-2', 200, undefined, 'one\ntwo\n']] as const) {
    const answer = await ask('syslog', { range });
    assert.deepEqual([answer.code, answer.range, answer.body], [code, part, body], range);
  }
  const beyond = await ask('syslog', { range: 'bytes=8-' });
  assert.deepEqual([beyond.code, beyond.range], [416, 'bytes */8']);
});

test('nothing else is', async () => {
  for (const path of ['none', 'pipe', '../secret', '..%2fsecret', 'pods/../../secret', '%00']) assert.equal((await ask(path)).code, 404, path);
  assert.equal((await ask('syslog/')).code, 301);
});
