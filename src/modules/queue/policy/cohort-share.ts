/**
 * Fair sharing among queues of a cohort: who borrows counts by how much of what is lent it has, for its weight. Two queues are compared where their ways up the tree meet.
 * Source: Kueue, KEP-1714 Fair Sharing and KEP-79 Hierarchical Cohorts.
 */
import type { Entry } from './job.ts';
import type { QuotaPlacement, QuotaRoom } from './quota-room.ts';
import type { QuotaNode } from './quota-tree.ts';

/** Of each resource the places of its flavors in the vectors of the tree. */
export type ResourceIndexes = readonly (readonly number[])[];

/** The shares of two nodes of one tree, each that of its ancestor, or itself, below the node that both are under. */
function sharesBelow(left: QuotaNode, right: QuotaNode, indexes: ResourceIndexes): readonly [number, number] {
  const [leftWay, rightWay] = [wayTo(left), wayTo(right)];
  let depth = 0;
  while (depth < leftWay.length - 1 && depth < rightWay.length - 1 && leftWay[depth] === rightWay[depth]) depth++;
  return [leftWay[depth]!.share(indexes), rightWay[depth]!.share(indexes)];
}

/** From the child of the root down to the node. */
function wayTo(node: QuotaNode): QuotaNode[] {
  return node.parent === undefined ? [] : node.parent.parent === undefined ? [node] : [...wayTo(node.parent), node];
}

/** Stopped may be jobs of a queue that has at least as much as the other one will have when they are gone (`final`), or that has more now (`initial`). */
export type FairRule = 'final' | 'initial';

/** How queues share: what counts as one resource, and whose jobs may be stopped, by the rules in their order. */
export interface FairSharing { readonly indexes: ResourceIndexes; readonly rules: readonly FairRule[] }

interface Head { readonly entry: Entry; readonly placement: QuotaPlacement; readonly room: QuotaRoom }

/** Whether the left one goes first: whose queue would have the smaller share with it; of equals the more important one, then the older. */
export function sharesLess(left: Head, right: Head, indexes: ResourceIndexes): boolean {
  const shareWith = ({ room, placement }: Head, other: Head): number => {
    room.take(placement);
    const [own] = sharesBelow(room.node, other.room.node, indexes);
    room.give(placement);
    return own;
  };
  const [own, its] = [shareWith(left, right), shareWith(right, left)];
  if (own !== its) return own < its;
  if (left.entry.job.priority !== right.entry.job.priority) return left.entry.job.priority > right.entry.job.priority;
  return left.entry.job.submittedAt < right.entry.job.submittedAt;
}

interface Victim { readonly room: QuotaRoom; readonly entry: Entry }

/**
 * Whom a job has stopped: jobs of the queue with the greatest share first, each only if the first rule allows it, and, where that does not do, the next one. Jobs of its own queue are asked for last. As few as will do; undefined where it does not fit all the same. Rooms are as before.
 */
export function fairVictims<T extends Victim>(room: QuotaRoom, placement: QuotaPlacement, candidates: readonly T[], { indexes, rules }: FairSharing, scarce: readonly number[]): T[] | undefined {
  const chosen: T[] = [];
  const fits = (): boolean => room.has(placement, { borrowing: true });
  const others = new Map<QuotaRoom, T[]>();
  for (const each of candidates) if (each.room !== room) others.set(each.room, [...(others.get(each.room) ?? []), each]);
  for (const rule of rules) {
    const left = new Map([...others].map(([other, list]) => [other, list.filter((each) => !chosen.includes(each))]));
    while (!fits()) {
      const other = [...left].filter(([, list]) => list.length > 0).map(([each]) => each).sort((one, two) => shareOf(two, one) - shareOf(one, two))[0];
      if (other === undefined) break;
      const victim = left.get(other)!.shift()!;
      if (!scarce.some((index) => other.node.isBorrowing(index))) {
        left.set(other, []);
        continue;
      }
      if (mayTake(victim, rule)) chosen.push(victim);
    }
  }
  for (const own of candidates) {
    if (own.room !== room || fits()) continue;
    own.room.give(own.entry.placement!);
    chosen.push(own);
  }
  const isEnough = fits();
  for (let index = chosen.length - 2; isEnough && index >= 0; index--) {
    const { room: its, entry } = chosen[index]!;
    its.take(entry.placement!);
    if (fits()) chosen.splice(index, 1);
    else its.give(entry.placement!);
  }
  for (const { room: its, entry } of chosen) its.take(entry.placement!);
  return isEnough && chosen.length > 0 ? chosen : undefined;

  function shareOf(one: QuotaRoom, two: QuotaRoom): number {
    return sharesBelow(one.node, two.node, indexes)[0];
  }

  /** Takes it out, if the rule allows. */
  function mayTake({ room: its, entry }: T, rule: FairRule): boolean {
    const before = shareOf(its, room);
    its.give(entry.placement!);
    const after = shareOf(its, room);
    room.take(placement);
    const wanted = shareOf(room, its);
    room.give(placement);
    const allowed = rule === 'final' ? wanted <= after : wanted < before;
    if (!allowed) its.take(entry.placement!);
    return allowed;
  }
}
