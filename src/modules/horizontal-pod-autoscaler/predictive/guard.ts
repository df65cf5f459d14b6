/**
 * Whether a value of a metric may be believed. A source that fails, freezes, jumps, goes back in time or sends no number is no reason to scale: the last number of
 * replicas is held, and when the source is well again, replicas go down slowly for a while. Pure.
 */
export interface Sample {
  readonly load: number;
  /** When it was measured, where the source tells. */
  readonly measuredMs?: number;
  /** The greatest load that was held to be possible (its last quantile), where there is a forecast and a source that could say anything. */
  readonly most?: number;
}

export type Fault = 'Failed' | 'NotANumber' | 'Frozen' | 'Backwards' | 'Jumped' | 'Vanished';

export interface Verdict {
  readonly fault?: Fault;
  readonly message: string;
  /** Replicas may not go below this part of those that there are, while the source was faulty lately; 0 when they may. */
  readonly keep: number;
}

/** A source may stand still for so long; metrics.k8s.io has windows of 15 to 60 s. */
const FROZEN_MS = 150_000;
const RECOVERY_MS = 300_000;
/**
 * A load so many times the greatest that was possible has to be seen again before it is believed, and so has a sudden nothing. Once: a crowd that is real waits a round, no more.
 */
const JUMP = 3;
const CONFIRMATIONS = 1;
const NOTHING_CONFIRMATIONS = 8;
/** What had so little to do, in replicas that are wholly busy, may well have nothing. */
const LITTLE = 0.5;
const RECOVERY_KEEPS = 0.9;
const OK: Verdict = { message: '', keep: 0 };

export class Guard {
  #load = Number.NaN;
  #measuredMs = -Infinity;
  #movedMs = -Infinity;
  #strange = 0;
  #faultyMs = -Infinity;

  /** Undefined where the value could not be had. */
  judge(nowMs: number, sample: Sample | undefined, failure = 'the metric could not be had'): Verdict {
    const fault = this.#faultOf(nowMs, sample);
    if (fault !== undefined) {
      this.#faultyMs = nowMs;
      return { fault, message: fault === 'Failed' ? failure : MESSAGES[fault], keep: 1 };
    }
    return nowMs - this.#faultyMs < RECOVERY_MS ? { message: '', keep: RECOVERY_KEEPS } : OK;
  }

  #faultOf(nowMs: number, sample: Sample | undefined): Fault | undefined {
    if (sample === undefined) return 'Failed';
    const { load, measuredMs, most = Infinity } = sample;
    if (!Number.isFinite(load) || load < 0) return 'NotANumber';
    if (measuredMs !== undefined && measuredMs < this.#measuredMs) return 'Backwards';
    if (this.#stands(nowMs, sample)) return 'Frozen';
    const strange: { fault: Fault; rounds: number } | undefined = load > JUMP * Math.max(most, 1, Number.isNaN(this.#load) ? 0 : this.#load) ? { fault: 'Jumped', rounds: CONFIRMATIONS } : load === 0 && this.#load > LITTLE ? { fault: 'Vanished', rounds: NOTHING_CONFIRMATIONS } : undefined;
    if (strange !== undefined && ++this.#strange <= strange.rounds) return strange.fault;
    this.#strange = 0;
    this.#load = load;
    return undefined;
  }

  /** By its time where that is told; a value alone may well stay the same. */
  #stands(nowMs: number, { measuredMs }: Sample): boolean {
    if (measuredMs === undefined || measuredMs > this.#measuredMs) {
      this.#measuredMs = measuredMs ?? this.#measuredMs;
      this.#movedMs = nowMs;
    }
    return nowMs - this.#movedMs > FROZEN_MS;
  }
}

const MESSAGES: Readonly<Record<Exclude<Fault, 'Failed'>, string>> = {
  NotANumber: 'the metric is no number that is not negative',
  Frozen: `the metric has not been measured anew for ${FROZEN_MS / 1_000} s`,
  Backwards: 'the metric is older than the one before',
  Jumped: 'the metric jumped beyond all that was possible, and has not been confirmed yet',
  Vanished: 'the metric fell to nothing at once, and has not been confirmed yet',
};
