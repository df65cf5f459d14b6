/** `llmos simulate keep-alive`: policies that keep functions warm, on recorded invocations. */
import { compareKeepAlive, KEEP_ALIVE_POLICIES, learnedWhere } from '../../sim/keep-alive/compare.ts';
import { readInvocations } from '../../sim/keep-alive/trace.ts';
import { UsageError, type CommandContext } from '../command.ts';
import { renderTable } from '../table.ts';

export function simulateKeepAlive(flags: CommandContext['flags']): void {
  if (typeof flags['trace'] !== 'string') throw new UsageError('keep-alive needs recorded invocations: --trace FILE.csv[.gz]');
  const names = (flags['policy'] as string[] | undefined) ?? Object.keys(KEEP_ALIVE_POLICIES);
  const unknown = names.find((name) => KEEP_ALIVE_POLICIES[name] === undefined);
  if (unknown !== undefined) throw new UsageError(`there is no policy '${unknown}'; there are ${Object.keys(KEEP_ALIVE_POLICIES).join(', ')}`);
  const trace = readInvocations(flags['trace']);
  const comparisons = compareKeepAlive(trace, names);
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  console.log(`${trace.name}: ${trace.units.length} units in ${trace.minutes} minutes; the first start of each is not counted\n`);
  console.log(renderTable(['POLICY', 'COLD STARTS', 'OF INVOKED MINUTES', '3 OF 4 UNITS', 'WITH FIRST', 'IDLE-WARM MINUTES', 'GIB-MINUTES'], comparisons.map(({ policy, run }) => [
    policy, String(run.coldStarts), percent(run.coldStarts / run.invokedMinutes), percent(run.rate75), percent(run.rate75WithFirst), String(run.idleMinutes), (run.idleMemoryMiBMinutes / 1_024).toFixed(0),
  ])));
  const [ten, hybrid] = ['fixed-10', 'hybrid-histogram'].map((name) => comparisons.find(({ policy }) => policy === name)?.run);
  const cold = ten === undefined ? undefined : learnedWhere(comparisons, 'idleMinutes', ten.idleMinutes, 'coldStarts');
  const memory = hybrid === undefined ? undefined : learnedWhere(comparisons, 'coldStarts', hybrid.coldStarts, 'idleMemoryMiBMinutes');
  if (cold !== undefined) console.log(`\nat the idle-warm time of fixed-10, learned has ${percent(1 - cold / ten!.coldStarts)} fewer cold starts`);
  if (memory !== undefined) console.log(`at the cold starts of the hybrid histogram, learned has ${percent(1 - memory / hybrid!.idleMemoryMiBMinutes)} less idle-warm memory`);
}
