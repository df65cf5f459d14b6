/**
 * Which domains of a topology the pods of one set go to. Those that are to be near each other: as few as will do, and of several that would do the fullest (BestFit). Those that may be anywhere: what is fullest first, so
 * that what is whole stays so for others (LeastFreeCapacity). Source: Kueue, Topology Aware Scheduling (findTopologyAssignment, the profile Mixed).
 */

export interface TopologyRequest {
  /** All in one domain of the level; in one if that can be, else of the next wider level; or anywhere. */
  readonly mode: 'required' | 'preferred' | 'unconstrained';
  /** The label of the level; none for pods that may be anywhere. */
  readonly level?: string;
  /** So many at a time in one domain of a level, which is the same or a narrower one. */
  readonly slices?: { readonly level: string; readonly size: number; readonly inner?: readonly SliceLayer[] };
}

/** Of the pods of a slice so many at a time in one domain of a narrower level: a part of the size before. */
export interface SliceLayer { readonly level: string; readonly size: number }

/** Where there is no room: for how many slices there is, and of each of several layers for how many of how many. */
export interface TooFew { readonly fits: number; readonly layers?: readonly { readonly level: string; readonly fits: number; readonly wanted: number }[] }

/** A domain of the lowest level, with the values of all levels and how many pods it has room for, or gets. */
export interface DomainCount {
  readonly values: readonly string[];
  readonly count: number;
}

export interface Domain {
  readonly values: readonly string[];
  readonly children: Domain[];
  pods: number;
  /** Of the level of slices and those above. */
  slices: number;
}

export interface Part { readonly domain: Domain; readonly amount: number }
type Unit = 'slices' | 'pods';

/** The lowest domains with what each gets, in the order of their values; or, where that cannot be, for how many slices there is room. Every leaf has as many values as there are levels. */
export function assignDomains(levels: readonly string[], leaves: readonly DomainCount[], { mode, level, slices }: TopologyRequest, count: number): readonly DomainCount[] | TooFew {
  const [size, sliceLevel] = slices === undefined ? [1, levels.length - 1] : [slices.size, levels.indexOf(slices.level)];
  const inner = sizesBelow(levels, sliceLevel, slices?.inner);
  const byLevel = domainsByLevel(levels.length, leaves, size, sliceLevel, inner);
  const isAnywhere = mode === 'unconstrained';
  const wanted = Math.ceil(count / size);
  let at = level !== undefined ? levels.indexOf(level) : slices === undefined ? levels.length - 1 : 0;
  let chosen = inOne(byLevel[at] ?? [], wanted);
  const requested = at;
  const tooFew = (fits: number): TooFew => ({ fits, ...(slices?.inner !== undefined && { layers: fitsOf([{ level: slices.level, size }, ...slices.inner], levels, byLevel[requested] ?? [], count) }) });
  if (mode === 'required' && chosen === undefined) return tooFew(Math.max(0, ...(byLevel[at] ?? []).map((each) => each.slices)));
  while (chosen === undefined && !isAnywhere && at > 0) chosen = inOne(byLevel[--at]!, wanted);
  chosen ??= inSeveral(byLevel[at]!, wanted, 'slices', isAnywhere);
  if (chosen === undefined) return tooFew(byLevel[at]!.reduce((sum, each) => sum + each.slices, 0));
  // Down to where slices are, all domains below those that were chosen count alike: a few large ones will do, whosever they are.
  for (; at < sliceLevel; at++) chosen = inSeveral(childrenOf(chosen), wanted, 'slices', isAnywhere)!;
  let parts = inPods(chosen, count, size);
  for (; at < levels.length - 1; at++) {
    const each = inner.get(at + 1) ?? 1;
    parts = parts.flatMap(({ domain, amount }) => (each === 1 ? inSeveral(domain.children, amount, 'pods', isAnywhere)! : inPods(inSlices(domain.children, Math.ceil(amount / each), each, isAnywhere), amount, each)));
  }
  return parts.map(({ domain: { values }, amount }) => ({ values, count: amount })).sort(compare);
}

/** Slices as pods; the last one may be of fewer. */
function inPods(parts: readonly Part[], count: number, size: number): readonly Part[] {
  let left = count;
  return parts.map(({ domain, amount }): Part => {
    const pods = Math.min(left, amount * size);
    left -= pods;
    return { domain, amount: pods };
  });
}

/** Slices of another size than those that were counted before. */
function inSlices(domains: readonly Domain[], wanted: number, size: number, isSmallestFirst: boolean): readonly Part[] {
  for (const each of domains) each.slices = Math.floor(each.pods / size);
  return inSeveral(domains, wanted, 'slices', isSmallestFirst)!;
}

/** By level: so many pods at a time go to a domain of it. A level between two layers is cut as the lower one is. */
function sizesBelow(levels: readonly string[], sliceLevel: number, layers: readonly SliceLayer[] = []): ReadonlyMap<number, number> {
  const sizes = new Map<number, number>();
  let before = sliceLevel;
  for (const { level, size } of layers) while (before < levels.indexOf(level)) sizes.set(++before, size);
  return sizes;
}

/** Of the domain of the level that was asked for with the most room. Source: the same, multiLayerNotFitMessage. */
function fitsOf(layers: readonly SliceLayer[], levels: readonly string[], domains: readonly Domain[], count: number): NonNullable<TooFew['layers']> {
  const best = [...domains].sort((one, other) => other.slices - one.slices || compare(one, other))[0];
  return best === undefined ? [] : layers.map(({ level, size }) => {
    let below: readonly Domain[] = [best];
    for (let depth = best.values.length - 1; depth < levels.indexOf(level); depth++) below = below.flatMap(({ children }) => children);
    return { level, fits: below.reduce((sum, { pods }) => sum + Math.floor(pods / size), 0), wanted: Math.floor(count / size) };
  });
}

/** `inner`: by level below that of slices, so many pods at a time. */
export function domainsByLevel(depth: number, leaves: readonly DomainCount[], size: number, sliceLevel: number, inner: ReadonlyMap<number, number> = new Map()): Domain[][] {
  const byLevel: Domain[][] = Array.from({ length: depth }, () => []);
  const known = new Map<string, Domain>();
  for (const { values, count } of leaves) {
    let parent: Domain | undefined;
    for (let level = 0; level < depth; level++) {
      const own = values.slice(0, level + 1);
      const key = own.join('\0');
      let domain = known.get(key);
      if (domain === undefined) {
        known.set(key, (domain = { values: own, pods: 0, slices: 0, children: [] }));
        byLevel[level]!.push(domain);
        parent?.children.push(domain);
      }
      if (level === depth - 1) domain.pods += count;
      parent = domain;
    }
  }
  for (let level = depth - 2; level >= 0; level--) {
    const each = inner.get(level + 1) ?? 1;
    for (const domain of byLevel[level]!) domain.pods = domain.children.reduce((sum, { pods }) => sum + Math.floor(pods / each) * each, 0);
  }
  for (let level = sliceLevel; level >= 0; level--) {
    for (const domain of byLevel[level]!) domain.slices = level === sliceLevel ? Math.floor(domain.pods / size) : domain.children.reduce((sum, each) => sum + each.slices, 0);
  }
  return byLevel;
}

/** The one with the least room of those with enough. */
function inOne(domains: readonly Domain[], wanted: number): readonly Part[] | undefined {
  const best = bestFit(inOrder(domains, 'slices', false), wanted, 'slices');
  return best === undefined ? undefined : [{ domain: best, amount: wanted }];
}

function bestFit(sorted: readonly Domain[], wanted: number, unit: Unit): Domain | undefined {
  let best: Domain | undefined;
  for (const each of sorted) if (each[unit] >= wanted && (best === undefined || each[unit] < best[unit])) best = each;
  return best;
}

/** The largest ones, and as soon as one of the others takes all that is left the best fit of those; or the smallest ones. */
export function inSeveral(domains: readonly Domain[], wanted: number, unit: Unit, isSmallestFirst: boolean): readonly Part[] | undefined {
  const left = inOrder(domains, unit, isSmallestFirst);
  const chosen: Part[] = [];
  let remaining = wanted;
  while (remaining > 0 && left.length > 0) {
    const next = (isSmallestFirst ? undefined : bestFit(left, remaining, unit)) ?? left[0]!;
    left.splice(left.indexOf(next), 1);
    const amount = Math.min(remaining, next[unit]);
    if (amount > 0) chosen.push({ domain: next, amount });
    remaining -= amount;
  }
  return remaining > 0 ? undefined : chosen;
}

function inOrder(domains: readonly Domain[], unit: Unit, isSmallestFirst: boolean): Domain[] {
  const sign = isSmallestFirst ? 1 : -1;
  return [...domains].sort((one, other) => sign * (one[unit] - other[unit]) || one.pods - other.pods || compare(one, other));
}

export function childrenOf(parts: readonly Pick<Part, 'domain'>[]): Domain[] {
  return parts.flatMap(({ domain }) => domain.children);
}

export function compare({ values: left }: { readonly values: readonly string[] }, { values: right }: { readonly values: readonly string[] }): number {
  for (const [index, value] of left.entries()) if (value !== right[index]) return value < right[index]! ? -1 : 1;
  return 0;
}
