/** `llmos simulate scheduling`: the policies of the queue on a recorded workload and a virtual clock. */
import { writeFileSync } from 'node:fs';
import { CONTENDERS } from '../../sim/scheduling/baselines.ts';
import { compare } from '../../sim/scheduling/compare.ts';
import { readNodes, type SimulatedNode } from '../../sim/scheduling/nodes.ts';
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
  const nodes = nodesOf(flags, trace);
  const capacity = nodes === undefined ? capacityOf(flags['capacity'], trace) : trace.resources.map((_, index) => nodes.reduce((sum, { resources }) => sum + resources[index]!, 0));
  const comparisons = compare(trace, capacity, names, nodes);
  const what = trace.resources.length === 1 ? `${capacity[0]} units` : trace.resources.map((name, index) => `${name} ${capacity[index]}`).join(', ');
  console.log(`${trace.name}: ${trace.jobs.length} jobs on ${nodes === undefined ? '' : `${nodes.length} nodes with `}${what}\n`);
  console.log(renderTable(COLUMNS, comparisons.map(rowOf)));
  if (typeof flags['report'] === 'string') writeFileSync(flags['report'], renderReport(`${trace.name} on ${what}`, comparisons));
}

/** Nodes are of cpu, memory and GPU, as pods are. */
function nodesOf(flags: CommandContext['flags'], { resources }: JobTrace): readonly SimulatedNode[] | undefined {
  if (typeof flags['nodes'] !== 'string') return undefined;
  if (resources.join() !== 'cpu,memory,gpu') throw new UsageError(`--nodes is for traces of pods that ask for cpu, memory and gpu, and this one is of ${resources.join(', ')}`);
  const every = Number(flags['every'] ?? 1);
  if (!Number.isInteger(every) || every < 1) throw new UsageError(`--every is '${String(flags['every'])}', and must be a whole number above 0`);
  return readNodes(flags['nodes'], { every });
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
