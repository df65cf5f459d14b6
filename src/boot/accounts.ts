/** The accounts of this llmos, or of any cluster that the metering module is attached to. */
import { loadReadAccounts, type Accounts, type AccountsQuery } from '../modules/metering/module.ts';
import { createHttpClient } from '../sdk/client/http.ts';
import type { ClusterAccess } from '../sdk/client/kubeconfig.ts';

export type { Accounts, AccountsQuery, Statement, StatementLine } from '../modules/metering/module.ts';

/** Throws RangeError where the query cannot be read. */
export async function readAccountsOf(access: ClusterAccess, query: AccountsQuery): Promise<Accounts> {
  const readAccounts = await loadReadAccounts();
  const client = createHttpClient(access, { name: 'llmos-bill' });
  try {
    return await readAccounts(client, query);
  } finally {
    client.close();
  }
}
