/** The room of flavors whose pods are placed by topology: what their nodes have, less what jobs take. */
import { assignDomains, type DomainCount } from './domains.ts';
import type { SetDemand, SetPlacement } from './quota-room.ts';

/** A domain of the lowest level: what is free there for all pods that are placed by topology. */
export interface Leaf {
  readonly values: readonly string[];
  readonly free: ReadonlyMap<string, number>;
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
  readonly #used = new Map<string, Amounts>();

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
    if ('fits' in found) return found.fits === 0 ? `topology "${topology}" doesn't allow to fit any of ${count} pod(s)` : `topology "${topology}" allows to fit only ${found.fits} out of ${count} pod(s)`;
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

  #roomOf(flavor: string, { values, free }: Leaf, perPod: ReadonlyMap<string, number>, told: number): number {
    const used = this.#used.get(`${flavor}\0${keyOf(values.slice(-told))}`);
    let room = Infinity;
    for (const [resource, each] of perPod) if (each > 0) room = Math.min(room, Math.floor(((free.get(resource) ?? 0) - (used?.get(resource) ?? 0)) / each));
    return Math.max(0, room);
  }

  #move(sets: readonly SetPlacement[], sign: 1 | -1): void {
    for (const { topology } of sets) {
      for (const { values, count } of topology?.domains ?? []) {
        const key = `${topology!.flavor}\0${keyOf(values)}`;
        let used = this.#used.get(key);
        if (used === undefined) this.#used.set(key, (used = new Map()));
        for (const [resource, each] of topology!.perPod) used.set(resource, (used.get(resource) ?? 0) + sign * each * count);
      }
    }
  }
}

function keyOf(values: readonly string[]): string {
  return values.join('\0');
}
