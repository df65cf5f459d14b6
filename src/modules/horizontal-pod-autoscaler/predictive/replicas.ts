/** Replicas in thought: what is ready when, had somebody set these numbers. */
export class Replicas {
  /** With those that are starting. */
  total: number;
  ready: number;
  readonly #startMs: number;
  /** The oldest first. */
  #starting: { readyMs: number; count: number }[] = [];

  constructor(total: number, startMs: number) {
    this.total = total;
    this.ready = total;
    this.#startMs = startMs;
  }

  advance(nowMs: number): void {
    while (this.#starting.length > 0 && this.#starting[0]!.readyMs <= nowMs) this.ready += this.#starting.shift()!.count;
  }

  /** Those that go are the youngest. */
  set(wanted: number, nowMs: number): void {
    if (wanted > this.total) this.#starting.push({ readyMs: nowMs + this.#startMs, count: wanted - this.total });
    let surplus = Math.max(0, this.total - wanted);
    while (surplus > 0 && this.#starting.length > 0) {
      const youngest = this.#starting.at(-1)!;
      const gone = Math.min(surplus, youngest.count);
      youngest.count -= gone;
      surplus -= gone;
      if (youngest.count === 0) this.#starting.pop();
    }
    this.ready -= surplus;
    this.total = wanted;
  }
}
