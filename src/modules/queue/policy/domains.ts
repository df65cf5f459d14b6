/**
 * Which domains of a topology the pods of one set go to: as few as will do, and of several that would do the fullest.
 * Source: Kueue, Topology Aware Scheduling (findTopologyAssignment, the profile BestFit).
 */

export interface TopologyRequest {
  /** All in one domain of the level; in one if that can be, else of the next wider level; or anywhere. */
  readonly mode: 'required' | 'preferred' | 'unconstrained';
  /** The label of the level; none for pods that may be anywhere. */
  readonly level?: string;
}

/** A domain of the lowest level, with the values of all levels and how many pods it has room for, or gets. */
export interface DomainCount {
  readonly values: readonly string[];
  readonly count: number;
}

interface Domain extends DomainCount {
  count: number;
  readonly children: Domain[];
}

/** The lowest domains with what each gets, in the order of their values; or, where that cannot be, for how many pods there is room. Every leaf has as many values as there are levels. */
export function assignDomains(levels: readonly string[], leaves: readonly DomainCount[], { mode, level }: TopologyRequest, count: number): readonly DomainCount[] | { readonly fits: number } {
  const byLevel = domainsByLevel(levels.length, leaves);
  const wanted = level === undefined ? levels.length - 1 : levels.indexOf(level);
  for (let at = wanted; at >= 0; at--) {
    const one = bestFit(byLevel[at]!, count);
    if (one !== undefined) return inOrder(spread([one], count));
    if (mode !== 'preferred') break;
  }
  if (mode === 'required') return { fits: Math.max(0, ...(byLevel[wanted] ?? []).map((each) => each.count)) };
  const fits = byLevel[0]!.reduce((sum, each) => sum + each.count, 0);
  return fits < count ? { fits } : inOrder(spread(byLevel[mode === 'preferred' ? 0 : wanted]!, count));
}

function domainsByLevel(depth: number, leaves: readonly DomainCount[]): Domain[][] {
  const byLevel: Domain[][] = Array.from({ length: depth }, () => []);
  const known = new Map<string, Domain>();
  for (const { values, count } of leaves) {
    let parent: Domain | undefined;
    for (let level = 0; level < depth; level++) {
      const own = values.slice(0, level + 1);
      const key = own.join('\0');
      let domain = known.get(key);
      if (domain === undefined) {
        known.set(key, (domain = { values: own, count: 0, children: [] }));
        byLevel[level]!.push(domain);
        parent?.children.push(domain);
      }
      domain.count += count;
      parent = domain;
    }
  }
  return byLevel;
}

/** The one with the least room of those with enough. */
function bestFit(domains: readonly Domain[], count: number): Domain | undefined {
  let best: Domain | undefined;
  for (const each of domains) if (each.count >= count && (best === undefined || each.count < best.count || (each.count === best.count && compare(each, best) < 0))) best = each;
  return best;
}

/** The largest ones, and as soon as one of the others takes all that is left the best fit of those; each in turn over its own. */
function spread(domains: readonly Domain[], count: number): DomainCount[] {
  const left = new Set([...domains].sort((one, other) => other.count - one.count || compare(one, other)));
  const chosen: DomainCount[] = [];
  for (let wanted = count; wanted > 0;) {
    const next: Domain = bestFit([...left], wanted) ?? left.values().next().value!;
    left.delete(next);
    const takes = Math.min(wanted, next.count);
    if (takes === 0) break;
    chosen.push(...(next.children.length === 0 ? [{ values: next.values, count: takes }] : spread(next.children, takes)));
    wanted -= takes;
  }
  return chosen;
}

function inOrder(domains: readonly DomainCount[]): readonly DomainCount[] {
  return [...domains].sort(compare);
}

function compare({ values: left }: DomainCount, { values: right }: DomainCount): number {
  for (const [index, value] of left.entries()) if (value !== right[index]) return value < right[index]! ? -1 : 1;
  return 0;
}
