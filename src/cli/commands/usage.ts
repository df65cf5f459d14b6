/** `llmos usage`: how well what there is, and what was asked for, was used. */
import type { Accounts, StatementLine } from '../../boot/accounts.ts';
import { UsageError, type Command } from '../command.ts';
import { accountsFor, ACCOUNT_FLAGS, metered } from '../accounts.ts';
import { amountText, renderTable } from '../table.ts';

const HOUR_MS = 3_600_000;
const GIB = 2 ** 30;

export const usage: Command = {
  usage: '[--window 1h|today|7d|FROM,TO] [--namespace NAME] [--by namespace|controller|pod|node|queue|clusterQueue|label:KEY] [--format table|json] [--kubeconfig FILE] [--context NAME]',
  flags: { ...ACCOUNT_FLAGS, format: { type: 'string' } },
  async run({ positionals, flags, folders }) {
    const format = (flags['format'] as string | undefined) ?? 'table';
    if (positionals.length > 0 || !['table', 'json'].includes(format)) throw new UsageError(`usage: llmos usage ${usage.usage}`);
    const accounts = await accountsFor(flags, folders, { window: '1h', by: 'namespace' });
    const lines = utilisationOf(accounts);
    if (format === 'json') console.log(JSON.stringify(lines, null, 2));
    else console.log(`${metered(accounts.statement)}\n${usageTable(lines, ((flags['by'] as string | undefined) ?? 'namespace').toUpperCase())}`);
    return 0;
  },
};

/** Of cpu: mean cores; of memory: mean GiB. Slack is what was requested and not used. */
export interface Utilisation {
  name: string;
  cpu: { used: number; requested: number; slack: number; usedOfTotal: number; requestedOfTotal: number };
  memory: Utilisation['cpu'];
}

/** Over the nodes' allocatable resources as they are now. The last line is all together. */
function utilisationOf({ statement: { period, lines }, capacity }: Pick<Accounts, 'statement' | 'capacity'>): Utilisation[] {
  const hours = (period.endMs - period.startMs) / HOUR_MS;
  const totals = { cpu: capacity.cpuCores, memory: capacity.memoryBytes / GIB };
  const of = (line: Pick<StatementLine, 'requested' | 'used'>, what: 'cpu' | 'memory'): Utilisation['cpu'] => {
    const used = hours > 0 ? line.used[what] / hours : 0;
    const requested = hours > 0 ? line.requested[what] / hours : 0;
    const share = (value: number): number => (totals[what] > 0 ? value / totals[what] : 0);
    return { used, requested, slack: Math.max(0, requested - used), usedOfTotal: share(used), requestedOfTotal: share(requested) };
  };
  const sum = (use: 'used' | 'requested') => ({ cpu: lines.reduce((total, line) => total + line[use].cpu, 0), memory: lines.reduce((total, line) => total + line[use].memory, 0) });
  return [...lines, { name: 'total', requested: sum('requested'), used: sum('used') }].map((line) => ({ name: line.name, cpu: of(line, 'cpu'), memory: of(line, 'memory') }));
}

function usageTable(lines: readonly Utilisation[], by: string): string {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const cells = ({ used, requested, slack, usedOfTotal, requestedOfTotal }: Utilisation['cpu']): string[] => [amountText(used), percent(usedOfTotal), amountText(requested), percent(requestedOfTotal), amountText(slack)];
  return renderTable([by, 'CPU USED', 'OF ALL', 'REQUESTED', 'OF ALL', 'SLACK', 'GIB USED', 'OF ALL', 'REQUESTED', 'OF ALL', 'SLACK'], lines.map(({ name, cpu, memory }) => [name, ...cells(cpu), ...cells(memory)]));
}
