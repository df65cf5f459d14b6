/**
 * `npm test`: all tests, those that boot no instance first, then the suites and the tests end to end. Those boot whole instances, each file in a network
 * namespace of its own, and as many files at a time as there are cpus (four at most; `LLMOS_TEST_FILES` says another number). The last line counts:
 * `123 passed, 0 failed, 2 skipped`.
 *
 *   npm test                 everything
 *   npm test -- unit         only those that boot no instance: beside the code, of controllers, of the rules of the floors
 *   npm test -- e2e          only the others
 *   npm run test:torture     only those under test/torture/, with long budgets (LLMOS_TORTURE=1), then the guest; FILE ... as above
 *   npm run test:guest       some of them in a guest with cgroup v2 (see test/guest/run.ts)
 *   npm test -- FILE ...     only these files
 *
 * With LLMOS_TEST_TRIES=2, to look for flaky ones, up to three files beside the code and as many under test/ may fail once, and are run again when the others are done. What
 * passed only then is named in a line of its own, `flaky: FILE: TEST`: it is a fault to be mended. Without it, as in CI, what fails has failed.
 *
 * SIGINT and SIGTERM end it within a minute: files under way are failed, and their instances, containers and namespaces taken back.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { isIsolated } from './fixtures/isolation.ts';
import { PATIENCE } from './fixtures/patience.ts';
import { addCount, linesOf, newCount } from './runner/count.ts';
import { endedBy, ending, endWhenTold } from './runner/ending.ts';
import { runCounted, runFiles, runIsolated, runUnit } from './runner/files.ts';

const ROOT = resolve(import.meta.dirname, '..');
if (process.argv[2] === 'torture') process.env['LLMOS_TORTURE'] = '1';
// The kubectl that setup/kubectl fetched comes first, for whatever the tests start.
process.env['PATH'] = `${join(ROOT, '.cache/kubectl/usr/bin')}:${process.env['PATH']}`;

/** Most of the time tests wait: for probes, back-offs, periods. An emulated machine has no time to spare. */
const FILES_AT_ONCE = Number(process.env['LLMOS_TEST_FILES'] ?? (PATIENCE > 1 || process.env['LLMOS_TORTURE'] === '1' ? 1 : Math.min(4, availableParallelism())));
/** They change or measure what the machine has once; the others wait for them. */
const ALONE = ['eviction', 'huge-pages'].map((name) => join(ROOT, 'test/e2e', `${name}.test.ts`));

const testFiles = (...folders: string[]): string[] => folders.flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts')).map((name) => join(ROOT, folder, name)).sort());
/** Under test/ all do but those that read files, and those of controllers over a door of their own process. */
const bootsInstances = (file: string): boolean => /^test\/(?!controllers\/).+\//.test(relative(ROOT, file));

const words = process.argv.slice(2);
const named = words.filter((word) => word.endsWith('.ts')).map((file) => resolve(file));
const [all, torture] = [words.length === 0, words.includes('torture') && named.length === 0];
const unit = named.length > 0 ? named.filter((file) => !bootsInstances(file)) : all || words.includes('unit') ? testFiles('src', 'bench', 'tools', 'test').filter((file) => !bootsInstances(file)) : [];
const booting = named.length > 0 ? named.filter(bootsInstances) : all || words.includes('e2e') ? testFiles('test').filter(bootsInstances) : torture ? testFiles('test/torture') : [];
const count = newCount();
endWhenTold();

if (isIsolated()) for (const each of (await runFiles(named, 1)).values()) addCount(count, each);
else {
  const fetching = booting.length > 0 && spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(ROOT, 'test/runner/fetch.ts'), ...booting], { stdio: ['ignore', 'ignore', 'inherit'] });
  const fetched = fetching === false || new Promise((settled) => fetching.once('close', settled));
  addCount(count, await runUnit(unit, 2 * FILES_AT_ONCE));
  await fetched;
  addCount(count, await runIsolated(booting.filter((file) => !ALONE.includes(file)), FILES_AT_ONCE));
  addCount(count, await runIsolated(booting.filter((file) => ALONE.includes(file)), 1));
}
if (torture && !ending.aborted) addCount(count, await runCounted({ file: process.execPath, args: ['--disable-warning=ExperimentalWarning', join(ROOT, 'test/guest/run.ts')], env: process.env }, { name: 'test/guest' }));

await new Promise((settled) => setTimeout(settled, 50)); // the reporter writes its last lines
for (const line of linesOf(count)) console.log(line);
process.exit((await endedBy()) ?? (count.failed > 0 || count.passed === 0 ? 1 : 0));
