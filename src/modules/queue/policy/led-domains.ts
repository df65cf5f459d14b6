/**
 * Which domains of a topology the pods of two sets go to that are near each other as one: a single pod that leads, and those that it leads. Source: Kueue, Topology Aware Scheduling
 * (findTopologyAssignment with a leader).
 */
import { childrenOf, compare, domainsByLevel, inSeveral, type Domain, type DomainCount, type Part, type TopologyRequest } from './domains.ts';

/** A domain of the lowest level, and how many it has room for when the one that leads is there, too; undefined where that one has no room. */
export interface LedCount extends DomainCount {
  readonly besideLeader: number | undefined;
}

export interface Led {
  readonly leader: DomainCount;
  readonly others: readonly DomainCount[];
}

/** The parts of those that are led, the one of the leader first. */
interface LedParts { readonly leader: Domain; readonly parts: readonly Part[] }

/** The lowest domains of both; or, where that cannot be, for how many of those that are led there is room beside their leader. */
export function assignLed(levels: readonly string[], leaves: readonly LedCount[], { mode, level }: TopologyRequest, count: number): Led | { readonly fits: number } {
  const byLevel = domainsByLevel(levels.length, leaves, 1, levels.length - 1);
  const beside = besideLeaders(byLevel, leaves);
  let at = level === undefined ? levels.length - 1 : levels.indexOf(level);
  let chosen = inOne(byLevel[at] ?? [], beside, count);
  if (mode === 'required' && chosen === undefined) return { fits: Math.max(0, ...(byLevel[at] ?? []).map((each) => beside.get(each) ?? 0)) };
  while (chosen === undefined && at > 0) chosen = inOne(byLevel[--at]!, beside, count);
  chosen ??= inSome(byLevel[at]!, beside, count);
  if (chosen === undefined) return { fits: mostOf(byLevel[at]!, beside) ?? 0 };
  for (; at < levels.length - 1; at++) {
    const children = childrenOf([{ domain: chosen.leader }, ...chosen.parts.filter(({ domain }) => domain !== chosen!.leader)]);
    chosen = inOne(children, beside, count) ?? inSome(children, beside, count)!;
  }
  return { leader: { values: chosen.leader.values, count: 1 }, others: chosen.parts.filter(({ amount }) => amount > 0).map(({ domain: { values }, amount }) => ({ values, count: amount })).sort(compare) };
}

/** Of each domain that has room for a leader: for how many more, if that is where it costs the least. */
function besideLeaders(byLevel: readonly (readonly Domain[])[], leaves: readonly LedCount[]): ReadonlyMap<Domain, number> {
  const found = new Map<Domain, number>();
  const lowest = new Map(leaves.map(({ values, besideLeader }) => [values.join('\0'), besideLeader]));
  for (const domain of byLevel.at(-1) ?? []) {
    const room = lowest.get(domain.values.join('\0'));
    if (room !== undefined) found.set(domain, room);
  }
  for (const domain of byLevel.slice(0, -1).toReversed().flat()) {
    const most = mostOf(domain.children, found);
    if (most !== undefined) found.set(domain, most);
  }
  return found;
}

/** For how many there is room in all of them, beside a leader in one; undefined where it has no room. */
function mostOf(domains: readonly Domain[], beside: ReadonlyMap<Domain, number>): number | undefined {
  const all = domains.reduce((sum, each) => sum + each.pods, 0);
  const rooms = domains.flatMap((each) => (beside.has(each) ? [all - each.pods + beside.get(each)!] : []));
  return rooms.length === 0 ? undefined : Math.max(...rooms);
}

/** The one with the least room of those with enough. */
function inOne(domains: readonly Domain[], beside: ReadonlyMap<Domain, number>, wanted: number): LedParts | undefined {
  const best = domains.filter((each) => (beside.get(each) ?? -1) >= wanted).sort((one, other) => beside.get(one)! - beside.get(other)! || compare(one, other))[0];
  return best && { leader: best, parts: [{ domain: best, amount: wanted }] };
}

/** The leader where the most have room beside it, as long as the others do for the rest. */
function inSome(domains: readonly Domain[], beside: ReadonlyMap<Domain, number>, wanted: number): LedParts | undefined {
  const leaders = domains.filter((each) => beside.has(each)).sort((one, other) => beside.get(other)! - beside.get(one)! || compare(one, other));
  for (const leader of leaders) {
    const amount = Math.min(wanted, beside.get(leader)!);
    const others = inSeveral(domains.filter((each) => each !== leader), wanted - amount, 'pods', false);
    if (others !== undefined) return { leader, parts: [{ domain: leader, amount }, ...others] };
  }
  return undefined;
}
