/** Sets of pods that get the same flavors, and are placed as one: a leader and those that it leads. Source: Kueue, podset-group-name. */
import type { SetDemand, SetPlacement } from './quota-room.ts';

export type Amounts = readonly (readonly [resource: string, much: number])[];

/** Places of sets that are placed together: those of a group, and each of the others for itself. */
export function groupsOf(demand: readonly SetDemand[]): readonly (readonly number[])[] {
  const groups: number[][] = [];
  for (const [which, { group }] of demand.entries()) {
    const known = group === undefined ? undefined : groups.find(([first]) => demand[first!]!.group === group);
    if (known === undefined) groups.push([which]);
    else known.push(which);
  }
  return groups;
}

export function sumOf(lists: readonly Amounts[]): Amounts {
  if (lists.length === 1) return lists[0]!;
  const sum = new Map<string, number>();
  for (const [resource, much] of lists.flat()) sum.set(resource, (sum.get(resource) ?? 0) + much);
  return [...sum];
}

export function inOrderOf(demand: readonly SetDemand[], sets: SetPlacement[]): readonly SetPlacement[] {
  return demand.some(({ group }) => group !== undefined) ? demand.map(({ name }) => sets.find((each) => each.name === name)!) : sets;
}
