/** The room of flavors whose pods are placed by topology: what their nodes have, less what jobs take. */
import { assignDomains, type DomainCount, type TooFew } from './domains.ts';
import { assignLed } from './led-domains.ts';
import type { SetDemand, SetPlacement } from './quota-room.ts';

/** A domain of the lowest level: what is free there for all pods that are placed by topology. */
export interface Leaf {
  readonly values: readonly string[];
  readonly free: ReadonlyMap<string, number>;
  /** Names of its nodes, which may be those of other flavors too. */
  readonly nodes: readonly string[];
  /** Where the lowest level is the node. */
  readonly node?: LeafNode;
}

export interface LeafNode {
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
}

export interface TopologyFlavor {
  readonly topology: string;
  readonly levels: readonly string[];
  /** How many of the lowest levels are told: one where that is the node, whose name says it all. */
  readonly told: number;
  readonly leaves: readonly Leaf[];
}

export interface TopologyPlacement {
  readonly flavor: string;
  /** Of the levels that are told. */
  readonly levels: readonly string[];
  readonly domains: readonly DomainCount[];
  readonly perPod: ReadonlyMap<string, number>;
}

/** Of the amounts of one domain. */
type Amounts = Map<string, number>;

export class TopologyUse {
  readonly #flavorOf: (name: string) => TopologyFlavor | undefined;
  /** By flavor, and by domain of what is told. */
  readonly #used = new Map<string, Map<string, Amounts>>();
  readonly #shared = new WeakMap<Leaf, Map<TopologyFlavor, readonly string[]>>();

  /** `flavorOf`: as its nodes are now; undefined of flavors without a topology. */
  constructor(flavorOf: (name: string) => TopologyFlavor | undefined) {
    this.#flavorOf = flavorOf;
  }

  /** Where the pods of the set, or of the sets of a group, would go, beside sets of the same job; undefined where the flavor has no topology, a text where there is no room. */
  assign(flavor: string, sets: readonly SetDemand[], beside: readonly SetPlacement[]): readonly TopologyPlacement[] | string | undefined {
    const known = this.#flavorOf(flavor);
    if (known === undefined) return undefined;
    this.take(beside);
    try {
      const isLed = sets.length === 2 && sets.some(({ count }) => count === 1) && sets.every(({ count }) => count > 0);
      return isLed ? this.#assignPair(flavor, known, sets) : this.#assignEach(flavor, known, sets);
    } finally {
      this.give(beside);
    }
  }

  #assignEach(flavor: string, known: TopologyFlavor, sets: readonly SetDemand[]): readonly TopologyPlacement[] | string {
    const placed: SetPlacement[] = [];
    let refusal: string | undefined;
    for (const set of sets) {
      const found = this.#assignOne(flavor, known, set);
      if (typeof found === 'string') {
        refusal = found;
        break;
      }
      placed.push({ name: set.name, count: set.count, flavors: new Map(), usage: new Map(), topology: found });
      this.take(placed.slice(-1));
    }
    this.give(placed);
    return refusal ?? placed.map(({ topology }) => topology!);
  }

  #assignOne(flavor: string, known: TopologyFlavor, set: SetDemand): TopologyPlacement | string {
    const perPod = perPodOf(set);
    // Who has no pods now is nowhere: there is no place for none.
    if (set.count === 0) return placementIn(flavor, known, perPod, []);
    const rooms = known.leaves.filter((leaf) => mayUse(set, leaf)).map((leaf) => ({ values: leaf.values, count: this.#roomOf(flavor, leaf, perPod, known.told) }));
    const found = rooms.length === 0 ? { fits: 0 } : assignDomains(known.levels, rooms, set.topology ?? { mode: 'unconstrained' }, set.count);
    return 'fits' in found ? tooFew(known.topology, found, set.count, set.topology?.slices?.size ?? 1) : placementIn(flavor, known, perPod, found);
  }

  /** Of two sets the smaller one leads; of equals the second one. */
  #assignPair(flavor: string, known: TopologyFlavor, sets: readonly SetDemand[]): readonly TopologyPlacement[] | string {
    const [first, second] = sets as readonly [SetDemand, SetDemand];
    const [leader, others] = first.count < second.count ? [first, second] : [second, first];
    const [own, theirs] = [perPodOf(leader), perPodOf(others)];
    const rooms = known.leaves.map((leaf) => {
      const leads = mayUse(leader, leaf) && this.#roomOf(flavor, leaf, own, known.told) > 0;
      const follow = (beside?: ReadonlyMap<string, number>): number => (mayUse(others, leaf) ? this.#roomOf(flavor, leaf, theirs, known.told, beside) : 0);
      return { values: leaf.values, count: follow(), besideLeader: leads ? follow(own) : undefined };
    });
    const found = assignLed(known.levels, rooms, others.topology ?? { mode: 'preferred' }, others.count);
    if ('fits' in found) return tooFew(known.topology, found, others.count, 1);
    const of = new Map([[leader, placementIn(flavor, known, own, [found.leader])], [others, placementIn(flavor, known, theirs, found.others)]]);
    return sets.map((each) => of.get(each)!);
  }

  take(sets: readonly SetPlacement[]): void {
    this.#move(sets, 1);
  }

  give(sets: readonly SetPlacement[]): void {
    this.#move(sets, -1);
  }

  /** Whether all of it has room where it is to go. */
  has(sets: readonly SetPlacement[]): boolean {
    return sets.every(({ topology }) => {
      const known = topology === undefined ? undefined : this.#flavorOf(topology.flavor);
      if (topology === undefined || known === undefined) return topology === undefined;
      const leaves = new Map(known.leaves.map((leaf) => [keyOf(leaf.values.slice(-known.told)), leaf]));
      return topology.domains.every(({ values, count }) => {
        const leaf = leaves.get(keyOf(values));
        return leaf !== undefined && this.#roomOf(topology.flavor, leaf, topology.perPod, known.told) >= count;
      });
    });
  }

  /** `beside`: what one more pod takes there. */
  #roomOf(flavor: string, leaf: Leaf, perPod: ReadonlyMap<string, number>, told: number, beside?: ReadonlyMap<string, number>): number {
    const used = [this.#used.get(flavor)?.get(keyOf(leaf.values.slice(-told))), ...this.#usedByOthers(flavor, leaf)];
    let room = Infinity;
    for (const [resource, each] of perPod) {
      if (each > 0) room = Math.min(room, Math.floor(((leaf.free.get(resource) ?? 0) - used.reduce((sum, amounts) => sum + (amounts?.get(resource) ?? 0), beside?.get(resource) ?? 0)) / each));
    }
    return Math.max(0, room);
  }

  /** What jobs of other flavors take in domains that share a node with this one: all of it, since nobody knows on which of its nodes. */
  *#usedByOthers(flavor: string, leaf: Leaf): Generator<Amounts> {
    for (const [other, domains] of this.#used) {
      const known = other === flavor ? undefined : this.#flavorOf(other);
      for (const key of known === undefined ? [] : this.#sharing(leaf, known)) {
        const amounts = domains.get(key);
        if (amounts !== undefined) yield amounts;
      }
    }
  }

  #sharing(leaf: Leaf, other: TopologyFlavor): readonly string[] {
    let known = this.#shared.get(leaf);
    if (known === undefined) this.#shared.set(leaf, (known = new Map()));
    let keys = known.get(other);
    if (keys === undefined) {
      const nodes = new Set(leaf.nodes);
      known.set(other, (keys = other.leaves.filter((each) => each.nodes.some((node) => nodes.has(node))).map(({ values }) => keyOf(values.slice(-other.told)))));
    }
    return keys;
  }

  #move(sets: readonly SetPlacement[], sign: 1 | -1): void {
    for (const { topology } of sets) {
      if (topology === undefined) continue;
      let domains = this.#used.get(topology.flavor);
      if (domains === undefined) this.#used.set(topology.flavor, (domains = new Map()));
      for (const { values, count } of topology.domains) {
        const key = keyOf(values);
        let used = domains.get(key);
        if (used === undefined) domains.set(key, (used = new Map()));
        for (const [resource, each] of topology.perPod) used.set(resource, (used.get(resource) ?? 0) + sign * each * count);
      }
    }
  }
}

function perPodOf({ perPod }: SetDemand): ReadonlyMap<string, number> {
  return new Map([...perPod, ['pods', 1]]);
}

function mayUse(set: SetDemand, { node }: Leaf): boolean {
  return node === undefined || set.mayUse?.(node) !== false;
}

function placementIn(flavor: string, { levels, told }: TopologyFlavor, perPod: ReadonlyMap<string, number>, domains: readonly DomainCount[]): TopologyPlacement {
  return { flavor, levels: levels.slice(-told), domains: domains.map(({ values, count }) => ({ values: values.slice(-told), count })), perPod };
}

function tooFew(topology: string, { fits, layers }: TooFew, count: number, size: number): string {
  if (layers !== undefined) return [`topology "${topology}" doesn't allow to fit`, ...layers.map((each) => `${each.fits}/${each.wanted} slice(s) fit on level ${each.level}`)].join('; ');
  const all = `${Math.ceil(count / size)} ${size > 1 ? 'slice' : 'pod'}(s)`;
  return fits === 0 ? `topology "${topology}" doesn't allow to fit any of ${all}` : `topology "${topology}" allows to fit only ${fits} out of ${all}`;
}

function keyOf(values: readonly string[]): string {
  return values.join('\0');
}
