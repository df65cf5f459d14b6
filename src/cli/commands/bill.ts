/** `llmos bill`: what namespaces, workloads or labels cost, as a table or in the columns of FOCUS. */
import type { StatementLine } from '../../boot/accounts.ts';
import { UsageError, type Command } from '../command.ts';
import { accountsFor, ACCOUNT_FLAGS, metered } from '../accounts.ts';
import { amountText, renderTable } from '../table.ts';

export const bill: Command = {
  usage: '[--window month|lastmonth|2026-11|7d|FROM,TO] [--namespace NAME] [--by namespace|controller|pod|node|queue|clusterQueue|label:KEY] [--format table|json|focus-csv|focus-json] [--kubeconfig FILE] [--context NAME]',
  flags: { ...ACCOUNT_FLAGS, format: { type: 'string' } },
  async run({ positionals, flags, folders }) {
    const format = (flags['format'] as string | undefined) ?? 'table';
    if (positionals.length > 0 || !['table', 'json', 'focus-csv', 'focus-json'].includes(format)) throw new UsageError(`usage: llmos bill ${bill.usage}`);
    const accounts = await accountsFor(flags, folders, { window: 'month', by: 'namespace' });
    if (format === 'focus-csv') process.stdout.write(accounts.focusCsv());
    else if (format === 'focus-json') console.log(JSON.stringify(accounts.focus(), null, 2));
    else if (format === 'json') console.log(JSON.stringify(accounts.statement, null, 2));
    else console.log(`${metered(accounts.statement)}\n${billTable(accounts.statement.lines, ((flags['by'] as string | undefined) ?? 'namespace').toUpperCase())}`);
    return 0;
  },
};

function billTable(lines: readonly StatementLine[], by: string): string {
  const row = (line: StatementLine): string[] => [line.name, amountText(line.cpuCoreHours), amountText(line.memoryGiBHours), amountText(line.storageGiBHours), amountText(line.networkGiB), line.requests.toFixed(0), `${costText(line.cost)} ${line.currency}`];
  const totals = [...Map.groupBy(lines, ({ currency }) => currency)].map(([currency, all]) => ['total', ...(['cpuCoreHours', 'memoryGiBHours', 'storageGiBHours', 'networkGiB'] as const).map((what) => amountText(all.reduce((sum, line) => sum + line[what], 0))), all.reduce((sum, line) => sum + line.requests, 0).toFixed(0), `${costText(all.reduce((sum, { cost }) => sum + cost, 0))} ${currency}`]);
  return renderTable([by, 'CPU HOURS', 'MEMORY GIB HOURS', 'STORAGE GIB HOURS', 'NETWORK GIB', 'REQUESTS', 'COST'], [...lines.map(row), ...totals]);
}

/** At least four decimals: what little things cost adds up. */
function costText(cost: number): string {
  return Math.abs(cost) >= 0.01 || cost === 0 ? cost.toFixed(4) : amountText(cost);
}
