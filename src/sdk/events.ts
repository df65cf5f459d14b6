/** Events as Kubernetes writes them: what happened to an object, in a reason and a sentence; repeated ones are counted, not repeated. */
import type { KubeObject } from '../api/meta.ts';

/** Of what part of the object an event tells. */
export interface EventPart {
  /** As of core/v1 ObjectReference: `spec.containers{NAME}`. */
  fieldPath?: string;
}

export interface EventRecorder {
  /** Never throws and never waits: an event that cannot be written is logged. */
  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, part?: EventPart): void;
}
