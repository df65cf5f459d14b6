/** What becomes of an object, from what is known of its owners. Pure. */
import type { OwnerReference } from '../../api/meta.ts';

/** `solid` is there; `waiting` is deleted in the foreground and waits for this; `absent` is not there; `unknown` cannot be told. */
export type OwnerState = 'solid' | 'waiting' | 'absent' | 'unknown';

export type Verdict =
  | { action: 'keep' }
  /** Only these owners are left. */
  | { action: 'disown'; owners: readonly OwnerReference[] }
  | { action: 'delete'; propagationPolicy: 'Foreground' | 'Background' | 'Orphan'; unblock: boolean };

export interface Judged {
  owner: OwnerReference;
  state: OwnerState;
}

export interface Facts {
  hasDependents: boolean;
  /** Whether a dependent is itself deleted in the foreground: a circle, which must not block. */
  hasWaitingDependents: boolean;
  finalizers: readonly string[];
}

export function verdictOf(owners: readonly Judged[], { hasDependents, hasWaitingDependents, finalizers }: Facts): Verdict {
  const of = (state: OwnerState): Judged[] => owners.filter((each) => each.state === state);
  if (owners.length === 0) return KEEP;
  const [solid, waiting] = [of('solid'), of('waiting')];
  const certain = [...of('solid'), ...of('unknown')];
  if (certain.length > 0) {
    // An owner of which nothing can be told keeps the object, and so do the references to it.
    if (certain.length === owners.length || solid.length === 0) return KEEP;
    return { action: 'disown', owners: owners.filter((each) => certain.includes(each)).map((each) => each.owner) };
  }
  if (waiting.length > 0 && hasDependents) return { action: 'delete', propagationPolicy: 'Foreground', unblock: hasWaitingDependents };
  const propagationPolicy = finalizers.includes('orphan') ? 'Orphan' : finalizers.includes('foregroundDeletion') ? 'Foreground' : 'Background';
  return { action: 'delete', propagationPolicy, unblock: false };
}

const KEEP: Verdict = { action: 'keep' };
