/** Names that users give their headers, parameters and cookies, as a real HAProxy reads them. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runAny } from '../../../base/sys/run.ts';
import { argument, Unsayable } from './words.ts';

const HAPROXY = '/usr/sbin/haproxy';
/** All that the Gateway API lets a header's name hold and HAProxy can ask for. */
const NAME = "x-!#$%&*+.^_`|~9";

test('a name of every character that it may have ends no word, and begins no comment', { skip: existsSync(HAPROXY) ? false : 'needs haproxy' }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-words-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'haproxy.cfg');
  // The last word of each line is one that HAProxy refuses where it sees it, so that a line that is cut short is one that it takes.
  const judge = async (line: string): Promise<string> => {
    writeFileSync(file, `defaults\n  mode http\n  timeout client 1s\n  timeout server 1s\n  timeout connect 1s\nbackend b\n  ${line}\n`);
    const { code, stderr } = await runAny(HAPROXY, ['-c', '-f', file], { timeoutMs: 60_000 });
    return code === 0 ? '' : stderr;
  };
  for (const line of [`acl a req.fhdr(${argument(NAME)}) -m str -- b`, `acl a urlp(${argument(NAME)}) -m str -- b`, `http-request del-header ${argument(NAME)}`, `http-request set-header ${argument(NAME)} 'b'`, `cookie ${argument(NAME)} insert indirect nocache`]) {
    assert.equal(await judge(line), '', line);
  }
  for (const line of [`http-request del-header ${argument(NAME)} odd`, `cookie ${argument(NAME)} odd`]) assert.match(await judge(line), /'odd'|'cookie' supports/, line);
});

test('other names are not said', () => {
  for (const name of ['', 'a b', 'a)', 'a,b', "a'", 'a"', 'a\\b', 'a\nb', 'é']) assert.throws(() => argument(name), Unsayable, name);
});
