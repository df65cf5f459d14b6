/** Door: what every step of the handler chain stands on. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Annotate, UserInfo, DeadlineSignal } from '../../sdk/module.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Pace } from './flow-control/turns.ts';
import type { Store, Stored } from '../store/store.ts';
import type { AdmissionChain } from './admission.ts';
import type { KindTable } from './kind-table.ts';

export interface Door {
  readonly store: Store;
  readonly kinds: KindTable;
  readonly admissions: AdmissionChain;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when the door closes. */
  readonly signal: AbortSignal;
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** Who writes, and how. */
export interface WriteContext {
  user: UserInfo;
  /** The name in managedFields. */
  manager: string;
  dryRun: boolean;
  fieldValidation: FieldValidation;
  /** What the client said of its options beside these, as admission sees it. */
  options?: { readonly fieldValidation: FieldValidation };
  /** Fields that the text of the body had twice, as findings: `duplicate field "spec"`. */
  duplicates?: readonly string[];
  /** The object comes of a patch, and this is how a refusal of its fields shows it. */
  shownAs?: (object: KubeObject) => string;
  /** It comes of a strategic merge patch. */
  isStrategic?: boolean;
  /** Texts for Warning headers are added here. */
  warnings: string[];
  /** Adds to what the audit log tells of the request. */
  annotate?: Annotate;
  /** After that nothing is stored. */
  deadline?: DeadlineSignal;
  /** Others' turns between the steps of a write, and the length of its body: what is big takes them. */
  pace?: Pace;
  bodyBytes?: number;
  /** Throws Forbidden when the client may not create: asked before an update or an apply makes the object (upstream: withAuthorization of update.go and patch.go). Default: it may. */
  mayCreate?(): void;
}

/** What a read or write gives: the stored state, or on a dry run only the object that would be. */
export interface Outcome {
  stored?: Stored;
  object: KubeObject;
  /** An update that made the object. */
  created?: true;
}

export function outcomeOf(stored: Stored): Outcome {
  return {
    stored,
    // Parsed only when somebody looks: an answer over HTTP needs the bytes alone.
    get object() {
      return stored.object;
    },
  };
}
