/**
 * Draws docs/reference/scale.svg from what the bench `scale` prints:
 *
 *     npm run --silent bench scale > scale.json && ./llmos-node tools/plot-scale.ts scale.json
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const FILE = resolve(import.meta.dirname, '../docs/reference/scale.svg');
const [WIDTH, HEIGHT, GAP, LEFT, TOP] = [250, 130, 60, 55, 50];
const COLUMNS = 3;

const PANELS: readonly { figure: string; title: string }[] = [
  { figure: 'create', title: 'a create: ms of cpu' },
  { figure: 'update', title: 'an update: ms of cpu' },
  { figure: 'get', title: 'a get: ms of cpu' },
  { figure: 'listNamespace', title: 'a list of a namespace with 100 objects: ms of cpu' },
  { figure: 'listAll', title: 'a list of everything: ms of cpu' },
  { figure: 'memory', title: 'memory after a restart: MiB' },
  { figure: 'bootCpu', title: 'a restart, to ready: ms of cpu' },
];

/** What is used of a bench's document. */
interface BenchResult {
  figures: Record<string, { median: number }>;
}

interface Point {
  count: number;
  value: number;
}

function pointsOf({ figures }: BenchResult, name: string): Point[] {
  return Object.entries(figures).flatMap(([key, { median }]) => {
    const count = new RegExp(`^${name}(\\d+)$`).exec(key)?.[1];
    return count === undefined ? [] : [{ count: Number(count), value: median }];
  }).sort((a, b) => a.count - b.count);
}

/** A round number not below: 1, 2 or 5 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

function panel(points: readonly Point[], title: string, index: number): string {
  const x = LEFT + (index % COLUMNS) * (WIDTH + GAP);
  const y = TOP + Math.floor(index / COLUMNS) * (HEIGHT + GAP + 10);
  const mostCount = Math.max(...points.map(({ count }) => count));
  const most = niceCeiling(Math.max(...points.map(({ value }) => value), Number.MIN_VALUE));
  const at = ({ count, value }: Point): string => `${(x + (count / mostCount) * WIDTH).toFixed(1)},${(y + HEIGHT - (value / most) * HEIGHT).toFixed(1)}`;
  const text = (tx: number, ty: number, anchor: string, label: string): string => `<text x="${tx}" y="${ty}" text-anchor="${anchor}">${label}</text>`;
  return [
    `<text x="${x}" y="${y - 10}" class="title">${title}</text>`,
    `<path d="M${x},${y}V${y + HEIGHT}H${x + WIDTH}" class="axis"/>`,
    ...[0, 0.5, 1].map((share) => text(x - 6, y + HEIGHT * (1 - share) + 4, 'end', String(Number((most * share).toPrecision(3))))),
    ...[0, 0.5, 1].map((share) => text(x + WIDTH * share, y + HEIGHT + 16, 'middle', share === 0 ? '0' : `${(mostCount * share) / 1_000}k`)),
    `<polyline points="${points.map(at).join(' ')}" class="line"/>`,
    ...points.map((point) => `<circle cx="${at(point).split(',')[0]}" cy="${at(point).split(',')[1]}" r="3"/>`),
  ].join('\n');
}

const result = JSON.parse(readFileSync(process.argv[2] ?? 0, 'utf8')) as BenchResult;
const rows = Math.ceil(PANELS.length / COLUMNS);
const [width, height] = [LEFT + COLUMNS * (WIDTH + GAP), TOP + rows * (HEIGHT + GAP + 10)];
writeFileSync(FILE, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<style>rect{fill:#fff}text{font:11px sans-serif;fill:#444}.title{font-weight:bold;fill:#111}.axis{fill:none;stroke:#999}.line{fill:none;stroke:#2266bb;stroke-width:1.5}circle{fill:#2266bb}</style>
<rect width="${width}" height="${height}"/>
${PANELS.map(({ figure, title }, index) => panel(pointsOf(result, figure), title, index)).join('\n')}
</svg>
`);
console.error(`wrote ${FILE}`);
