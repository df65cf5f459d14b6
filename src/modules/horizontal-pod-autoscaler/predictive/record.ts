/** The last day of a scaled object, a point every five minutes, and its last decisions: what plots and explanations are made of. Pure; about 4 KB. */
import type { ScalingDecision } from '../../../api/autoscaling/predictive-autoscaler.ts';

export interface RecordPoint { load: number; median: number; p80: number; p97: number; replicas: number; reactive: number }
const RECORD_FIELDS = ['load', 'median', 'p80', 'p97', 'replicas', 'reactive'] as const satisfies readonly (keyof RecordPoint)[];

const EVERY_MS = 300_000;
const POINTS = 288;
const DECISIONS = 20;

export class ScalingRecord {
  readonly decisions: ScalingDecision[] = [];
  readonly #values = new Float16Array(POINTS * RECORD_FIELDS.length).fill(Number.NaN);
  #newest = -1;

  /** The greatest of every five minutes is kept. */
  add(nowMs: number, point: RecordPoint): void {
    const number = Math.floor(nowMs / EVERY_MS);
    for (let passed = Math.max(this.#newest + 1, number - POINTS + 1); passed <= number; passed++) this.#row(passed).fill(Number.NaN);
    this.#newest = Math.max(this.#newest, number);
    const row = this.#row(number);
    for (const [index, field] of RECORD_FIELDS.entries()) row[index] = Number.isNaN(row[index]!) ? point[field] : Math.max(row[index]!, point[field]);
  }

  decide(decision: ScalingDecision): void {
    this.decisions.push(decision);
    if (this.decisions.length > DECISIONS) this.decisions.shift();
  }

  /** Columns of equal length, the oldest first; what was not seen has no point. */
  columns(): { times: number[] } & Record<keyof RecordPoint, number[]> {
    const numbers = Array.from({ length: POINTS }, (_, index) => this.#newest - POINTS + 1 + index).filter((number) => number >= 0 && !Number.isNaN(this.#row(number)[0]!));
    const column = (index: number): number[] => numbers.map((number) => Math.round(this.#row(number)[index]! * 1_000) / 1_000);
    return { times: numbers.map((number) => (number * EVERY_MS) / 1_000), load: column(0), median: column(1), p80: column(2), p97: column(3), replicas: column(4), reactive: column(5) };
  }

  #row(number: number): Float16Array {
    const at = (((number % POINTS) + POINTS) % POINTS) * RECORD_FIELDS.length;
    return this.#values.subarray(at, at + RECORD_FIELDS.length);
  }
}
