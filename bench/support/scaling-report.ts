/** The report of bench:scaling: one page with tables, and its plots. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { learnedWhere, type KeepAliveComparison } from '../../src/sim/keep-alive/compare.ts';
import type { Comparison } from '../../src/sim/scaling/compare.ts';
import { daysPanel, frontierPanel, renderPanels } from '../../src/sim/scaling/plot.ts';
import type { Run } from '../../src/sim/scaling/simulate.ts';
import type { Figure } from '../result.ts';

export interface ScalingRow {
  readonly name: string;
  readonly startSeconds: number;
  readonly comparisons: readonly (Comparison & { readonly atEqualCost: number })[];
  /** The last days of the load, and of the runs that are drawn: ours and that of an HPA at 70 %. */
  readonly trace: { load: Float64Array; runs: readonly Run[] };
  readonly ours: Run;
  readonly usual: Run;
  readonly careful: Run;
  readonly foresight: Run;
  /** Violations over those of an HPA of the same cost. */
  readonly atEqualCost: number;
}

export interface KeepAliveRow {
  readonly name: string;
  readonly units: number;
  readonly comparisons: readonly KeepAliveComparison[];
}

export interface ReportFacts {
  readonly rows: readonly ScalingRow[];
  /** Of loads of our own making. */
  readonly shaped: readonly ScalingRow[];
  readonly keepAlive: readonly KeepAliveRow[];
  readonly figures: Readonly<Record<string, Figure>>;
  readonly mostDays: number;
}

export function writeReport(folder: string, { rows, shaped, keepAlive, figures, mostDays }: ReportFacts): void {
  mkdirSync(join(folder, 'scaling'), { recursive: true });
  const starts = [...new Set(rows.map(({ startSeconds }) => startSeconds))];
  const sections = starts.map((start) => {
    const of = rows.filter(({ startSeconds }) => startSeconds === start);
    writeFileSync(join(folder, `scaling/frontier-${start}.svg`), renderPanels(`Violations over cost; replicas are ready after ${start} s`, of.map(({ name, comparisons }) => ({ title: name, body: frontierPanel(comparisons) }))));
    writeFileSync(join(folder, `scaling/days-${start}.svg`), renderPanels(`The last two days: needed (black), predictive (red), HPA at 70 % (grey); ready after ${start} s`, of.map(({ name, trace }) => ({
      title: name, body: daysPanel({ name, startMs: 0, load: trace.load }, trace.runs.map((run, index) => ({ run, colour: ['#dc2626', '#94a3b8'][index]! })).toReversed()),
    }))));
    return section(start, of, figures);
  });
  writeFileSync(join(folder, 'scaling-report.md'), `# Scaling on recorded load: a report

Written by \`npm run bench:scaling\`; see [scaling](scaling.md) for what is simulated and what the words mean. At most the first ${mostDays} days of each load.
*At equal cost*: violations over those of a HorizontalPodAutoscaler of the same cost, interpolated between its targets (0.01 % counts as none).

${sections.join('\n')}
## Loads of many shapes

Of our own making (\`src/sim/scaling/shapes.ts\`), with seeds that were chosen before anybody looked.

${starts.map((start) => `### Ready after ${start} s

${tableOf(shaped.filter(({ startSeconds }) => startSeconds === start))}

${meansOf(`${start}OfShapes`, figures)}
`).join('\n')}
## Functions that are kept warm

${keepAlive.map(warmed).join('\n')}
## A round of 1,000 scaled objects

On one thread: ${number(figures['roundOf1000'], 0)} ms of cpu (the slowest of ${figures['roundOf1000']?.n ?? 0} rounds: ${(figures['roundOf1000']?.max ?? 0).toFixed(0)} ms); ${number(figures['memoryOfObject'], 1)} KiB of memory each, ${number(figures['memoryOfGrownObject'], 1)} KiB with the trees and the history of a day and a half.
`);
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** A line a load. */
function tableOf(rows: readonly ScalingRow[]): string {
  const over = (one: number, other: number): string => (other < 1e-9 ? (one < 1e-9 ? '1' : '-') : (one / other).toFixed(2));
  const lines = rows.map(({ name, ours, usual, careful, foresight, atEqualCost }) => `| ${[
    name, percent(ours.violated), ours.cost.toFixed(3), atEqualCost.toFixed(2), `${percent(careful.violated)}, ${(ours.cost / careful.cost).toFixed(3)}`,
    `${over(ours.violated, usual.violated)}, ${(ours.cost / usual.cost).toFixed(3)}`, (ours.cost / foresight.cost).toFixed(2), over(ours.changesPerDay, usual.changesPerDay), `${ours.meanDecisionMicros.toFixed(0)} us`,
  ].join(' | ')} |`);
  return `| load | violations | cost | at equal cost | violations of HPA 60, cost over its | violations, cost over HPA 70 | cost over foresight | changes over HPA 70 | a decision |
|---|---|---|---|---|---|---|---|---|
${lines.join('\n')}`;
}

function meansOf(of: string, figures: Readonly<Record<string, Figure>>): string {
  return `Geometric means: violations at equal cost ${number(figures[`atEqualCost${of}`], 2)}; cost over HPA 60's ${number(figures[`costOfHpa60At${of}`], 3)}; changes over HPA 70's ${number(figures[`changesOfHpa70At${of}`], 2)}.`;
}

function section(start: number, rows: readonly ScalingRow[], figures: Readonly<Record<string, Figure>>): string {
  const others = rows[0]!.comparisons.map(({ contender }) => contender);
  const table = others.map((name) => `| ${name} | ${rows.map(({ comparisons }) => comparisons.find(({ contender }) => contender === name)!.run).map((run) => `${percent(run.violated)} / ${run.cost.toFixed(2)} / ${run.changesPerDay.toFixed(0)}`).join(' | ')} |`);
  return `## Ready after ${start} s

${tableOf(rows)}

${meansOf(String(start), figures)}

![violations over cost](scaling/frontier-${start}.svg)

![the last two days](scaling/days-${start}.svg)

Violations / cost / changes a day of each policy:

| | ${rows.map(({ name }) => name).join(' | ')} |
|---|${rows.map(() => '---|').join('')}
${table.join('\n')}
`;
}

function warmed({ name, units, comparisons }: KeepAliveRow): string {
  const of = (policy: string): KeepAliveComparison['run'] => comparisons.find((each) => each.policy === policy)!.run;
  const [ten, hybrid] = [of('fixed-10'), of('hybrid-histogram')];
  const cold = learnedWhere(comparisons, 'idleMinutes', ten.idleMinutes, 'coldStarts');
  const memory = learnedWhere(comparisons, 'coldStarts', hybrid.coldStarts, 'idleMemoryMiBMinutes');
  const lines = comparisons.map(({ policy, run }) => `| ${policy} | ${run.coldStarts} | ${(100 * run.rate75).toFixed(1)} % | ${run.idleMinutes} | ${(run.idleMemoryMiBMinutes / 1_024).toFixed(0)} |`);
  return `### ${name}: ${units} units

At the idle-warm time of a fixed keep-alive of ten minutes: ${cold === undefined ? 'not reached' : `${(100 * (1 - cold / ten.coldStarts)).toFixed(0)} % fewer cold starts`}. At the cold starts of the hybrid histogram: ${memory === undefined ? 'not reached' : `${(100 * (1 - memory / hybrid.idleMemoryMiBMinutes)).toFixed(0)} % less idle-warm memory`}.

| policy | cold starts | three of four units at most | idle-warm minutes | GiB-minutes |
|---|---|---|---|---|
${lines.join('\n')}
`;
}

function number(figure: Figure | undefined, digits: number): string {
  return figure === undefined ? '-' : figure.median.toFixed(digits);
}
