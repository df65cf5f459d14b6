/** Transactions in a network namespace of their own; the file runs itself inside it. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nftWriter } from './nft.ts';
import { run, runAny } from './run.ts';

const INSIDE = process.env.LLMOS_TEST_INSIDE === '1';
const POSSIBLE = process.getuid?.() === 0 && existsSync('/usr/sbin/nft');

if (!INSIDE) {
  test('nft is told one transaction after the other', { skip: POSSIBLE ? false : 'needs root and nft' }, async () => {
    const env = { ...process.env, LLMOS_TEST_INSIDE: '1', NODE_TEST_CONTEXT: undefined };
    const result = await runAny('unshare', ['--net', process.execPath, '--test', '--test-reporter=spec', import.meta.filename], { env, timeoutMs: 120_000 });
    assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
  });
} else inside();

function inside(): void {
  const elements = async (): Promise<string[]> => (await run('nft', ['list', 'set', 'ip', 't', 's'])).match(/10\.0\.0\.\d+/g) ?? [];
  /** A program that writes down how it is started, and is nft. */
  const counting = (folder: string): string => {
    const file = join(folder, 'nft');
    writeFileSync(file, `#!/bin/sh\necho "$1" >> ${folder}/starts\nexec nft "$@"\n`, { mode: 0o755 });
    return file;
  };
  const starts = async (folder: string): Promise<string[]> => (await run('cat', [join(folder, 'starts')])).trim().split('\n');

  test('a transaction is taken whole or not at all, and what nft says comes with the error', async () => {
    const nft = nftWriter('nft');
    await nft.write('table ip t {\n  set s { type ipv4_addr; }\n}\n');
    await nft.write('add element ip t s { 10.0.0.1 }\nadd element ip t s { 10.0.0.2 }\n');
    assert.deepEqual(await elements(), ['10.0.0.1', '10.0.0.2']);
    await assert.rejects(nft.write('add element ip t s { 10.0.0.3 }\ndelete element ip t s { 10.0.0.9 }\n'), /No such file or directory/);
    await assert.rejects(nft.write('add element ip t s { 10.0.0.3 }\nwhat is this\n'), /syntax error/);
    assert.deepEqual(await elements(), ['10.0.0.1', '10.0.0.2']);
    await Promise.all([nft.write('add element ip t s { 10.0.0.3 }\n'), nft.write('delete element ip t s { 10.0.0.3 }\n'), nft.write('add element ip t s { 10.0.0.4 }\n')]);
    assert.deepEqual(await elements(), ['10.0.0.1', '10.0.0.2', '10.0.0.4']);
    const many = Array.from({ length: 1_200 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
    for (const some of [many.slice(0, 800), many.slice(800)]) await nft.write(some.map((each) => `add element ip t s { ${each} }\n`).join(''));
    assert.equal((await run('nft', ['list', 'set', 'ip', 't', 's'])).match(/10\.1\.\d+\.\d+/g)?.length, many.length);
  });

  test('what somebody else changed meanwhile is seen', async () => {
    const nft = nftWriter('nft');
    await nft.write('add element ip t s { 10.0.0.5 }\n');
    await run('nft', ['-f', '-'], { input: 'flush ruleset\ntable ip t {\n  set s { type ipv4_addr; }\n  chain c {\n  }\n}\n' });
    await nft.write('add element ip t s { 10.0.0.6 }\nadd rule ip t c drop\n');
    assert.deepEqual(await elements(), ['10.0.0.6']);
    await run('nft', ['delete', 'table', 'ip', 't']);
    await assert.rejects(nft.write('add element ip t s { 10.0.0.7 }\n'), /No such file/);
  });

  test('one nft takes many, is ended when it has nothing to do, and one that cannot be talked to is started each time', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-nft-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const nft = nftWriter(counting(folder), { idleMs: 1 });
    await Promise.all(Array.from({ length: 50 }, () => nft.write('add table ip t\n')));
    assert.deepEqual(await starts(folder), ['-i']);
    const deadline = Date.now() + 60_000;
    // It went: the next transaction needs another.
    while ((await starts(folder)).length < 2 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await nft.write('add table ip t\n');
    }
    assert.deepEqual(await starts(folder), ['-i', '-i']);
    writeFileSync(join(folder, 'mute'), `#!/bin/sh\n[ "$1" = -i ] && exit 1\nexec nft "$@"\n`, { mode: 0o755 });
    const mute = nftWriter(join(folder, 'mute'));
    for (const name of ['a', 'b']) await mute.write(`add table ip ${name}\n`);
    assert.deepEqual((await run('nft', ['list', 'tables'])).trim().split('\n').toSorted(), ['table ip a', 'table ip b', 'table ip t']);
    await assert.rejects(nftWriter('/no/such/nft').write('add table ip c\n'), /not installed/);
  });

  test('one that could not be started, or was killed before it was heard, is talked to later', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-nft-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const late = nftWriter(join(folder, 'nft'));
    await assert.rejects(late.write('add table ip late\n'), /not installed/);
    counting(folder);
    for (const name of ['d', 'e']) await late.write(`add table ip ${name}\n`);
    assert.deepEqual(await starts(folder), ['-i']);
    writeFileSync(join(folder, 'once'), `#!/bin/sh\necho "$1" >> ${folder}/starts\n[ "$1" = -i ] && [ ! -e ${folder}/killed ] && touch ${folder}/killed && kill -9 $$\nexec nft "$@"\n`, { mode: 0o755 });
    const killed = nftWriter(join(folder, 'once'));
    for (const name of ['f', 'g', 'h']) await killed.write(`add table ip ${name}\n`);
    assert.deepEqual(await starts(folder), ['-i', '-i', '-f', '-i']);
    assert.deepEqual((await run('nft', ['list', 'tables'])).match(/ip [d-h]$/gm)?.toSorted(), ['ip d', 'ip e', 'ip f', 'ip g', 'ip h']);
  });

  test('one that hangs is ended, so that it carries nothing out later', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-nft-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, 'nft'), `#!/bin/sh\necho $$ >> ${folder}/pids\nexec sleep 600\n`, { mode: 0o755 });
    const nft = nftWriter(join(folder, 'nft'), { answerMs: 1_000 });
    await assert.rejects(nft.write('add table ip h\n'), /does not answer/);
    const [pid = ''] = (await run('cat', [join(folder, 'pids')])).trim().split('\n');
    const isThere = (): boolean => { try { return process.kill(Number(pid), 0); } catch { return false; } };
    const deadline = Date.now() + 60_000;
    while (isThere() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(isThere(), false);
  });
}
