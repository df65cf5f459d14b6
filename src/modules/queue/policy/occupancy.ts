/** What the running jobs of a queue take: places of its room, parts of their tenants, and work from each second that passes. */
import type { TenantUse } from './fair-share.ts';
import type { Entry } from './job.ts';
import { add, dominantShare, fits, subtract, type Resources } from './resources.ts';
import type { Placement, Room } from './room.ts';
import { Running } from './running.ts';

export class Occupancy {
  readonly running = new Running();
  readonly #room: Room;
  readonly #use: TenantUse;
  /** What they take together. */
  readonly #holds: number[];

  constructor(room: Room, use: TenantUse) {
    this.#room = room;
    this.#use = use;
    this.#holds = room.capacity.map(() => 0);
  }

  /** How a job fits: one whose trial is judged stays where it is, or goes. */
  placeFor(entry: Entry, available: Resources): Placement | undefined {
    if (entry.placement === undefined) return this.#room.place(entry.job, available);
    return fits(entry.placement.amount, available) ? entry.placement : undefined;
  }

  /** Its expected end must be known. */
  begin(entry: Entry, placement: Placement, now: number): void {
    this.#take(entry, placement, now);
    this.running.add(entry);
  }

  /** It keeps its placement, so that one whose trial is judged can go on there. */
  end(entry: Entry, now: number): void {
    this.running.remove(entry);
    this.#give(entry, now);
  }

  resize(entry: Entry, placement: Placement, now: number): void {
    this.#give(entry, now);
    this.#take(entry, placement, now);
  }

  /** The dominant share of the whole that a job takes, or would take. */
  shareOf(entry: Entry): number {
    return dominantShare(entry.placement?.amount ?? entry.job.request, this.#room.capacity);
  }

  /** The work of so many seconds, in dominant shares times seconds. */
  workOf(seconds: number): number {
    return dominantShare(this.#holds, this.#room.capacity) * seconds;
  }

  #take(entry: Entry, placement: Placement, now: number): void {
    entry.placement = placement;
    this.#room.take(placement);
    add(this.#holds, placement.amount);
    this.#use.started(entry, now);
  }

  #give(entry: Entry, now: number): void {
    const placement = entry.placement!;
    this.#use.stopped(entry, now);
    this.#room.give(placement);
    subtract(this.#holds, placement.amount);
  }
}
