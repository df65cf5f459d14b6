/** Small plots that stand alone, as SVG: many loads side by side, for the report. */
import { FRONTIER, LEAST_SHARE, type Comparison } from './compare.ts';
import { exactNeed, type Run } from './simulate.ts';
import type { LoadTrace } from './trace.ts';

export interface Panel {
  readonly title: string;
  /** SVG of PANEL_WIDTH times PANEL_HEIGHT. */
  readonly body: string;
}

export const [PANEL_WIDTH, PANEL_HEIGHT] = [420, 190];
const COLUMNS = 2;
const [LEFT, RIGHT, TOP, BOTTOM] = [42, 70, 8, 22];
const HEAD = 30;

export function renderPanels(title: string, panels: readonly Panel[]): string {
  const rows = Math.ceil(panels.length / COLUMNS);
  const [width, height] = [COLUMNS * (PANEL_WIDTH + 16), HEAD + rows * (PANEL_HEIGHT + 26)];
  const placed = panels.map(({ title: name, body }, index) =>
    `<g transform="translate(${(index % COLUMNS) * (PANEL_WIDTH + 16) + 8} ${HEAD + Math.floor(index / COLUMNS) * (PANEL_HEIGHT + 26)})"><text y="10" font-weight="600">${escape(name)}</text><g transform="translate(0 16)">${body}</g></g>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui" font-size="10" role="img"><title>${escape(title)}</title>
<rect width="${width}" height="${height}" fill="#fff"/><text x="8" y="18" font-size="13">${escape(title)}</text>
${placed.join('\n')}
</svg>
`;
}

/** Violations (a logarithm) over cost: the line are HorizontalPodAutoscalers of several targets; down and left is better. */
export function frontierPanel(comparisons: readonly Comparison[]): string {
  const shown = comparisons.map(({ contender, run }) => ({ contender, cost: run.cost, violated: Math.max(LEAST_SHARE, run.violated) }));
  const costs = shown.map(({ cost }) => cost);
  const [least, most] = [Math.min(...costs) - 0.02, Math.max(...costs) + 0.02];
  const [low, high] = [Math.log(LEAST_SHARE * 0.7), Math.log(Math.max(0.1, ...shown.map(({ violated }) => violated)) * 1.3)];
  const x = (cost: number): string => (LEFT + ((PANEL_WIDTH - LEFT - RIGHT) * (cost - least)) / (most - least)).toFixed(1);
  const y = (violated: number): string => (PANEL_HEIGHT - BOTTOM - ((PANEL_HEIGHT - TOP - BOTTOM) * (Math.log(violated) - low)) / (high - low)).toFixed(1);
  const isFrontier = (name: string): boolean => (FRONTIER as readonly string[]).includes(name);
  const line = shown.filter(({ contender }) => isFrontier(contender)).toSorted((one, other) => one.cost - other.cost).map(({ cost, violated }) => `${x(cost)},${y(violated)}`);
  const ticks = [1e-4, 1e-3, 1e-2, 1e-1].filter((each) => Math.log(each) < high).map((each) => `<line x1="${LEFT}" x2="${PANEL_WIDTH - RIGHT}" y1="${y(each)}" y2="${y(each)}" stroke="#e5e7eb"/><text x="0" y="${y(each)}">${100 * each} %</text>`);
  const costTicks = Array.from({ length: 4 }, (_, index) => least + ((most - least) * index) / 3).map((cost) => `<text x="${x(cost)}" y="${PANEL_HEIGHT - 4}" text-anchor="middle">${cost.toFixed(2)}</text>`);
  const marks = shown.map(({ contender, cost, violated }) => `<circle cx="${x(cost)}" cy="${y(violated)}" r="${contender === 'predictive' ? 5 : 3}" fill="${colourOf(contender)}"/>${isFrontier(contender) && !/-[567]0$/.test(contender) ? '' : `<text x="${Number(x(cost)) + 6}" y="${Number(y(violated)) + 3}" fill="${colourOf(contender)}">${escape(contender)}</text>`}`);
  return `<rect width="${PANEL_WIDTH}" height="${PANEL_HEIGHT}" fill="#fafafa"/>${ticks.join('')}${costTicks.join('')}<polyline fill="none" stroke="#94a3b8" points="${line.join(' ')}"/>${marks.join('')}`;
}

const SHOWN_DAYS = 2;
const MOST_POINTS = 300;

/** The last days: what is needed, and the replicas of two runs that were kept. */
export function daysPanel({ load }: LoadTrace, runs: readonly { run: Run; colour: string }[]): string {
  const days = runs[0]!.run.days;
  const from = Math.max(0, Math.floor(load.length * (1 - SHOWN_DAYS / days)));
  const stride = Math.max(1, Math.ceil((load.length - from) / MOST_POINTS));
  const steps = Array.from({ length: Math.floor((load.length - from) / stride) }, (_, index) => from + index * stride);
  const needed = (step: number): number => greatest(stride, (each) => exactNeed(load[Math.min(step + each, load.length - 1)]!));
  const most = steps.reduce((sum, step) => Math.max(sum, needed(step), ...runs.map(({ run }) => run.replicas![step]!)), 1);
  const y = (value: number): string => (PANEL_HEIGHT - TOP - ((PANEL_HEIGHT - 2 * TOP) * value) / most).toFixed(1);
  const line = (valueOf: (step: number) => number, colour: string): string =>
    `<polyline fill="none" stroke="${colour}" points="${steps.map((step, index) => `${(LEFT + ((PANEL_WIDTH - LEFT) * index) / steps.length).toFixed(1)},${y(valueOf(step))}`).join(' ')}"/>`;
  const ticks = [0, 0.5, 1].map((part) => `<line x1="${LEFT}" x2="${PANEL_WIDTH}" y1="${y(most * part)}" y2="${y(most * part)}" stroke="#e5e7eb"/><text x="0" y="${y(most * part)}">${Math.round(most * part)}</text>`);
  return `<rect width="${PANEL_WIDTH}" height="${PANEL_HEIGHT}" fill="#fafafa"/>${ticks.join('')}${line(needed, '#0f172a')}${runs.map(({ run, colour }) => line((step) => run.replicas![step]!, colour)).join('')}`;
}

function greatest(count: number, valueOf: (index: number) => number): number {
  let most = 0;
  for (let index = 0; index < count; index++) most = Math.max(most, valueOf(index));
  return most;
}

function colourOf(contender: string): string {
  if (contender === 'predictive') return '#dc2626';
  return contender === 'foresight' ? '#16a34a' : contender.startsWith('hpa') ? '#64748b' : '#2563eb';
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
