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
  const what = trace.resources.length === 1 ? `${capacity[0]} units` : trace.resources.map((name, index) => `${name} ${capacity[index]}`).join(', ');
  console.log(`${trace.name}: ${trace.jobs.length} jobs on ${what}\n`);
  console.log(renderTable(COLUMNS, comparisons.map(rowOf)));
  if (typeof flags['report'] === 'string') writeFileSync(flags['report'], renderReport(`${trace.name} on ${what}`, comparisons));
}

/** In the order of the trace's resources. Where none is said: as much of each as makes the offered load 75 % of it, and at least what the widest job asks for. */
function capacityOf(flag: unknown, { jobs, resources }: JobTrace): number[] {
  if (flag !== undefined) {
    const capacity = String(flag).split(',').map(Number);
    if (capacity.length !== resources.length || capacity.some((each) => !Number.isInteger(each) || each < 1)) {
      throw new UsageError(`--capacity is '${String(flag)}', and must be ${resources.length === 1 ? 'a whole number' : `${resources.length} whole numbers (${resources.join(',')})`} of units above 0`);
    }
    return capacity;
  }
  const span = Math.max(1, (jobs.at(-1)?.submittedAt ?? 0) - (jobs[0]?.submittedAt ?? 0));
  return resources.map((_, index) => {
    const work = jobs.reduce((sum, job) => sum + job.runSeconds * job.request[index]!, 0);
    return jobs.reduce((widest, job) => Math.max(widest, job.request[index]!), Math.max(1, Math.ceil(work / span / 0.75)));
  });
}
