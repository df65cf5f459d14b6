/** What came of a comparison: a table for the terminal, and a page with plots. */
import type { Comparison } from './compare.ts';
import type { Run, Sample } from './simulate.ts';

export const COLUMNS = ['POLICY', 'SLOWDOWN', 'MEAN WAIT', 'P99 WAIT', 'LONGEST', 'COMPLETION', 'UTILISATION', 'FAIRNESS', 'STOPS', 'LOST', 'DECISIONS/S'] as const;

export function rowOf({ contender, measures: m }: Comparison): string[] {
  return [
    contender, m.boundedSlowdown.toFixed(2), seconds(m.meanWaitSeconds), seconds(m.p99WaitSeconds), seconds(m.longestWaitSeconds), seconds(m.meanCompletionSeconds),
    `${(100 * m.utilisation).toFixed(1)} %`, m.fairness.toFixed(2), String(m.stops), `${(100 * m.lostPart).toFixed(2)} %`, Math.round(m.decisionsPerSecond).toString(),
  ];
}

/** A page that stands alone. */
export function renderReport(title: string, comparisons: readonly Comparison[]): string {
  const rows = comparisons.map((each) => `<tr>${rowOf(each).map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<style>body{font:14px system-ui;margin:2em;max-width:70em}td,th{padding:.2em .8em;text-align:right}td:first-child,th:first-child{text-align:left}svg{display:block;margin:.5em 0 1.5em}</style>
<h1>${escape(title)}</h1><table><tr>${COLUMNS.map((column) => `<th>${column}</th>`).join('')}</tr>${rows.join('')}</table>
<p>Slowdown: the mean of max(1, (wait + run) / max(run, 10 s)). Fairness: Jain's index over tenants. Lost: work of jobs that were stopped and began anew.</p>
${comparisons.map(({ contender, run }) => `<h2>${escape(contender)}</h2>${plots(run)}`).join('\n')}</html>\n`;
}

function plots({ samples, outcomes }: Run): string {
  return [
    plot('jobs that wait', samples, (sample) => sample.pending),
    plot('utilisation, percent', samples, (sample) => 100 * sample.utilisation),
    tenantPlot(outcomes),
  ].join('\n');
}

function plot(caption: string, samples: readonly Sample[], valueOf: (sample: Sample) => number): string {
  const [width, height] = [900, 120];
  const [first, last] = [samples[0]?.at ?? 0, samples.at(-1)?.at ?? 1];
  const most = samples.reduce((greatest, sample) => Math.max(greatest, valueOf(sample)), 1e-9);
  const points = samples.map((sample) => `${((width * (sample.at - first)) / Math.max(1, last - first)).toFixed(1)},${(height * (1 - valueOf(sample) / most)).toFixed(1)}`);
  return `<figure><figcaption>${caption}, up to ${Math.round(most)}, over ${((last - first) / 86_400).toFixed(1)} days</figcaption>
<svg width="${width}" height="${height}" role="img"><rect width="${width}" height="${height}" fill="#f4f4f4"/><polyline fill="none" stroke="#2563eb" points="${points.join(' ')}"/></svg></figure>`;
}

interface TenantWaits { tenant: string; jobs: number; median: number; p99: number }

/** The waits of the twelve tenants with the most jobs. */
function waitsOf(outcomes: Run['outcomes']): TenantWaits[] {
  const byTenant = Map.groupBy(outcomes, ({ job }) => job.tenant);
  return [...byTenant].sort(([, left], [, right]) => right.length - left.length).slice(0, 12).map(([tenant, own]) => {
    const waits = own.map(({ job, finishedAt }) => finishedAt - job.submittedAt - job.runSeconds).sort((left, right) => left - right);
    return { tenant, jobs: own.length, median: waits[Math.floor(waits.length / 2)]!, p99: waits[Math.floor(0.99 * waits.length)]! };
  });
}

/** Bars on a logarithmic scale: up to the median dark, up to the 99th percentile pale. */
function tenantPlot(outcomes: Run['outcomes']): string {
  const tenants = waitsOf(outcomes);
  const [width, row, left] = [900, 18, 160];
  const most = Math.log10(1 + Math.max(10, ...tenants.map(({ p99 }) => p99)));
  const length = (value: number): string => (((width - left - 240) * Math.log10(1 + Math.max(0, value))) / most).toFixed(1);
  const bars = tenants.map(({ tenant, jobs, median, p99 }, index) => `<text x="0" y="${index * row + 13}">${escape((tenant || '(all)').slice(0, 20))}</text>
<rect x="${left}" y="${index * row + 3}" width="${length(p99)}" height="${row - 6}" fill="#bfdbfe"/><rect x="${left}" y="${index * row + 3}" width="${length(median)}" height="${row - 6}" fill="#2563eb"/>
<text x="${width}" y="${index * row + 13}" text-anchor="end">${jobs} jobs, ${seconds(median)}, ${seconds(p99)}</text>`);
  return `<figure><figcaption>waits by tenant: jobs, median (dark), 99 % (pale), on a logarithmic scale</figcaption>
<svg width="${width}" height="${tenants.length * row + 6}" role="img" font-size="11">${bars.join('')}</svg></figure>`;
}

function seconds(value: number): string {
  return `${Math.round(value).toLocaleString('en')} s`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
