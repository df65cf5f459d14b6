/** A policy of scaling as the simulator and the autoscaler see it: what is observed in, replicas out. No clock and no I/O. */
export interface Observation {
  readonly nowMs: number;
  /** Mean of the ready replicas, as a part of what each can do: at most 1, since none can do more. */
  readonly utilisation: number;
  readonly ready: number;
  /** With those that are starting. */
  readonly total: number;
}

export interface ScalingPolicy {
  /** Called once a round of the loop. */
  decide(observation: Observation): number;
}
