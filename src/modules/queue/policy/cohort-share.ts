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
export function sharesBelow(left: QuotaNode, right: QuotaNode, indexes: ResourceIndexes): readonly [number, number] {
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
