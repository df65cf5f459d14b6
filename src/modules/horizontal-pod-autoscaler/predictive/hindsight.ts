/**
 * What one who knew the load would have had: at every moment the most that is needed until a replica asked for then is ready, and in the five minutes before, so that it makes no
 * more changes than others. Known a start later. Pure.
 */
const STABLE_MS = 300_000;
const MOST_NEED = 65_535;

export class Hindsight {
  /** Mean replicas; older ones fade as those of the shadows do. */
  mean = 0;
  readonly #share: number;
  /** Of each step in the window. */
  readonly #needs: Uint16Array;
  #steps = 0;
  #most = 0;

  constructor({ stepMs, startMs, share }: { stepMs: number; startMs: number; share: number }) {
    this.#share = share;
    this.#needs = new Uint16Array(Math.ceil(STABLE_MS / stepMs) + Math.ceil(startMs / stepMs) + 1);
  }

  /** `need`: the replicas that this step needs, at least one. */
  add(need: number): void {
    const at = this.#steps++ % this.#needs.length;
    const gone = this.#needs[at]!;
    this.#needs[at] = Math.min(MOST_NEED, need);
    if (need >= this.#most) this.#most = this.#needs[at]!;
    else if (gone === this.#most) this.#most = this.#needs.reduce((most, each) => Math.max(most, each), 0);
    this.mean += Math.max(this.#share, 1 / this.#steps) * (this.#most - this.mean);
  }
}
