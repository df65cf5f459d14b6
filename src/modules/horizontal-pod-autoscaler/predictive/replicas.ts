/** Replicas in thought: what is ready when, had somebody set these numbers. */
const NONE: readonly never[] = [];

export class Replicas {
  /** With those that are starting. */
  total: number;
  ready: number;
  readonly #startMs: number;
  /** The oldest first. */
  #starting: readonly { readyMs: number; count: number }[] = NONE;

  constructor(total: number, startMs: number) {
    this.total = total;
    this.ready = total;
    this.#startMs = startMs;
  }

  advance(nowMs: number): void {
    let due = 0;
    while (due < this.#starting.length && this.#starting[due]!.readyMs <= nowMs) this.ready += this.#starting[due++]!.count;
    if (due > 0) this.#starting = due === this.#starting.length ? NONE : this.#starting.slice(due);
  }

  /** Those that go are the youngest. */
  set(wanted: number, nowMs: number): void {
    // A list of just its length: there are thousands.
    if (wanted > this.total) this.#starting = [...this.#starting, { readyMs: nowMs + this.#startMs, count: wanted - this.total }];
    let surplus = Math.max(0, this.total - wanted);
    let kept = this.#starting.length;
    for (; surplus > 0 && kept > 0; kept--) {
      const youngest = this.#starting[kept - 1]!;
      const gone = Math.min(surplus, youngest.count);
      youngest.count -= gone;
      surplus -= gone;
      if (youngest.count > 0) break;
    }
    if (kept < this.#starting.length) this.#starting = kept === 0 ? NONE : this.#starting.slice(0, kept);
    this.ready -= surplus;
    this.total = wanted;
  }
}
