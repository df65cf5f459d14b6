/** The room of flavors whose pods are placed by topology: what their nodes have, less what jobs take. */
import { assignDomains, type DomainCount } from './domains.ts';
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

  /** Where so many pods of the set would go, beside sets of the same job; undefined where the flavor has no topology, a text where there is no room. */
  assign(flavor: string, set: SetDemand, count: number, beside: readonly SetPlacement[]): TopologyPlacement | string | undefined {
    const known = this.#flavorOf(flavor);
    if (known === undefined) return undefined;
    const { levels, leaves, told, topology } = known;
    const perPod = new Map([...set.perPod, ['pods', 1]]);
    this.take(beside);
    const rooms = leaves.filter(({ node }) => node === undefined || set.mayUse?.(node) !== false).map((leaf) => ({ values: leaf.values, count: this.#roomOf(flavor, leaf, perPod, told) }));
    this.give(beside);
    const found = rooms.length === 0 ? { fits: 0 } : assignDomains(levels, rooms, set.topology ?? { mode: 'unconstrained' }, count);
    if ('fits' in found) return tooFew(topology, found.fits, count, set.topology?.slices?.size ?? 1);
    return { flavor, levels: levels.slice(-told), domains: found.map((each) => ({ values: each.values.slice(-told), count: each.count })), perPod };
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

  #roomOf(flavor: string, leaf: Leaf, perPod: ReadonlyMap<string, number>, told: number): number {
    const used = [this.#used.get(flavor)?.get(keyOf(leaf.values.slice(-told))), ...this.#usedByOthers(flavor, leaf)];
    let room = Infinity;
    for (const [resource, each] of perPod) {
      if (each > 0) room = Math.min(room, Math.floor(((leaf.free.get(resource) ?? 0) - used.reduce((sum, amounts) => sum + (amounts?.get(resource) ?? 0), 0)) / each));
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

function tooFew(topology: string, fits: number, count: number, size: number): string {
  const all = `${Math.ceil(count / size)} ${size > 1 ? 'slice' : 'pod'}(s)`;
  return fits === 0 ? `topology "${topology}" doesn't allow to fit any of ${all}` : `topology "${topology}" allows to fit only ${fits} out of ${all}`;
}

function keyOf(values: readonly string[]): string {
  return values.join('\0');
}
