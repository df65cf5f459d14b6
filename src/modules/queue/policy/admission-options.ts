/** What makes an admission: its room, its order, and what is let past whom. */
import type { RunTimePredictor } from '../prediction/predictor.ts';
import type { FairShareOptions } from './fair-share.ts';
import type { Compare } from './pending.ts';
import type { Resources } from './resources.ts';
import type { Room } from './room.ts';
import type { SharePreemptionOptions } from './share-preemption.ts';
import type { TrialOptions } from './trials.ts';
import type { YieldingOptions } from './yielding.ts';

export interface AdmissionOptions {
  /** A machine of its own with so much of everything; or else the room. */
  readonly capacity?: Resources;
  readonly room?: Room;
  readonly predictor: RunTimePredictor;
  /** The order of those that wait, or fair share among tenants with an order within each. */
  readonly order: Compare;
  readonly fairShare?: Omit<FairShareOptions, 'capacity'>;
  /** Under fair share: jobs of tenants that have more are stopped for those that have less. */
  readonly sharePreemption?: SharePreemptionOptions;
  /**
   * What those behind a job that does not fit may do. `none`: wait (strict). `skip`: go past it whenever they fit (best effort).
   * `easy`: go past it where that does not delay it.
   */
  readonly backfill: 'none' | 'skip' | 'easy';
  /** A job that waited for this part of the longest wait in the order of arrival goes before all others; without it, one may wait for ever. */
  readonly patience?: number;
  /** The part of the work that goes to the first ones all the same while others have waited for too long, 0 to 1; default 0. */
  readonly passingShare?: number;
  /** Resumable jobs are stopped for much shorter ones, and for those that waited for too long. */
  readonly yielding?: YieldingOptions;
  /** Instead of patience: waits are bounded by those of the order of arrival with EASY backfilling, as they are so far. */
  readonly shadowBound?: boolean;
  /** Short runs by which jobs that end at once are told from long ones. A job that is stopped after one has lost what it did. */
  readonly trials?: TrialOptions;
}
