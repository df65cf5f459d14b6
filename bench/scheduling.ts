/**
 * The policies of the queue on recorded workloads: slowdowns, waits, completions, fairness and decisions a second, beside those of the usual ways of batch
 * systems as peers. The folder with the traces is LLMOS_TRACES, or `shared/traces` beside the project; without one a sample of our own is taken.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CONTENDERS } from '../src/sim/scheduling/baselines.ts';
import { compare, type Comparison } from '../src/sim/scheduling/compare.ts';
import { sampleTrace } from '../src/sim/scheduling/sample.ts';
import { readJobTrace, type JobTrace } from '../src/sim/scheduling/trace.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const TRACES = resolve(process.env['LLMOS_TRACES'] ?? join(import.meta.dirname, '../../shared/traces'));
const WORKLOADS: readonly { figure: string; file: string; capacity: number }[] = [
  { figure: 'metacentrum', file: 'jobs_metacentrum_wagap_2013.csv.gz', capacity: 1_664 },
  { figure: 'philly', file: 'jobs_msr_philly_2017_gpu.csv.gz', capacity: 512 },
  { figure: 'lcg', file: 'jobs_lcg_grid_2005.csv.gz', capacity: 2_048 },
];
const OURS = 'ShortestJobFirst';

export function run(): Promise<BenchResult> {
  const figures: Record<string, Figure> = {};
  const peers: Record<string, Record<string, Figure>> = {};
  for (const { figure, trace, capacity } of workloads()) {
    for (const comparison of compare(trace, capacity, Object.keys(CONTENDERS))) {
      const { contender } = comparison;
      console.error(`${figure} ${contender}: slowdown ${comparison.measures.boundedSlowdown.toFixed(2)}`);
      if (contender === OURS) Object.assign(figures, figuresOf(figure, comparison));
      else Object.assign((peers[contender] ??= {}), figuresOf(figure, comparison));
    }
  }
  return Promise.resolve(resultOf('scheduling', figures, peers));
}

function workloads(): { figure: string; trace: JobTrace; capacity: number }[] {
  const present = WORKLOADS.filter(({ file }) => existsSync(join(TRACES, file)));
  if (present.length < WORKLOADS.length) console.error(`not all recorded workloads are in ${TRACES}: set LLMOS_TRACES to their folder`);
  if (present.length === 0) return [{ figure: 'sample', trace: sampleTrace(), capacity: 235 }];
  return present.map(({ figure, file, capacity }) => ({ figure, trace: readJobTrace(join(TRACES, file)), capacity }));
}

function figuresOf(name: string, { measures: m }: Comparison): Record<string, Figure> {
  const figure = (unit: string, value: number): Figure => figureOf(unit, [value]);
  return {
    [`${name}Slowdown`]: figure('times', m.boundedSlowdown),
    [`${name}P99Wait`]: figure('s', m.p99WaitSeconds),
    [`${name}LongestWait`]: figure('s', m.longestWaitSeconds),
    [`${name}Completion`]: figure('s', m.meanCompletionSeconds),
    [`${name}Fairness`]: figure('index', m.fairness),
    [`${name}Decisions`]: figure('decisions/s', m.decisionsPerSecond),
  };
}
