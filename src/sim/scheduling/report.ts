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
    tenantTable(outcomes),
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

/** The waits of the ten tenants with the most jobs. */
function tenantTable(outcomes: Run['outcomes']): string {
  const byTenant = Map.groupBy(outcomes, ({ job }) => job.tenant);
  const rows = [...byTenant].sort(([, left], [, right]) => right.length - left.length).slice(0, 10).map(([tenant, own]) => {
    const waits = own.map(({ job, finishedAt }) => finishedAt - job.submittedAt - job.runSeconds).sort((left, right) => left - right);
    const cells = [tenant, String(own.length), seconds(waits[Math.floor(waits.length / 2)]!), seconds(waits[Math.floor(0.99 * waits.length)]!)];
    return `<tr>${cells.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`;
  });
  return `<table><tr><th>TENANT</th><th>JOBS</th><th>MEDIAN WAIT</th><th>P99 WAIT</th></tr>${rows.join('')}</table>`;
}

function seconds(value: number): string {
  return `${Math.round(value).toLocaleString('en')} s`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
