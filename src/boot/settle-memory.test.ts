import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const MIB = 2 ** 20;

/** A heap that has some 100 MiB for a while and is let go of; then little garbage after little, as from requests, for as long as it takes. */
const LOAD = `
  import { settleMemory } from '${join(import.meta.dirname, 'settle-memory.ts')}';
  settleMemory();
  const garbage = (count) => Array.from({ length: count }, (_, n) => ({ n, text: 'text ' + n, list: [n] }));
  let kept = garbage(700_000);
  const mostBytes = process.memoryUsage.rss();
  const untilMs = Date.now() + 60_000;
  const work = () => {
    kept = [...(kept?.slice(-20) ?? []), garbage(2_000)];
    const bytes = process.memoryUsage.rss();
    if (mostBytes - bytes > 50 * ${MIB} || Date.now() > untilMs) console.log(JSON.stringify({ mostBytes, bytes }));
    else setTimeout(work, 5);
  };
  setTimeout(() => {
    kept = undefined;
    work();
  }, 1_500);
`;

test('the pages of a heap that has become smaller are given back while work goes on', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=2', '--input-type=module', '--eval', LOAD]);
  const { mostBytes, bytes } = JSON.parse(stdout) as { mostBytes: number; bytes: number };
  assert.ok(mostBytes - bytes > 50 * MIB, `${Math.round(mostBytes / MIB)} MiB were resident, and ${Math.round(bytes / MIB)} are now`);
});
