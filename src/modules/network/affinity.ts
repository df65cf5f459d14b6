/** Which client is bound to which endpoint lies in sets of the kernel; a table written anew takes it over from the one before. */
import type { Family } from './family.ts';
import { runAny } from '../../base/sys/run.ts';

interface JsonSet {
  set?: { name: string; elem?: { elem?: { val: string; timeout?: number; expires?: number } }[] };
}

/** Lines that give the sets of `names` what the table holds for them now; '' when there is no table, or nothing in them. */
export async function rememberedClients(nft: string, { family, table }: { family: Family; table: string }, names: ReadonlySet<string>): Promise<string> {
  const { code, stdout } = await runAny(nft, ['-j', 'list', 'table', family, table]);
  if (code !== 0) return '';
  const lines: string[] = [];
  for (const { set } of (JSON.parse(stdout) as { nftables: JsonSet[] }).nftables) {
    if (set === undefined || !names.has(set.name)) continue;
    const clients = (set.elem ?? []).map(({ elem }) => elem).filter((each) => each !== undefined && typeof each.val === 'string' && (each.expires ?? 0) > 0 && (each.timeout ?? 0) > 0);
    if (clients.length > 0) lines.push(`add element ${family} ${table} ${set.name} { ${clients.map((each) => `${each?.val} timeout ${each?.timeout}s expires ${each?.expires}s`).join(', ')} }`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
