/**
 * The predictive autoscaler on recorded load: violations, replica-hours and scale changes, for replicas that are ready after 60 s and after 300 s, beside those of other
 * autoscalers as peers. The folder with the traces is LLMOS_TRACES, or `shared/traces` beside the project; every `req_*` in it is taken; without one a sample of our own is.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compare, FRONTIER, LEAST_SHARE, violatedAtCost, type Comparison } from '../src/sim/scaling/compare.ts';
import { contenders, OURS } from '../src/sim/scaling/contenders.ts';
import { sampleLoad } from '../src/sim/scaling/sample.ts';
import type { Run } from '../src/sim/scaling/simulate.ts';
import { readLoadTrace, type LoadTrace } from '../src/sim/scaling/trace.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const TRACES = resolve(process.env['LLMOS_TRACES'] ?? join(import.meta.dirname, '../../shared/traces'));
const STARTS = [60, 300];

export function run(): Promise<BenchResult> {
  const figures: Record<string, Figure> = {};
  const peers: Record<string, Record<string, Figure>> = {};
  for (const startSeconds of STARTS) {
    const atEqualCost: number[] = [];
    for (const trace of loads()) {
      const comparisons = compare(trace, Object.keys(contenders()), { startSeconds });
      const frontier = comparisons.filter(({ contender }) => (FRONTIER as readonly string[]).includes(contender)).map((each) => each.run);
      for (const comparison of comparisons) {
        const { contender } = comparison;
        const own = figuresOf(`${shortOf(trace)}${startSeconds}`, comparison, frontier);
        console.error(`${trace.name}, ${startSeconds} s, ${contender}: ${(100 * comparison.run.violated).toFixed(2)} %, ${comparison.run.cost.toFixed(3)}, ${comparison.run.changesPerDay.toFixed(0)} changes a day`);
        if (contender === OURS) {
          Object.assign(figures, own);
          atEqualCost.push(relativeTo(frontier, comparison.run));
        } else Object.assign((peers[contender] ??= {}), own);
      }
    }
    figures[`atEqualCost${startSeconds}`] = figureOf('times (geometric mean)', [Math.exp(atEqualCost.reduce((sum, each) => sum + Math.log(each), 0) / atEqualCost.length)]);
  }
  return Promise.resolve(resultOf('scaling', figures, peers));
}

/** One after the other, since each is many megabytes. */
function* loads(): Generator<LoadTrace> {
  const files = existsSync(TRACES) ? readdirSync(TRACES).filter((name) => name.startsWith('req_')) : [];
  if (files.length === 0) {
    console.error(`no recorded load is in ${TRACES}: set LLMOS_TRACES to its folder`);
    yield sampleLoad();
  }
  for (const file of files) yield readLoadTrace(join(TRACES, file));
}

/** For instance nasaHttp199507. */
function shortOf({ name }: LoadTrace): string {
  return name.replace(/_\d+min$/, '').replace(/[^a-z0-9]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}

function relativeTo(frontier: readonly Run[], { violated, cost }: Run): number {
  return Math.max(LEAST_SHARE, violated) / Math.max(LEAST_SHARE, violatedAtCost(frontier, cost));
}

function figuresOf(name: string, { run: one }: Comparison, frontier: readonly Run[]): Record<string, Figure> {
  const figure = (unit: string, value: number): Figure => figureOf(unit, [value]);
  return {
    [`${name}Violations`]: figure('percent', 100 * one.violated),
    [`${name}Cost`]: figure('times', one.cost),
    [`${name}ChangesPerDay`]: figure('changes', one.changesPerDay),
    [`${name}AtEqualCost`]: figure('times', relativeTo(frontier, one)),
  };
}
