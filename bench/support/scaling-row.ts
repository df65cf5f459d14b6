/** One recorded load, or recorded invocations, under all policies: what a thread of bench:scaling does. */
import { basename } from 'node:path';
import { isMainThread, parentPort } from 'node:worker_threads';
import { compareKeepAlive, KEEP_ALIVE_POLICIES } from '../../src/sim/keep-alive/compare.ts';
import { readInvocations } from '../../src/sim/keep-alive/trace.ts';
import { compare, FRONTIER, LEAST_SHARE, violatedAtCost } from '../../src/sim/scaling/compare.ts';
import { contenders, OURS } from '../../src/sim/scaling/contenders.ts';
import { sampleLoad } from '../../src/sim/scaling/sample.ts';
import { shapedLoad } from '../../src/sim/scaling/shapes.ts';
import type { Run } from '../../src/sim/scaling/simulate.ts';
import { readLoadTrace } from '../../src/sim/scaling/trace.ts';
import type { KeepAliveRow, ScalingRow } from './scaling-report.ts';

export interface RowTask {
  /** A load of our own making, in place of a file. */
  readonly shape?: string;
  /** Undefined stands for a sample of our own. */
  readonly file: string | undefined;
  /** Undefined for invocations. */
  readonly startSeconds?: number;
  readonly mostDays: number;
}

/** Whose replicas are drawn. */
const DRAWN = [OURS, 'hpa-70'];
const DRAWN_STEPS = 2 * 5_760;
const MOST_SHAPE_DAYS = 14;

function scalingRow({ file, shape, mostDays }: RowTask, startSeconds: number): ScalingRow {
  const trace = shape !== undefined ? shapedLoad(shape, { half: 1, days: Math.min(MOST_SHAPE_DAYS, mostDays) }) : file === undefined ? sampleLoad() : readLoadTrace(file, { mostDays });
  const from = Math.max(0, trace.load.length - DRAWN_STEPS);
  const drawn: Run[] = [];
  const comparisons = Object.keys(contenders()).map((contender) => {
    const { run } = compare(trace, [contender], { startSeconds, keep: DRAWN.includes(contender) })[0]!;
    if (DRAWN.includes(contender)) drawn[DRAWN.indexOf(contender)] = { ...run, days: (trace.load.length - from) / 5_760, replicas: run.replicas!.slice(from), ready: undefined };
    return { contender, run: { ...run, replicas: undefined, ready: undefined } };
  });
  const of = (name: string): Run => comparisons.find(({ contender }) => contender === name)!.run;
  const [ours, usual, careful, foresight] = [of(OURS), of('hpa-70'), of('hpa-60'), of('foresight')];
  const frontier = FRONTIER.map(of);
  console.error(`${trace.name}, ${startSeconds} s: ${(100 * ours.violated).toFixed(2)} % at ${ours.cost.toFixed(3)}; hpa-70 ${(100 * usual.violated).toFixed(2)} % at ${usual.cost.toFixed(3)}, hpa-60 ${(100 * careful.violated).toFixed(2)} % at ${careful.cost.toFixed(3)}`);
  return {
    name: trace.name, startSeconds, ours, usual, careful, foresight, trace: { load: trace.load.slice(from), runs: drawn },
    comparisons: comparisons.map((each) => ({ ...each, atEqualCost: relativeTo(frontier, each.run) })), atEqualCost: relativeTo(frontier, ours),
  };
}

function relativeTo(frontier: readonly Run[], { violated, cost }: Run): number {
  return Math.max(LEAST_SHARE, violated) / Math.max(LEAST_SHARE, violatedAtCost(frontier, cost));
}

function keepAliveRow(file: string): KeepAliveRow {
  const trace = readInvocations(file);
  const comparisons = compareKeepAlive(trace, Object.keys(KEEP_ALIVE_POLICIES));
  console.error(`${basename(file)}: ${comparisons.map(({ policy, run }) => `${policy} ${run.coldStarts}`).join(', ')} cold starts`);
  return { name: trace.name, units: trace.units.length, comparisons };
}

if (!isMainThread) {
  parentPort!.on('message', (task: RowTask) => {
    parentPort!.postMessage(task.startSeconds === undefined ? keepAliveRow(task.file!) : scalingRow(task, task.startSeconds));
  });
}
