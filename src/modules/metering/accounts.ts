/** Accounts: bills, utilisation and FOCUS rows of a cluster, from its records and price sheets. */
import { Node } from '../../api/core/node.ts';
import { PriceSheet } from '../../api/metering/price-sheet.ts';
import type { Client } from '../../sdk/client.ts';
import { capacityOf } from './capacity.ts';
import { toCsv } from './csv.ts';
import { FOCUS_COLUMNS, focusRows } from './focus.ts';
import { CLUSTER } from './subject.ts';
import { readRecords } from './keep.ts';
import { parseWindow } from './periods.ts';
import { statementOf, type Statement } from './statement.ts';

export interface AccountsQuery {
  /** `2026-11`, `month`, `lastmonth`, `7d`, ... Throws RangeError. */
  window: string;
  /** Default all. */
  namespace?: string;
  /** `namespace`, `controller`, `label:app`, ... Throws RangeError. */
  by: string;
  /** What the cluster is called; default the name of its first node. */
  cluster?: string;
}

export interface Accounts {
  statement: Statement;
  /** What the nodes have now. */
  capacity: { cpuCores: number; memoryBytes: number };
  /** The same in the columns of FOCUS. */
  focus(): readonly object[];
  focusCsv(): string;
}

export async function readAccounts(client: Client, { window, namespace, by, ...query }: AccountsQuery): Promise<Accounts> {
  const period = parseWindow(window, Date.now());
  const [records, sheets, nodes] = await Promise.all([readRecords(client, namespace), client.list(PriceSheet), client.list(Node)]);
  const cluster = query.cluster ?? nodes.items[0]?.metadata.name ?? CLUSTER;
  const rows = () => focusRows(records, sheets.items, period, { cluster });
  return { statement: statementOf(records, sheets.items, period, by, cluster), capacity: capacityOf(nodes.items), focus: rows, focusCsv: () => toCsv(FOCUS_COLUMNS, rows()) };
}
