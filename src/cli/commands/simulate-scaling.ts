/** `llmos simulate scaling`: policies of scaling on recorded load and a virtual clock. */
import { writeFileSync } from 'node:fs';
import { compare, type Objective } from '../../sim/scaling/compare.ts';
import { contenders } from '../../sim/scaling/contenders.ts';
import { COLUMNS, renderReport, rowOf } from '../../sim/scaling/report.ts';
import { sampleLoad } from '../../sim/scaling/sample.ts';
import { SHAPES, shapedLoad } from '../../sim/scaling/shapes.ts';
import { readLoadTrace, type LoadTrace } from '../../sim/scaling/trace.ts';
import { UsageError, type CommandContext } from '../command.ts';
import { renderTable } from '../table.ts';

const USUAL_START_SECONDS = 60;

export function simulateScaling(flags: CommandContext['flags']): void {
  const mostDays = numberOf(flags, 'days', { least: 0 }) ?? Infinity;
  const startSeconds = numberOf(flags, 'start', { least: 0, most: 3_600 }) ?? USUAL_START_SECONDS;
  const names = (flags['policy'] as string[] | undefined) ?? Object.keys(contenders());
  const unknown = names.find((name) => contenders()[name] === undefined);
  if (unknown !== undefined) throw new UsageError(`there is no policy '${unknown}'; there are ${Object.keys(contenders()).join(', ')}`);
  const objective: Objective = { underProvisioned: numberOf(flags, 'under-provisioned', { least: 0, most: 1 }), price: numberOf(flags, 'price', { least: 0 }) };
  const trace = traceOf(flags['trace'], mostDays);
  const comparisons = compare(trace, names, { startSeconds, objective, keep: flags['report'] !== undefined });
  console.log(`${trace.name}: ${(comparisons[0]?.run.days ?? 0).toFixed(1)} days, 20 replicas on average, ready after ${startSeconds} s\n`);
  console.log(renderTable(COLUMNS, comparisons.map(rowOf)));
  if (typeof flags['report'] === 'string') writeFileSync(flags['report'], renderReport(`${trace.name}, ready after ${startSeconds} s`, trace, comparisons));
}

const SHAPE = 'shape:';

/** A file, a load of our own making (`shape:office`), or a small sample. */
function traceOf(given: unknown, mostDays: number): LoadTrace {
  if (typeof given !== 'string') return sampleLoad();
  if (!given.startsWith(SHAPE)) return readLoadTrace(given, { mostDays });
  const name = given.slice(SHAPE.length);
  if (SHAPES[name] === undefined) throw new UsageError(`there is no shape '${name}'; there are ${Object.keys(SHAPES).join(', ')}`);
  return shapedLoad(name, { half: 1, ...(mostDays !== Infinity && { days: Math.max(1, Math.round(mostDays)) }) });
}

function numberOf(flags: CommandContext['flags'], name: string, { least, most = Infinity }: { least: number; most?: number }): number | undefined {
  if (flags[name] === undefined) return undefined;
  const value = Number(flags[name]);
  if (!(value > least) || value > most || !Number.isFinite(value)) throw new UsageError(`--${name} is '${String(flags[name])}', and must be a number above ${least}${most === Infinity ? '' : ` and at most ${most}`}`);
  return value;
}
