/** `llmos simulate scheduling`: the policies of the queue on a recorded workload and a virtual clock. */
import { writeFileSync } from 'node:fs';
import { CONTENDERS } from '../../sim/scheduling/baselines.ts';
import { compare } from '../../sim/scheduling/compare.ts';
import { COLUMNS, renderReport, rowOf } from '../../sim/scheduling/report.ts';
import { sampleTrace } from '../../sim/scheduling/sample.ts';
import { readJobTrace, type JobTrace } from '../../sim/scheduling/trace.ts';
import { UsageError, type CommandContext } from '../command.ts';
import { renderTable } from '../table.ts';

export function simulateScheduling(flags: CommandContext['flags']): void {
  const trace = typeof flags['trace'] === 'string' ? readJobTrace(flags['trace']) : sampleTrace();
  const names = (flags['policy'] as string[] | undefined) ?? Object.keys(CONTENDERS);
  const unknown = names.find((name) => CONTENDERS[name] === undefined);
  if (unknown !== undefined) throw new UsageError(`there is no policy '${unknown}'; there are ${Object.keys(CONTENDERS).join(', ')}`);
  const capacity = capacityOf(flags['capacity'], trace);
  const comparisons = compare(trace, capacity, names);
  console.log(`${trace.name}: ${trace.jobs.length} jobs on ${capacity} units\n`);
  console.log(renderTable(COLUMNS, comparisons.map(rowOf)));
  if (typeof flags['report'] === 'string') writeFileSync(flags['report'], renderReport(`${trace.name} on ${capacity} units`, comparisons));
}

/** Where none is said: as much as makes the offered load 75 % of it, and at least the widest job. */
function capacityOf(flag: unknown, { jobs }: JobTrace): number {
  if (flag !== undefined) {
    const capacity = Number(flag);
    if (!Number.isInteger(capacity) || capacity < 1) throw new UsageError(`--capacity is '${String(flag)}', and must be a whole number of units above 0`);
    return capacity;
  }
  const work = jobs.reduce((sum, job) => sum + job.runSeconds * job.request[0]!, 0);
  const span = Math.max(1, (jobs.at(-1)?.submittedAt ?? 0) - (jobs[0]?.submittedAt ?? 0));
  return jobs.reduce((widest, job) => Math.max(widest, job.request[0]!), Math.ceil(work / span / 0.75));
}
