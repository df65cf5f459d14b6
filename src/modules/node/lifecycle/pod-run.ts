/** What the steps of one pod share while it runs: the pod, its containers, the way to ask for another turn. */
import type { Pod, ResourceRequirements } from '../../../api/generated/core-v1.ts';
import type { NodeParts } from '../parts.ts';
import type { PreparedPod } from './prepare-pod.ts';
import type { ResizeState } from './resize.ts';
import { isFinal } from '../status/phase.ts';
import type { Slot } from './slot.ts';

/** Why the pod ends here: it was deleted, its object is gone already, or the node ended it itself. */
export interface Stop {
  reason: 'deleted' | 'gone' | 'finished';
  graceSeconds: number;
  deadlineMs: number;
}

export interface PodRun {
  readonly parts: NodeParts;
  readonly uid: string;
  /** `name_namespace(uid)`, for messages. */
  readonly label: string;
  readonly slots: Slot[];
  /** As last seen or written. */
  pod: Pod;
  /** The object is gone from the cluster. */
  gone: boolean;
  stop?: Stop;
  /** The node gave the pod up; perhaps with less time to end than its own, perhaps for want of something. */
  failed?: { reason: string; message: string; graceSeconds?: number; disruption?: string; rejected?: boolean };
  prepared?: PreparedPod;
  /** What its images took to come, in all, in ms. */
  pulledMs?: number;
  /** What was prepared, now or by an earlier llmos, was given back. */
  released?: boolean;
  /** From the end that made all containers begin again until the first of the application does. */
  restartingAll?: boolean;
  /** Of the pod as a whole: granted, and in force. Undefined where its spec says nothing. */
  whole?: { allocated: ResourceRequirements; actual: ResourceRequirements };
  /** A resize that is not done. */
  resize?: ResizeState;
  /** The pod's own control group is not yet as was granted, though its containers' may be. */
  isGroupDue?: boolean;
  /** Aborted when the pod is to end: what is being started is given up. */
  readonly ending: AbortSignal;
  /** Settled when a container has ended, by its id. */
  readonly endings: Map<string, PromiseWithResolvers<void>>;
  /** Asks for a turn now, or for another after the one that runs. */
  poke(): void;
  /** Asks for a turn at a time. */
  wakeAt(timeMs: number): void;
  /** Settles at the next poke. */
  changed(): Promise<void>;
  podIps(): readonly string[];
}

/** How soon to look again at what should have worked. */
export const RETRY_MS = 2_000;

export function isTerminal(pod: Pod): boolean {
  return isFinal(pod.status?.phase);
}

/** `slot` is the container that it is about. */
export function tell(run: PodRun, type: 'Normal' | 'Warning', reason: string, message: string, slot?: Slot): void {
  run.parts.context.events.event(run.pod, type, reason, message, slot === undefined ? undefined : { fieldPath: `spec.${LISTS[slot.role]}{${slot.container.name}}` });
}

const LISTS = { init: 'initContainers', sidecar: 'initContainers', app: 'containers', ephemeral: 'ephemeralContainers' } as const;
