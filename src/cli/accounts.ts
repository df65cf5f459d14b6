/** What `bill` and `usage` share: the flags, and whose accounts are read. */
import type { ParseArgsOptionsConfig } from 'node:util';
import type { Accounts, AccountsQuery, Statement } from '../boot/accounts.ts';
import type { Folders } from '../boot/config.ts';
import { UsageError } from './command.ts';
import { kubeconfigFile } from './control.ts';

export const ACCOUNT_FLAGS = { window: { type: 'string' }, namespace: { type: 'string', short: 'n' }, by: { type: 'string' }, kubeconfig: { type: 'string' }, context: { type: 'string' } } as const satisfies ParseArgsOptionsConfig;

/** Of this llmos, or of the cluster that `--kubeconfig` names. */
export async function accountsFor(flags: Readonly<Record<string, unknown>>, folders: Folders, defaults: Pick<AccountsQuery, 'window' | 'by'>): Promise<Accounts> {
  const { findCluster } = await import('../sdk/client/kubeconfig.ts');
  const { readAccountsOf } = await import('../boot/accounts.ts');
  const text = (name: string): string | undefined => flags[name] as string | undefined;
  const access = findCluster({ path: text('kubeconfig') ?? kubeconfigFile(folders), context: text('context') });
  const namespace = text('namespace');
  const isOther = text('kubeconfig') !== undefined || text('context') !== undefined;
  try {
    return await readAccountsOf(access, { window: text('window') ?? defaults.window, by: text('by') ?? defaults.by, ...(namespace === undefined ? {} : { namespace }), ...(isOther ? {} : { cluster: await ownName(folders) }) });
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
}

/** As the module of this llmos calls it. */
async function ownName(folders: Folders): Promise<string> {
  const { loadConfig } = await import('../boot/config.ts');
  const { modules, nodeName } = await loadConfig(folders);
  const cluster = modules['metering']?.['cluster'];
  return typeof cluster === 'string' ? cluster : nodeName;
}

export function metered({ period, lines }: Statement): string {
  const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')}`;
  return lines.length === 0 ? 'nothing has been metered in this window' : `metered from ${time(period.startMs)} to ${time(period.endMs)} UTC`;
}
