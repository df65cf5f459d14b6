/** What came of a comparison: a table for the terminal, and a page with plots. */
import type { Comparison } from './compare.ts';
import { FRONTIER } from './compare.ts';
import { exactNeed, type Run } from './simulate.ts';
import type { LoadTrace } from './trace.ts';

export const COLUMNS = ['POLICY', 'VIOLATIONS', 'COST', 'CHANGES/DAY', 'DECISION'] as const;

export function rowOf({ contender, run }: Comparison): string[] {
  return [contender, `${(100 * run.violated).toFixed(2)} %`, run.cost.toFixed(3), run.changesPerDay.toFixed(0), `${run.meanDecisionMicros.toFixed(1)} us`];
}

/** A page that stands alone. */
export function renderReport(title: string, trace: LoadTrace, comparisons: readonly Comparison[]): string {
  const rows = comparisons.map((each) => `<tr>${rowOf(each).map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<style>body{font:14px system-ui;margin:2em;max-width:70em}td,th{padding:.2em .8em;text-align:right}td:first-child,th:first-child{text-align:left}svg{display:block;margin:.5em 0 1.5em}</style>
<h1>${escape(title)}</h1><table><tr>${COLUMNS.map((column) => `<th>${column}</th>`).join('')}</tr>${rows.join('')}</table>
<p>Violations: the part of the time in which the ready replicas were busier than 80 %. Cost: replica-hours over those of an oracle that has just what is needed at every moment.</p>
${renderFrontier(comparisons)}
${comparisons.filter(({ run }) => run.replicas !== undefined).map(({ contender, run }) => `<h2>${escape(contender)}</h2>${renderDays(trace, run)}`).join('\n')}</html>\n`;
}

const [WIDTH, HEIGHT] = [900, 260];

/** Violations over cost of every policy, as SVG: the line are HorizontalPodAutoscalers, down and left is better. */
function renderFrontier(comparisons: readonly Comparison[]): string {
  const shown = comparisons.map(({ contender, run }) => ({ contender, cost: run.cost, violated: Math.max(1e-4, run.violated) }));
  const costs = shown.map(({ cost }) => cost);
  const [least, most] = [Math.min(...costs) - 0.02, Math.max(...costs) + 0.02];
  const [low, high] = [Math.log(5e-5), Math.log(Math.max(0.1, ...shown.map(({ violated }) => violated)) * 1.3)];
  const x = (cost: number): string => (40 + ((WIDTH - 140) * (cost - least)) / (most - least)).toFixed(1);
  const y = (violated: number): string => (HEIGHT - 30 - ((HEIGHT - 45) * (Math.log(violated) - low)) / (high - low)).toFixed(1);
  const line = shown.filter(({ contender }) => (FRONTIER as readonly string[]).includes(contender)).toSorted((one, other) => one.cost - other.cost).map(({ cost, violated }) => `${x(cost)},${y(violated)}`);
  const ticks = [1e-4, 1e-3, 1e-2, 1e-1].filter((each) => Math.log(each) < high).map((each) => `<line x1="40" x2="${WIDTH - 100}" y1="${y(each)}" y2="${y(each)}" stroke="#ddd"/><text x="2" y="${y(each)}" font-size="10">${100 * each} %</text>`);
  const marks = shown.map(({ contender, cost, violated }) => `<circle cx="${x(cost)}" cy="${y(violated)}" r="4" fill="${colourOf(contender)}"/><text x="${Number(x(cost)) + 6}" y="${Number(y(violated)) + 3}" font-size="10">${escape(contender)}</text>`);
  const costTicks = Array.from({ length: 6 }, (_, index) => least + ((most - least) * index) / 5).map((cost) => `<text x="${x(cost)}" y="${HEIGHT - 6}" font-size="10">${cost.toFixed(2)}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui"><rect width="${WIDTH}" height="${HEIGHT}" fill="#fafafa"/>${ticks.join('')}${costTicks.join('')}<polyline fill="none" stroke="#94a3b8" points="${line.join(' ')}"/>${marks.join('')}</svg>`;
}

function colourOf(contender: string): string {
  if (contender.startsWith('predictive')) return '#dc2626';
  return contender === 'foresight' ? '#16a34a' : contender.startsWith('hpa') ? '#64748b' : '#2563eb';
}

const SHOWN_DAYS = 3;

/** The last days: what is needed, and what is there. */
function renderDays({ load }: LoadTrace, { ready, days }: Run): string {
  const from = Math.max(0, Math.floor(load.length * (1 - SHOWN_DAYS / days)));
  const stride = Math.max(1, Math.floor((load.length - from) / 1_500));
  const steps = Array.from({ length: Math.floor((load.length - from) / stride) }, (_, index) => from + index * stride);
  const most = steps.reduce((sum, step) => Math.max(sum, exactNeed(load[step]!), ready![step]!), 1);
  const line = (valueOf: (step: number) => number, colour: string): string =>
    `<polyline fill="none" stroke="${colour}" points="${steps.map((step, index) => `${((WIDTH * index) / steps.length).toFixed(1)},${(160 * (1 - valueOf(step) / most)).toFixed(1)}`).join(' ')}"/>`;
  return `<figure><figcaption>needed (grey) and ready (red) replicas, up to ${most}, last ${SHOWN_DAYS} days</figcaption><svg width="${WIDTH}" height="160" role="img"><rect width="${WIDTH}" height="160" fill="#f4f4f4"/>${line((step) => exactNeed(load[step]!), '#64748b')}${line((step) => ready![step]!, '#dc2626')}</svg></figure>`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
