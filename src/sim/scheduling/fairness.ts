/**
 * How fairly tenants were served: Jain's index over the tenants of what each got, while it had jobs waiting, over what it was entitled to then. Entitled is
 * an equal part of the capacity, of which nobody gets more than it wants and what is left goes to the others (max-min).
 * Source: Jain, Chiu and Hawe, A quantitative measure of fairness, DEC-TR-301, 1984.
 */
export class FairnessMeter {
  readonly #capacity: number;
  readonly #stepSeconds: number;
  readonly #tenants = new Map<string, { waits: number; holds: number; got: number; entitled: number }>();
  #at = 0;

  /** `stepSeconds`: what happens within a step is counted at its end. */
  constructor(capacity: number, stepSeconds: number) {
    this.#capacity = capacity;
    this.#stepSeconds = stepSeconds;
  }

  waits(tenant: string, delta: number): void {
    this.#of(tenant).waits += delta;
  }

  holds(tenant: string, delta: number): void {
    this.#of(tenant).holds += delta;
  }

  advance(now: number): void {
    const seconds = now - this.#at;
    if (seconds < this.#stepSeconds) return;
    this.#at = now;
    const wanting = [...this.#tenants.values()].filter(({ waits, holds }) => waits + holds > 0).sort((left, right) => left.waits + left.holds - right.waits - right.holds);
    let left = this.#capacity;
    for (const [index, tenant] of wanting.entries()) {
      const part = Math.min(tenant.waits + tenant.holds, left / (wanting.length - index));
      left -= part;
      if (tenant.waits === 0) continue;
      tenant.got += Math.min(tenant.holds, part) * seconds;
      tenant.entitled += part * seconds;
    }
  }

  /** 1 when all got the same part of what they were entitled to; 1/n when one got all. */
  get index(): number {
    const parts = [...this.#tenants.values()].filter(({ entitled }) => entitled > 0).map(({ got, entitled }) => got / entitled);
    const sum = parts.reduce((total, part) => total + part, 0);
    const squares = parts.reduce((total, part) => total + part * part, 0);
    return squares === 0 ? 1 : (sum * sum) / (parts.length * squares);
  }

  #of(name: string): { waits: number; holds: number; got: number; entitled: number } {
    let tenant = this.#tenants.get(name);
    if (tenant === undefined) this.#tenants.set(name, (tenant = { waits: 0, holds: 0, got: 0, entitled: 0 }));
    return tenant;
  }
}
