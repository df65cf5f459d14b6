/**
 * The predictive autoscaler on recorded load: violations, replica-hours and scale changes, for replicas that are ready after 60 s and after 300 s, beside those of other
 * autoscalers as peers; what keeps functions warm, on recorded invocations; and a round of 1,000 scaled objects. The folder with the traces is LLMOS_TRACES, or `shared/traces`
 * beside the project; every `req_*` and `inv_*` in it is taken; without one a sample of our own is; and loads of many shapes, of our own making, always are. LLMOS_DAYS is how much of each is taken (60). Where LLMOS_REPORT names a folder,
 * `scaling-report.md` and its plots are written there.
 */
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { OURS } from '../src/sim/scaling/contenders.ts';
import { SHAPES } from '../src/sim/scaling/shapes.ts';
import type { Run } from '../src/sim/scaling/simulate.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';
import { writeReport, type KeepAliveRow, type ScalingRow } from './support/scaling-report.ts';
import { measureRound } from './support/scaling-round.ts';
import type { RowTask } from './support/scaling-row.ts';

const TRACES = resolve(process.env['LLMOS_TRACES'] ?? join(import.meta.dirname, '../../shared/traces'));
const STARTS = [300, 60];
const MOST_DAYS = Number(process.env['LLMOS_DAYS'] ?? 60);

export async function run(): Promise<BenchResult> {
  const beganMs = performance.now();
  const figures: Record<string, Figure> = await measureRound();
  const peers: Record<string, Record<string, Figure>> = {};
  const loads = [...files('req_', () => false)].flatMap((file) => STARTS.map((startSeconds): RowTask => ({ file, startSeconds, mostDays: MOST_DAYS })));
  const invocations = [...files('inv_', (name) => name.includes('_meta'))].flatMap((file): RowTask[] => (file === undefined ? [] : [{ file, mostDays: MOST_DAYS }]));
  const shapes = Object.keys(SHAPES).flatMap((shape) => STARTS.map((startSeconds): RowTask => ({ file: undefined, shape, startSeconds, mostDays: MOST_DAYS })));
  const done = await inThreads([...invocations, ...loads, ...shapes]);
  const keepAlive = done.slice(0, invocations.length) as KeepAliveRow[];
  const rows = done.slice(invocations.length, invocations.length + loads.length) as ScalingRow[];
  const shaped = done.slice(invocations.length + loads.length) as ScalingRow[];
  for (const row of rows) for (const { contender, run: one, atEqualCost } of row.comparisons) Object.assign(contender === OURS ? figures : (peers[contender] ??= {}), figuresOf(`${shortOf(row)}${row.startSeconds}`, one, atEqualCost));
  for (const row of keepAlive) Object.assign(figures, figuresOfWarm(row));
  for (const startSeconds of STARTS) {
    Object.assign(figures, summary(rows.filter((each) => each.startSeconds === startSeconds), String(startSeconds)));
    Object.assign(figures, summary(shaped.filter((each) => each.startSeconds === startSeconds), `${startSeconds}OfShapes`));
  }
  figures['wholeBench'] = figureOf('s', [(performance.now() - beganMs) / 1_000]);
  if (process.env['LLMOS_REPORT'] !== undefined) writeReport(resolve(process.env['LLMOS_REPORT']), { rows, shaped, keepAlive, figures, mostDays: MOST_DAYS });
  return resultOf('scaling', figures, peers);
}

/** In the order of the tasks; as many at once as there are processors. */
async function inThreads(tasks: readonly RowTask[]): Promise<(ScalingRow | KeepAliveRow)[]> {
  const done: (ScalingRow | KeepAliveRow)[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), tasks.length) }, async () => {
    const worker = new Worker(new URL('./support/scaling-row.ts', import.meta.url));
    try {
      for (let index = next++; index < tasks.length; index = next++) {
        done[index] = await new Promise((resolveRow, reject) => {
          worker.removeAllListeners().once('message', resolveRow).once('error', reject);
          worker.postMessage(tasks[index]);
        });
      }
    } finally {
      await worker.terminate();
    }
  }));
  return done;
}

/** Undefined stands for a sample of our own, where nothing is recorded. */
function* files(prefix: string, isLeftOut: (name: string) => boolean | undefined): Generator<string | undefined> {
  const found = existsSync(TRACES) ? readdirSync(TRACES).filter((name) => name.startsWith(prefix) && !isLeftOut(name)) : [];
  if (found.length === 0) {
    console.error(`no ${prefix}* is in ${TRACES}: set LLMOS_TRACES to its folder`);
    if (prefix === 'req_') yield undefined;
  }
  for (const file of found) yield join(TRACES, file);
}

function figuresOfWarm({ name, comparisons }: KeepAliveRow): Record<string, Figure> {
  const of = (policy: string): KeepAliveRow['comparisons'][number]['run'] => comparisons.find((each) => each.policy === policy)!.run;
  const [ours, fixed] = [of('learned'), of('fixed-10')];
  return {
    [`${shortOf({ name })}ColdStarts`]: figureOf('starts', [ours.coldStarts]), [`${shortOf({ name })}ColdStartsOfFixed10`]: figureOf('times', [ours.coldStarts / fixed.coldStarts]),
    [`${shortOf({ name })}IdleOfFixed10`]: figureOf('times', [ours.idleMinutes / fixed.idleMinutes]), [`${shortOf({ name })}ColdRate75`]: figureOf('percent', [100 * ours.rate75]),
  };
}

function summary(rows: readonly ScalingRow[], of: string): Record<string, Figure> {
  const mean = (valueOf: (row: ScalingRow) => number): Figure => figureOf('times (geometric mean)', [Math.exp(rows.reduce((sum, each) => sum + Math.log(Math.max(1e-9, valueOf(each))), 0) / rows.length)]);
  return {
    [`atEqualCost${of}`]: mean(({ atEqualCost }) => atEqualCost),
    [`costOfHpa60At${of}`]: mean(({ ours, careful }) => ours.cost / careful.cost),
    [`changesOfHpa70At${of}`]: mean(({ ours, usual }) => ours.changesPerDay / usual.changesPerDay),
  };
}

/** For instance nasaHttp199507. */
function shortOf({ name }: { name: string }): string {
  return name.replace(/_\d+min$/, '').replace(/[^a-z0-9]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}

function figuresOf(name: string, { violated, cost, changesPerDay }: Run, atEqualCost: number): Record<string, Figure> {
  const figure = (unit: string, value: number): Figure => figureOf(unit, [value]);
  return {
    [`${name}Violations`]: figure('percent', 100 * violated), [`${name}Cost`]: figure('times', cost),
    [`${name}ChangesPerDay`]: figure('changes', changesPerDay), [`${name}AtEqualCost`]: figure('times', atEqualCost),
  };
}
