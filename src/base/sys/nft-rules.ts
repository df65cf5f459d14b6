/** Whether rules that were written are still there: somebody else may have deleted a table, or emptied it and left its chains. */
import { runAny } from './run.ts';

/** How many rules each chain holds, by `FAMILY TABLE CHAIN`; of a script, or of what nft lists, where each rule is a line of its own. Pure. */
export function rulesOf(text: string): Map<string, number> {
  const rules = new Map<string, number>();
  let table = '';
  let chain: string | undefined;
  for (const line of text.split('\n').map((each) => each.trim())) {
    const [, opened] = /^table (\S+ \S+) \{$/.exec(line) ?? [];
    const [, begun] = /^chain (\S+) \{$/.exec(line) ?? [];
    if (opened !== undefined) table = opened;
    else if (begun !== undefined) rules.set((chain = `${table} ${begun}`), 0);
    else if (line === '}') chain = undefined;
    else if (chain !== undefined && line !== '' && !/^(?:type |#)/.test(line)) rules.set(chain, (rules.get(chain) ?? 0) + 1);
  }
  return rules;
}

/** Whether the kernel has all chains that the tables of the script declare, and in each at least as many rules; what others added is theirs. */
export async function holdsRules(nft: string, script: string): Promise<boolean> {
  const wanted = rulesOf(script);
  const found = rulesOf(await listChains(nft, [...wanted.keys()]));
  return [...wanted].every(([chain, count]) => (found.get(chain) ?? -1) >= count);
}

/** Line by line, since nft 1.0.6 finds only the last of several chains that one line asks for; without its command line, by one nft each. */
async function listChains(nft: string, chains: readonly string[]): Promise<string> {
  const lines = chains.map((chain) => `list chain ${chain}`);
  const { code, stdout } = await runAny(nft, ['-i'], { input: `${lines.join('\n')}\n`, env: { ...process.env, HOME: '/dev/null' } }); // it would write its history into the home
  if (code === 0) return stdout;
  const alone: string[] = [];
  for (const line of lines) alone.push((await runAny(nft, [line])).stdout);
  return alone.join('');
}
