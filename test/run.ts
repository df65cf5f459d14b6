/**
 * `npm test`: all tests, the parts beside the code first, then the suites and the tests end to end, one file after the other, because
 * those boot whole instances. The last line counts: `123 passed, 0 failed, 2 skipped`.
 *
 *   npm test                 everything
 *   npm test -- unit         only the tests beside the code
 *   npm test -- e2e          only those under test/
 *   npm run test:torture     only those under test/torture/, with long budgets (LLMOS_TORTURE=1), then the guest; FILE ... as above
 *   npm run test:guest       some of them in a guest with cgroup v2 (see test/guest/run.ts)
 *   npm test -- FILE ...     only these files
 *
 * With LLMOS_TEST_TRIES=2, to look for flaky ones, up to three files beside the code and as many under test/ may fail once, and are run again when the others are done. What
 * passed only then is named in a line of its own, `flaky: FILE: TEST`: it is a fault to be mended. Without it, as in CI, what fails has failed.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fetchClients } from './fixtures/clients.ts';
import { fetchClock } from './fixtures/clock.ts';
import { fetchRunsc } from './fixtures/runsc.ts';
import { fetchServices } from './fixtures/services.ts';
import { isIsolated, isolatedCommand } from './fixtures/isolation.ts';
import { PATIENCE } from './fixtures/patience.ts';
import { buildWebImage } from './fixtures/web-image.ts';

const ROOT = resolve(import.meta.dirname, '..');
if (process.argv[2] === 'torture') process.env['LLMOS_TORTURE'] = '1';
const FILE_TIMEOUT_MS = (process.env['LLMOS_TORTURE'] === '1' ? 120 : 10) * 60_000 * PATIENCE;

const TRIES = Number(process.env['LLMOS_TEST_TRIES'] ?? 1);
/** More that fail are no accident. */
const MOST_FLAKY_FILES = 3;

interface Count {
  passed: number;
  failed: number;
  skipped: number;
  failures: string[];
  /** What failed at first and passed when it was run again. */
  flaky: string[];
}

const newCount = (): Count => ({ passed: 0, failed: 0, skipped: 0, failures: [], flaky: [] });

function addCount(into: Count, more: Count): void {
  into.passed += more.passed;
  into.failed += more.failed;
  into.skipped += more.skipped;
  into.failures.push(...more.failures);
  into.flaky.push(...more.flaky);
}

function testFiles(folder: string, suffix: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(suffix)).map((name) => join(ROOT, folder, name)).sort();
}

/** What the runner cannot lay to one of the files: such failures are not tried again. */
const ELSEWHERE = '';

/** Runs files in processes of their own, so many at a time; gives what became of each. */
async function runFiles(files: readonly string[], concurrency: number): Promise<Map<string, Count>> {
  const elsewhere = newCount();
  const counts = new Map([...files, ELSEWHERE].map((file) => [file, file === ELSEWHERE ? elsewhere : newCount()]));
  if (files.length === 0) return counts;
  const of = (file = ELSEWHERE): Count => counts.get(file) ?? elsewhere;
  const stream = run({ files: [...files], concurrency, timeout: FILE_TIMEOUT_MS });
  stream.on('test:pass', ({ skip, todo, details, file }) => {
    if (details.type === 'suite') return;
    if (skip !== undefined || todo !== undefined) of(file).skipped += 1;
    else of(file).passed += 1;
  });
  stream.on('test:fail', ({ name, file, details }) => {
    // A suite of which a test failed is not one more; one that could not be set up or cleaned up is.
    if (details.type === 'suite' && (details.error as { failureType?: string }).failureType === 'subtestsFailed') return;
    of(file).failed += 1;
    of(file).failures.push(`${file === undefined ? '' : `${relative(ROOT, file)}: `}${name}`);
  });
  stream.compose(new spec()).pipe(process.stdout, { end: false });
  await new Promise((settled) => stream.once('end', settled));
  return counts;
}

/** Counts what became of files, and runs those that failed again, one by one, where they may be. */
async function countTried(tried: ReadonlyMap<string, Count>, runOne: (file: string) => Promise<Count>, into: Count): Promise<void> {
  const failed = [...tried.values()].filter((one) => one.failed > 0).length;
  for (const [file, one] of tried) {
    const last = one.failed > 0 && file !== ELSEWHERE && TRIES > 1 && failed <= MOST_FLAKY_FILES ? await runOne(file) : one;
    if (last.failed === 0) into.flaky.push(...one.failures);
    addCount(into, last);
  }
}

async function runUnit(files: readonly string[]): Promise<void> {
  await countTried(await runFiles(files, 2), async (file) => {
    const again = newCount();
    for (const one of (await runFiles([file], 1)).values()) addCount(again, one);
    return again;
  }, count);
}

// The kubectl that setup/kubectl fetched comes first, for whatever the tests start.
process.env['PATH'] = `${join(ROOT, '.cache/kubectl/usr/bin')}:${process.env['PATH']}`;

const what = process.argv.slice(2);
const count = newCount();
const named = what.filter((word) => word.endsWith('.ts')).map((file) => resolve(file));
const all = what.length === 0;

/** Files that boot instances run one by one, each in a network namespace of its own. */
async function runIsolated(files: readonly string[], into: Count): Promise<void> {
  if (files.some((file) => file.endsWith('demo.test.ts'))) buildWebImage();
  if (files.some((file) => relative(ROOT, file).startsWith('test/clients/'))) fetchClients();
  if (files.some((file) => file.endsWith('/clock.test.ts'))) fetchClock();
  if (files.some((file) => file.endsWith('/isolation.test.ts'))) fetchRunsc();
  if (files.some((file) => relative(ROOT, file).startsWith('test/services/'))) fetchServices();
  const runOne = async (file: string): Promise<Count> => {
    const one = newCount();
    await runCounted(isolatedCommand([join(ROOT, 'test/run.ts'), file]), relative(ROOT, file), one);
    return one;
  };
  const tried = new Map<string, Count>();
  for (const file of files) tried.set(file, await runOne(file));
  await countTried(tried, runOne, into);
}

const OWN_LINE = /^failed: |^\d+ passed, /;

/** A command whose last lines are such as ours; they are counted in, the others shown as they come. */
async function runCounted({ file, args, env }: { file: string; args: string[]; env: NodeJS.ProcessEnv }, name: string, into: Count): Promise<void> {
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  let line = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const lines = (line + text).split('\n');
    line = lines.pop() ?? '';
    for (const each of lines) if (!OWN_LINE.test(each)) console.log(each);
  });
  await new Promise((settled) => child.once('close', settled));
  if (line !== '') console.log(line);
  const counted = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output);
  into.passed += Number(counted?.[1] ?? 0);
  into.failed += counted === null ? 1 : Number(counted[2]);
  into.skipped += Number(counted?.[3] ?? 0);
  into.failures.push(...(counted === null ? [`${name} ended without a count`] : [...output.matchAll(/^failed: (.*)$/gm)].map((match) => match[1] ?? '')));
}

/** Under test/, and read files only. */
const READERS = ['architecture.test.ts', 'docs.test.ts', 'types.test.ts'].map((name) => join(ROOT, 'test', name));
const bootsInstances = (file: string): boolean => relative(ROOT, file).startsWith('test/') && !READERS.includes(file);
if (isIsolated()) for (const each of (await runFiles(named, 1)).values()) addCount(count, each);
else if (named.length > 0) {
  await runUnit(named.filter((file) => !bootsInstances(file)));
  await runIsolated(named.filter(bootsInstances), count);
}
if (all || what.includes('unit')) await runUnit([...testFiles('src', '.test.ts'), ...testFiles('bench', '.test.ts'), ...testFiles('tools', '.test.ts'), ...READERS]);
if (all || what.includes('e2e')) await runIsolated(testFiles('test', '.test.ts').filter(bootsInstances), count);
if (what.includes('torture') && named.length === 0) {
  await runIsolated(testFiles('test/torture', '.test.ts'), count);
  await runCounted({ file: process.execPath, args: ['--disable-warning=ExperimentalWarning', join(ROOT, 'test/guest/run.ts')], env: process.env }, 'test/guest', count);
}

await new Promise((settled) => setTimeout(settled, 50)); // the reporter writes its last lines
for (const each of count.flaky) console.log(`flaky: ${each}`);
for (const failure of count.failures) console.log(`failed: ${failure}`);
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0);
