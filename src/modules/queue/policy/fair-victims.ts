/**
 * Whom a job has stopped where the queues of a cohort share fairly: always of the queue with the greatest share, down the tree of cohorts, its own included; jobs of others only as a rule allows it, or where
 * the job asks for no more than is its queue's own. Source: Kueue, KEP-1714 Fair Sharing, fairPreemptionStrategy and TargetClusterQueueOrdering.
 */
import { sharesBelow, type FairRule, type FairSharing } from './cohort-share.ts';
import type { Entry, Preemption } from './job.ts';
import type { QuotaPlacement, QuotaRoom } from './quota-room.ts';
import type { QuotaNode } from './quota-tree.ts';

interface Victim { readonly room: QuotaRoom; readonly entry: Entry }
type Chosen<T> = T & { readonly reason: Preemption['reason'] };

/** `candidates`: in the order in which those of one queue are asked for. As few as will do; undefined where it does not fit all the same. Rooms are as before. */
export function fairVictims<T extends Victim>(room: QuotaRoom, placement: QuotaPlacement, candidates: readonly T[], sharing: FairSharing, scarce: readonly number[]): Chosen<T>[] | undefined {
  return new Choice<T>(room, placement, sharing, scarce).of(candidates);
}

class Choice<T extends Victim> {
  readonly #room: QuotaRoom;
  readonly #placement: QuotaPlacement;
  readonly #sharing: FairSharing;
  readonly #isWithinOwn: boolean;
  readonly #chosen: Chosen<T>[] = [];

  constructor(room: QuotaRoom, placement: QuotaPlacement, sharing: FairSharing, scarce: readonly number[]) {
    this.#room = room;
    this.#placement = placement;
    this.#sharing = sharing;
    room.take(placement);
    this.#isWithinOwn = scarce.every((index) => !room.node.isBorrowing(index));
  }

  of(candidates: readonly T[]): Chosen<T>[] | undefined {
    let left = this.#byFirstRule(candidates, this.#sharing.rules[0]!);
    // What its own queue gave up makes its share smaller, so that others may be asked once more.
    if (!this.#fits() && this.#chosen.some(({ room }) => room === this.#room)) left = this.#byFirstRule(left, this.#sharing.rules[0]!);
    if (!this.#fits() && this.#sharing.rules.length > 1) this.#bySecondRule(left);
    const isEnough = this.#fits();
    this.#room.give(this.#placement);
    if (isEnough) this.#putBack();
    for (const { room, entry } of this.#chosen) room.take(entry.placement!);
    return isEnough && this.#chosen.length > 0 ? this.#chosen : undefined;
  }

  /** Gives those that the rule did not allow. */
  #byFirstRule(candidates: readonly T[], rule: FairRule): T[] {
    const refused: T[] = [];
    const order = new Order(this.#room, candidates, this.#sharing);
    for (let queue = order.next(); queue !== undefined && !this.#fits(); queue = order.next()) {
      if (queue.room === this.#room) this.#take(queue.list.shift()!, 'InClusterQueue');
      else if (this.#isWithinOwn) this.#take(queue.list.shift()!, 'InCohortReclamation');
      else {
        const found = queue.list.findIndex((each) => this.#allows(each, rule));
        refused.push(...queue.list.splice(0, found < 0 ? queue.list.length : found));
        if (found >= 0) this.#take(queue.list.shift()!, 'InCohortFairSharing');
      }
    }
    return refused;
  }

  /** One of each queue that has more now than this one will have. */
  #bySecondRule(candidates: readonly T[]): void {
    const order = new Order(this.#room, candidates, this.#sharing);
    for (let queue = order.next(); queue !== undefined && !this.#fits(); queue = order.next()) {
      const [first] = queue.list.splice(0);
      if (this.#allows(first!, 'initial')) this.#take(first!, 'InCohortFairSharing');
    }
  }

  #allows({ room: its, entry }: T, rule: FairRule): boolean {
    const shares = (): readonly [number, number] => sharesBelow(this.#room.node, its.node, this.#sharing.indexes);
    const [wanted, before] = shares();
    if (rule === 'initial') return wanted < before;
    its.give(entry.placement!);
    const [, after] = shares();
    its.take(entry.placement!);
    return wanted <= after;
  }

  #take(victim: T, reason: Preemption['reason']): void {
    victim.room.give(victim.entry.placement!);
    this.#chosen.push({ ...victim, reason });
  }

  #fits(): boolean {
    this.#room.give(this.#placement);
    const does = this.#room.has(this.#placement, { borrowing: true });
    this.#room.take(this.#placement);
    return does;
  }

  /** The last one first, whoever is not needed. */
  #putBack(): void {
    for (let index = this.#chosen.length - 2; index >= 0; index--) {
      const { room, entry } = this.#chosen[index]!;
      room.take(entry.placement!);
      if (this.#room.has(this.#placement, { borrowing: true })) this.#chosen.splice(index, 1);
      else room.give(entry.placement!);
    }
  }
}

interface Queue<T> { readonly room: QuotaRoom; readonly list: T[] }

/** The queues with candidates, each time the one with the greatest share: from the root down, at each cohort. Who borrows nothing is passed over, but for the job's own queue and those above it. */
class Order<T extends Victim> {
  readonly #own: QuotaRoom;
  readonly #queues: readonly Queue<T>[];
  readonly #above: ReadonlySet<QuotaNode>;
  readonly #sharing: FairSharing;

  constructor(own: QuotaRoom, candidates: readonly T[], sharing: FairSharing) {
    this.#own = own;
    this.#sharing = sharing;
    this.#queues = [...Map.groupBy(candidates, ({ room }) => room)].map(([room, list]) => ({ room, list: [...list] }));
    this.#above = new Set(waysUp(own.node));
  }

  next(): Queue<T> | undefined {
    const left = this.#queues.filter(({ list }) => list.length > 0);
    if (this.#own.node.parent === undefined) return left[0];
    const root = waysUp(this.#own.node).at(-1)!;
    return this.#below(root, left);
  }

  #below(cohort: QuotaNode, queues: readonly Queue<T>[]): Queue<T> | undefined {
    const children = [...Map.groupBy(queues.filter(({ room }) => waysUp(room.node).includes(cohort)), ({ room }) => childOf(cohort, room.node))];
    const ranked = children.map(([node, under]) => ({ node, under, share: node.share(this.#sharing.indexes), isQueue: under[0]!.room.node === node }))
      .filter(({ node, share }) => share > 0 || node === this.#own.node || this.#above.has(node))
      // Of equals a cohort goes before a queue: within it may be one that has more.
      .sort((left, right) => (left.share === right.share ? Number(left.isQueue) - Number(right.isQueue) : right.share - left.share));
    for (const { node, under, isQueue } of ranked) {
      const found = isQueue ? under[0] : this.#below(node, under);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function waysUp(node: QuotaNode): QuotaNode[] {
  return node.parent === undefined ? [] : [node.parent, ...waysUp(node.parent)];
}

function childOf(cohort: QuotaNode, node: QuotaNode): QuotaNode {
  return node.parent === cohort || node.parent === undefined ? node : childOf(cohort, node.parent);
}
