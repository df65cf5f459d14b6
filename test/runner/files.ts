/** Runs files of tests: those beside the code in processes of their own, those that boot instances in network namespaces of their own, too. */
import { spawn } from 'node:child_process';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { isolatedCommand } from '../fixtures/isolation.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { addCount, countOf, isOfCount, newCount, type Count } from './count.ts';
import { ending } from './ending.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const TRIES = Number(process.env['LLMOS_TEST_TRIES'] ?? 1);
/** More that fail are no accident. */
const MOST_FLAKY_FILES = 3;
/** What the runner cannot lay to one of the files: such failures are not tried again. */
const ELSEWHERE = '';

export interface Command { file: string; args: string[]; env: NodeJS.ProcessEnv }

/** Files in processes of their own, so many at a time; gives what became of each. */
export async function runFiles(files: readonly string[], concurrency: number): Promise<Map<string, Count>> {
  const elsewhere = newCount();
  const counts = new Map([...files, ELSEWHERE].map((file) => [file, file === ELSEWHERE ? elsewhere : newCount()]));
  if (files.length === 0) return counts;
  const of = (file = ELSEWHERE): Count => counts.get(file) ?? elsewhere;
  const timeout = (process.env['LLMOS_TORTURE'] === '1' ? 120 : 10) * 60_000 * PATIENCE;
  const stream = run({ files: [...files], concurrency, timeout, signal: ending });
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

/** The files beside the code. */
export async function runUnit(files: readonly string[], concurrency: number): Promise<Count> {
  return countTried(await runFiles(files, concurrency), async (file) => {
    const again = newCount();
    for (const one of (await runFiles([file], 1)).values()) addCount(again, one);
    return again;
  });
}

/** Files that boot instances, so many at a time; the output of each is shown in one piece. */
export async function runIsolated(files: readonly string[], concurrency: number): Promise<Count> {
  const runOne = (file: string): Promise<Count> => runCounted(isolatedCommand([join(ROOT, 'test/run.ts'), file]), { name: relative(ROOT, file), showAtEnd: concurrency > 1 });
  const tried = new Map<string, Count>();
  const waiting = [...files];
  const next = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && !ending.aborted; file = waiting.shift()) tried.set(file, await runOne(file));
  };
  await Promise.all(Array.from({ length: concurrency }, next));
  return countTried(tried, runOne);
}

/** Counts what became of files, and runs those that failed again, one by one, where they may be. */
async function countTried(tried: ReadonlyMap<string, Count>, runOne: (file: string) => Promise<Count>): Promise<Count> {
  const into = newCount();
  const failed = [...tried.values()].filter((one) => one.failed > 0).length;
  for (const [file, one] of tried) {
    const last = one.failed > 0 && file !== ELSEWHERE && TRIES > 1 && !ending.aborted && failed <= MOST_FLAKY_FILES ? await runOne(file) : one;
    if (last.failed === 0) into.flaky.push(...one.failures);
    addCount(into, last);
  }
  return into;
}

/** A command that ends with lines such as ours: they are counted, the others shown, as they come or in one piece. */
export async function runCounted({ file, args, env }: Command, { name, showAtEnd = false }: { name: string; showAtEnd?: boolean }): Promise<Count> {
  const fromMs = performance.now();
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const shown: string[] = [];
  const show = (line: string): void => void (showAtEnd ? shown.push(line) : console.log(line));
  let output = '';
  const lines = (text: string, rest: string): string => {
    const all = (rest + text).split('\n');
    const last = all.pop() ?? '';
    for (const each of all) if (!isOfCount(each)) show(each);
    return last;
  };
  let [rest, restOfErrors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text; rest = lines(text, rest); });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { restOfErrors = lines(text, restOfErrors); });
  await new Promise((settled) => child.once('close', settled));
  for (const each of [rest, restOfErrors]) if (each !== '') show(each);
  show(`${name}: ${((performance.now() - fromMs) / 1_000).toFixed(1)} s`);
  for (const each of shown) console.log(each);
  return countOf(output, name);
}
