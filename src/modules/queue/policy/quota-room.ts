/**
 * The room of a queue whose quota is by flavor and resource: each set of pods of a job gets, for each group of resources, the first flavor that will do.
 * Source: Kueue, ClusterQueue resourceGroups and flavorFungibility.
 */
import type { TopologyRequest } from './domains.ts';
import type { Job } from './job.ts';
import type { QuotaNode } from './quota-tree.ts';
import type { Resources } from './resources.ts';
import type { Placement, Room } from './room.ts';
import { groupsOf, inOrderOf, sumOf, type Amounts } from './set-groups.ts';
import type { LeafNode, TopologyPlacement, TopologyUse } from './topology-use.ts';

/** Pods that are alike. Amounts are whole numbers: cpu in thousandths, the rest in bytes or pieces. */
export interface SetDemand {
  readonly name: string;
  readonly count: number;
  /** As few will do. */
  readonly least?: number;
  readonly perPod: ReadonlyMap<string, number>;
  /** Why pods of this set cannot be of the flavor. */
  refuses?(flavor: string): string | undefined;
  /** Sets of one group get the same flavors, and are near each other as one; default each for itself. */
  readonly group?: string;
  /** How near each other its pods are to be, in flavors with a topology; default anywhere. */
  readonly topology?: TopologyRequest;
  /** Whether its pods may go to a node at all. */
  mayUse?(node: LeafNode): boolean;
}

export interface QuotaJob extends Job {
  readonly demand: readonly SetDemand[];
}

export interface SetPlacement {
  readonly name: string;
  readonly count: number;
  readonly flavors: ReadonlyMap<string, string>;
  readonly usage: ReadonlyMap<string, number>;
  /** In a flavor with a topology: where its pods go. */
  readonly topology?: TopologyPlacement;
}

export interface QuotaPlacement extends Placement {
  readonly sets: readonly SetPlacement[];
  readonly borrows: boolean;
}

export interface FlavorGroup {
  readonly resources: readonly string[];
  /** In the order in which they are tried. */
  readonly flavors: readonly string[];
}

export interface QuotaRoomOptions {
  readonly node: QuotaNode;
  readonly groups: readonly FlavorGroup[];
  /** The place of a flavor's resource in the vectors of the tree. */
  indexOf(flavor: string, resource: string): number;
  /** Whether another flavor is tried before one is taken that has to be borrowed. */
  readonly triesNextBeforeBorrowing: boolean;
  /** Whether no further flavor is tried after one in which the job could have others stopped; default false. */
  readonly stopsWherePreemptable?: boolean;
  /** The same of a flavor of which it would have to borrow; default false. */
  readonly stopsWhileBorrowing?: boolean;
  /** Whether others are stopped for what is its own rather than that it borrows; only where another flavor is tried before borrowing; default false. */
  readonly prefersPreemption?: boolean;
  /** Resources that do not count. */
  readonly excluded?: (resource: string) => boolean;
  /** The room of flavors with a topology, which is only looked at as it is now: not for what could ever be, nor for a time to come. */
  readonly topologies?: TopologyUse;
}

/** A thing that is lacking: how much of it would have to be free. */
export interface Lack {
  /** The set of pods that it is wanting for. */
  readonly set: string;
  readonly flavor: string;
  readonly resource: string;
  readonly needed: number;
  readonly available: number;
  /** The most that the queue could ever have. */
  readonly most: number;
}

/** The first of several flavors that it may look at; for preemption, which tries them one after the other. */
export interface PlaceOptions { readonly fromFlavor?: number; readonly fullOnly?: boolean; readonly everyFlavor?: boolean }

interface Search extends PlaceOptions { readonly topologies: TopologyUse | undefined }
/** `topology`: of each of the sets. */
interface Chosen { readonly flavor: string; readonly borrows: boolean; readonly topology?: readonly TopologyPlacement[] }

export class QuotaRoom implements Room {
  readonly node: QuotaNode;
  readonly capacity: Resources;
  readonly #options: QuotaRoomOptions;
  /** Of each of its own dimensions, in the order of its vectors. */
  readonly dimensions: readonly { readonly flavor: string; readonly resource: string; readonly index: number }[];
  readonly #places = new Map<string, number>();
  /** Set by the pool, which knows the others. */
  elsewhere: () => readonly { readonly amount: Resources; readonly expectedEnd: number }[] = () => [];

  constructor(options: QuotaRoomOptions) {
    this.#options = options;
    this.node = options.node;
    this.dimensions = options.groups.flatMap(({ flavors, resources }) => flavors.flatMap((flavor) => resources.map((resource) => ({ flavor, resource, index: options.indexOf(flavor, resource) }))));
    for (const [place, { flavor, resource }] of this.dimensions.entries()) this.#places.set(`${flavor}/${resource}`, place);
    this.capacity = this.dimensions.map(({ index }) => Math.max(0, options.node.potential(index)));
  }

  /** Its nominal quota; all that it could borrow of what it has none. */
  get own(): Resources {
    return this.dimensions.map(({ index }, place) => this.node.nominal[index]! || this.capacity[place]!);
  }

  get free(): Resources {
    return this.dimensions.map(({ index }) => this.node.available(index));
  }

  /** How many flavors the largest group has. */
  get mostFlavors(): number {
    return Math.max(1, ...this.#options.groups.map(({ flavors }) => flavors.length));
  }

  get prefersPreemption(): boolean {
    return this.#options.prefersPreemption === true;
  }

  get stopsWherePreemptable(): boolean {
    return this.#options.stopsWherePreemptable === true;
  }

  place(job: Job, available: Resources, options: PlaceOptions = {}): QuotaPlacement | undefined {
    const { demand } = job as QuotaJob;
    const search: Search = { ...options, topologies: this.#isNow(available) ? this.#options.topologies : undefined };
    const whole = this.#assign(demand, demand.map(({ count }) => count), available, search);
    const partial = demand.findIndex(({ least, count }) => least !== undefined && least < count);
    if (whole !== undefined || partial < 0 || options.fullOnly === true) return whole;
    return this.#assignFewer(demand, partial, available, search);
  }

  take(placement: Placement): void {
    this.#move(placement.amount, 1);
    this.#options.topologies?.take((placement as QuotaPlacement).sets);
  }

  give(placement: Placement): void {
    this.#move(placement.amount, -1);
    this.#options.topologies?.give((placement as QuotaPlacement).sets);
  }

  /** Whether the pods still have room in the domains that they were to go to. */
  hasDomains(placement: QuotaPlacement): boolean {
    return this.#options.topologies?.has(placement.sets) !== false;
  }

  /** Whether the amount can be had now, with or without borrowing. */
  has({ amount }: Placement, { borrowing }: { borrowing: boolean }): boolean {
    return this.dimensions.every(({ index }, place) => amount[place] === 0 || (amount[place]! <= this.node.available(index) && (borrowing || !this.node.isBorrowing(index, amount[place]!))));
  }

  /** Whether quota alone does not say where there is room. */
  get isTopological(): boolean {
    return this.#options.topologies !== undefined;
  }

  /** Dimensions that the amount is of. */
  wanted({ amount }: Placement): number[] {
    return this.dimensions.flatMap(({ index }, place) => (amount[place]! > 0 ? [index] : []));
  }

  /** Dimensions of which the amount cannot be had now. */
  scarce({ amount }: Placement): number[] {
    return this.dimensions.flatMap(({ index }, place) => (amount[place]! > 0 && amount[place]! > this.node.available(index) ? [index] : []));
  }

  /** What keeps the job out now, in Kueue's words, and in numbers where it is quota, up to the first set of pods that there is none for; nothing when it fits. */
  explain(job: QuotaJob): { reasons: string[]; lacks: Lack[] } {
    const [reasons, lacks]: [string[], Lack[]] = [[], []];
    const free = [...this.free];
    for (const set of job.demand) {
      const { name, count, least, perPod, refuses } = set;
      if (lacks.length > 0) break;
      for (const [resource, each] of this.#wanted(perPod)) {
        const group = this.#options.groups.find(({ resources }) => resources.includes(resource));
        if (group === undefined) reasons.push(`couldn't assign flavors to pod set ${name}: resource ${resource} unavailable in ClusterQueue`);
        for (const flavor of group?.flavors ?? []) {
          const refusal = refuses?.(flavor);
          const place = this.#places.get(`${flavor}/${resource}`)!;
          const needed = each * (least ?? count);
          if (refusal !== undefined) reasons.push(`couldn't assign flavors to pod set ${name}: ${refusal}`);
          else if (needed > free[place]!) lacks.push({ set: name, flavor, resource, needed, available: Math.max(0, free[place]!), most: this.capacity[place]! });
          else {
            const together = job.demand.filter((other) => other === set || (set.group !== undefined && other.group === set.group));
            const domains = this.#options.topologies?.assign(flavor, together.map((other) => ({ ...other, count: other.least ?? other.count })), []);
            if (typeof domains === 'string') reasons.push(`couldn't assign flavors to pod set ${name}: ${domains}`);
            // Where there is no other flavor the sets after this one have so much less.
            if (group!.flavors.length === 1) free[place]! -= needed;
          }
        }
      }
    }
    return { reasons: [...new Set(reasons)], lacks };
  }

  #isNow(available: Resources): boolean {
    return this.#options.topologies !== undefined && available !== this.capacity && this.dimensions.every(({ index }, place) => available[place]! <= this.node.available(index));
  }

  #move(amount: Resources, sign: 1 | -1): void {
    for (const [place, { index }] of this.dimensions.entries()) if (amount[place] !== 0) this.node.take(index, sign * amount[place]!);
  }

  /** The greatest count of the one set that may be smaller with which all fit. */
  #assignFewer(demand: readonly SetDemand[], which: number, available: Resources, options: Search): QuotaPlacement | undefined {
    let [low, high] = [demand[which]!.least!, demand[which]!.count - 1];
    let best: QuotaPlacement | undefined;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.#assign(demand, demand.map(({ count }, index) => (index === which ? middle : count)), available, options);
      if (found === undefined) high = middle - 1;
      else [best, low] = [found, middle + 1];
    }
    return best;
  }

  #assign(demand: readonly SetDemand[], counts: readonly number[], available: Resources, options: Search): QuotaPlacement | undefined {
    const amount = this.capacity.map(() => 0);
    const sets: SetPlacement[] = [];
    let borrows = false;
    for (const members of groupsOf(demand)) {
      const wanted = members.map((which) => this.#wanted(demand[which]!.perPod));
      const asked = members.map((which) => ({ ...demand[which]!, count: counts[which]! }));
      const given = members.map(() => ({ flavors: new Map<string, string>(), usage: new Map<string, number>() }));
      let topology: Chosen['topology'];
      for (const group of this.#options.groups) {
        const own = asked.map(({ count }, at): Amounts => wanted[at]!.filter(([resource]) => group.resources.includes(resource)).map(([resource, each]) => [resource, each * count] as const));
        if (own.every(({ length }) => length === 0)) continue;
        const chosen = this.#flavorFor(asked, group, sumOf(own), { available, amount, sets }, options);
        if (chosen === undefined) return undefined;
        borrows ||= chosen.borrows;
        topology ??= chosen.topology;
        for (const [at, { flavors, usage }] of given.entries()) {
          for (const [resource, much] of own[at]!) {
            flavors.set(resource, chosen.flavor);
            usage.set(resource, much);
            amount[this.#places.get(`${chosen.flavor}/${resource}`)!]! += much;
          }
        }
      }
      if (given.some(({ flavors }, at) => flavors.size < wanted[at]!.length)) return undefined; // a resource that no group covers
      for (const [at, { name, count }] of asked.entries()) sets.push({ name, count, ...given[at]!, ...(topology !== undefined && { topology: topology[at]! }) });
    }
    return { amount, sets: inOrderOf(demand, sets), borrows };
  }

  #flavorFor(asked: readonly SetDemand[], group: FlavorGroup, own: Amounts, { available, amount, sets }: { available: Resources; amount: Resources; sets: readonly SetPlacement[] }, { fromFlavor = 0, everyFlavor = false, topologies }: Search): Chosen | undefined {
    let borrowed: (Chosen & { readonly distance: number }) | undefined;
    for (const flavor of group.flavors.slice(Math.min(fromFlavor, group.flavors.length - 1))) {
      if (asked.some((set) => set.refuses?.(flavor) !== undefined)) continue;
      const places = own.map(([resource, much]) => ({ place: this.#places.get(`${flavor}/${resource}`)!, much }));
      if (places.some(({ place, much }) => amount[place]! + much > available[place]!)) {
        if (this.#stopsAt(places, amount) && !everyFlavor) break;
        continue;
      }
      const topology = topologies?.assign(flavor, asked, sets);
      if (typeof topology === 'string') continue;
      const borrows = places.some(({ place, much }) => much > 0 && this.node.isBorrowing(this.dimensions[place]!.index, amount[place]! + much));
      const chosen: Chosen = { flavor, borrows, ...(topology !== undefined && { topology }) };
      if (!borrows || !this.#options.triesNextBeforeBorrowing) return chosen;
      const distance = Math.max(...places.map(({ place, much }) => this.node.distance(this.dimensions[place]!.index, amount[place]! + much)));
      if (borrowed === undefined || distance < borrowed.distance) borrowed = { ...chosen, distance };
    }
    return borrowed !== undefined && this.prefersPreemption && !everyFlavor && available !== this.capacity && this.#couldBeOwn(asked, group, own, amount) ? undefined : borrowed;
  }

  /** Whether it would fit in a flavor without borrowing, if others were stopped. */
  #couldBeOwn(asked: readonly SetDemand[], { flavors }: FlavorGroup, own: Amounts, amount: Resources): boolean {
    const isOwn = (place: number, much: number): boolean => amount[place]! + much <= this.node.nominal[this.dimensions[place]!.index]!;
    return flavors.some((flavor) => asked.every((set) => set.refuses?.(flavor) === undefined) && own.every(([resource, much]) => isOwn(this.#places.get(`${flavor}/${resource}`)!, much)));
  }

  /** Whether no further flavor is tried after one that is full now. */
  #stopsAt(places: readonly { place: number; much: number }[], amount: Resources): boolean {
    const isWithin = (most: (place: number) => number): boolean => places.every(({ place, much }) => amount[place]! + much <= most(place));
    if (this.#options.stopsWhileBorrowing === true && isWithin((place) => this.capacity[place]!)) return true;
    return this.#options.stopsWherePreemptable === true && isWithin((place) => this.node.nominal[this.dimensions[place]!.index]!);
  }

  #wanted(perPod: ReadonlyMap<string, number>): [string, number][] {
    const covered = (resource: string): boolean => this.#options.groups.some(({ resources }) => resources.includes(resource));
    const wanted = [...perPod].filter(([resource, each]) => (each > 0 || covered(resource)) && this.#options.excluded?.(resource) !== true);
    return covered('pods') ? [...wanted.filter(([resource]) => resource !== 'pods'), ['pods', 1]] : wanted;
  }
}
