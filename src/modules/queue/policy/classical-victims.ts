/**
 * Whom a job has stopped where the queues of a cohort do not share fairly. First those that have what is nearer to its queue than to theirs: they are in another part of the tree than the quota that the job
 * fits in, and have to give it back whatever their priority. Then those of its own part, as the rules of its queue about borrowing allow; and those of its own queue.
 * Source: Kueue, the choice of targets of classical preemption and its candidates in a hierarchy of cohorts.
 */
import type { Entry, Preemption } from './job.ts';
import type { QuotaPlacement, QuotaRoom } from './quota-room.ts';
import type { QuotaNode } from './quota-tree.ts';

interface Victim { readonly room: QuotaRoom; readonly entry: Entry }
type Kind = 'nearer' | 'withoutBorrowing' | 'whileBorrowing' | 'own';
interface Candidate<T extends Victim> { readonly victim: T; readonly kind: Kind; readonly between: readonly QuotaNode[] }
type Chosen<T> = T & { readonly reason: Preemption['reason'] };

export interface ClassicalOptions {
  /** The places in the tree of what is lacking. */
  readonly scarce: readonly number[];
  /** Whether it may borrow and have jobs of others stopped, and of at most which priority. */
  readonly borrowUpTo: number | undefined;
  hasDomains(): boolean;
}

const REASONS: Readonly<Record<Kind, Preemption['reason']>> = { nearer: 'InCohortReclamation', withoutBorrowing: 'InCohortReclamation', whileBorrowing: 'InCohortReclaimWhileBorrowing', own: 'InClusterQueue' };

/** `victims`: in the order in which they are asked for. As few as will do; undefined where it does not fit all the same. Rooms are as before. */
export function classicalVictims<T extends Victim>(room: QuotaRoom, head: { readonly entry: Entry; readonly placement: QuotaPlacement }, victims: readonly T[], options: ClassicalOptions): Chosen<T>[] | undefined {
  const { scarce, borrowUpTo } = options;
  const above = ancestors(room, head.placement);
  const found = victims.flatMap((victim): Candidate<T>[] => {
    if (victim.room === room) return [{ victim, kind: 'own', between: [] }];
    const between = pathTo(victim.room.node, above);
    if (between.some((node) => isWithin(node, scarce))) return [];
    if (above.get(between.at(-1)!.parent!) === true) return [{ victim, kind: 'nearer', between }];
    const isHigh = borrowUpTo === undefined || victim.entry.job.priority >= Math.min(head.entry.job.priority, borrowUpTo + 1);
    return [{ victim, kind: isHigh ? 'withoutBorrowing' : 'whileBorrowing', between }];
  });
  const isOf = (...kinds: Kind[]) => ({ kind }: Candidate<T>): boolean => kinds.includes(kind);
  const candidates = [...found.filter(isOf('nearer')), ...found.filter(isOf('whileBorrowing', 'withoutBorrowing')), ...found.filter(isOf('own'))];
  for (const borrowing of attempts(room, candidates, options)) {
    const chosen = new Choice<T>(room, head.placement, { ...options, borrowing }).of(candidates.filter(({ kind }) => !borrowing || kind !== 'withoutBorrowing'));
    if (chosen !== undefined) return chosen;
  }
  return undefined;
}

/** Whether it may borrow: what is tried first, and then. */
function attempts(room: QuotaRoom, candidates: readonly Candidate<Victim>[], { scarce, borrowUpTo }: ClassicalOptions): readonly boolean[] {
  const isUnder = scarce.every((index) => room.node.usage(index) < room.node.nominal[index]!);
  if (candidates.every(({ kind }) => kind === 'own') || (borrowUpTo === undefined && !isUnder)) return [true];
  return borrowUpTo === undefined && !candidates.some(({ kind }) => kind === 'nearer') ? [false, true] : [true, false];
}

/** The cohorts above a queue, and of each whether the job fits in the quota of what is below it and on the way to the queue. */
function ancestors(room: QuotaRoom, { amount }: QuotaPlacement): Map<QuotaNode, boolean> {
  const found = new Map<QuotaNode, boolean>();
  let left = room.dimensions.flatMap(({ index }, place) => (amount[place]! > 0 ? [{ index, much: amount[place]! }] : []));
  let fits = false;
  for (let node: QuotaNode | undefined = room.node; node?.parent !== undefined; node = node.parent) {
    const here = node;
    fits ||= left.every(({ index, much }) => !here.exceeds(index, much));
    left = left.map(({ index, much }) => ({ index, much: here.beyondKept(index, much) }));
    found.set(here.parent!, fits);
  }
  return found;
}

/** From a node up to below the first of the ancestors. */
function pathTo(from: QuotaNode, above: ReadonlyMap<QuotaNode, boolean>): QuotaNode[] {
  const path: QuotaNode[] = [];
  for (let node: QuotaNode | undefined = from; node !== undefined && !above.has(node); node = node.parent) path.push(node);
  return path;
}

function isWithin(node: QuotaNode, scarce: readonly number[]): boolean {
  return scarce.every((index) => !node.exceeds(index));
}

/** One after the other is taken out until the job fits, and then, the last one first, put back where it fits all the same. */
class Choice<T extends Victim> {
  readonly #room: QuotaRoom;
  readonly #placement: QuotaPlacement;
  readonly #options: ClassicalOptions & { readonly borrowing: boolean };

  constructor(room: QuotaRoom, placement: QuotaPlacement, options: ClassicalOptions & { readonly borrowing: boolean }) {
    this.#room = room;
    this.#placement = placement;
    this.#options = options;
  }

  of(candidates: readonly Candidate<T>[]): Chosen<T>[] | undefined {
    const chosen: Chosen<T>[] = [];
    for (const { victim, kind, between } of candidates) {
      if (between.some((node) => isWithin(node, this.#options.scarce))) continue; // by now it has given back enough
      victim.room.give(victim.entry.placement!);
      chosen.push({ ...victim, reason: REASONS[kind] });
      if (this.#fits()) break;
    }
    const isEnough = chosen.length > 0 && this.#fits();
    if (isEnough) this.#putBack(chosen);
    for (const { room, entry } of chosen) room.take(entry.placement!);
    return isEnough ? chosen : undefined;
  }

  #putBack(chosen: Chosen<T>[]): void {
    for (let index = chosen.length - 2; index >= 0; index--) {
      const { room, entry } = chosen[index]!;
      room.take(entry.placement!);
      if (this.#fits()) chosen.splice(index, 1);
      else room.give(entry.placement!);
    }
  }

  #fits(): boolean {
    return this.#room.has(this.#placement, { borrowing: this.#options.borrowing }) && this.#options.hasDomains();
  }
}
