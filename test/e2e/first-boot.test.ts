/** The first llmos after an installation: it finds all that it loads translated, under the options that it runs with. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { bootInstance } from '../fixtures/instance.ts';

describe('the first llmos after an installation', () => {
  const cache = mkdtempSync(join(tmpdir(), 'llmos-cache-'));
  after(() => rmSync(cache, { recursive: true, force: true }));

  it('translates nothing itself, since who does keeps the translator, and compiles next to nothing', async () => {
    const before = { ...process.env };
    Object.assign(process.env, { NODE_COMPILE_CACHE: cache, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' });
    const instance = await bootInstance();
    Object.assign(process.env, before);
    for (const name of ['NODE_COMPILE_CACHE', 'NODE_DEBUG_NATIVE']) if (before[name] === undefined) delete process.env[name];
    const log = instance.log();
    await instance.destroy();
    // The process before it loads no program.
    const own = log.slice(log.indexOf('src/cli/main.ts')).split('\n');
    assert.match(log, /no transpile cache for StrippedTypeScript/); // by the process before: what is looked for below would be seen
    assert.deepEqual(own.filter((line) => line.includes('StrippedTypeScript')), []);
    const taken = own.filter((line) => /V8 code cache for ESM .*was accepted/.test(line));
    const compiled = own.filter((line) => /V8 code cache for ESM .*(?:was not initialized|was rejected)/.test(line));
    assert.ok(taken.length > 500, `${taken.length} were taken from the cache`);
    // V8 refuses a few of the cache that a process of another order of imports wrote.
    assert.ok(compiled.length < taken.length / 20, `compiled: ${compiled.join('\n')}`);
  });
});
