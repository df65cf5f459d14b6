/** A policy of scaling as the simulator and the autoscaler see it: what is observed in, replicas out. No clock and no I/O. */
export interface Observation {
  readonly nowMs: number;
  /** Mean of the ready replicas, as a part of what each can do. */
  readonly utilisation: number;
  /** They do all that they can, so that more may be asked of them than is seen. Default false. */
  readonly saturated?: boolean;
  readonly ready: number;
  /** With those that are starting. */
  readonly total: number;
}

export interface ScalingPolicy {
  /** Called once a round of the loop. */
  decide(observation: Observation): number;
}
