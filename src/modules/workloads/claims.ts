/** Whom an owner claims: dependents that it controls and that match, and orphans that match; those that match no more are let go. Pure. */
import type { KubeObject, LabelSelector } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner.ts';
import { matcherOfSelector } from '../../api/selector.ts';

export interface Claims<T extends KubeObject> {
  /** Controlled and matching, and those to adopt. */
  claimed: T[];
  adopt: T[];
  release: T[];
}

/** An owner that is being deleted keeps what it has, but adopts and releases nobody. */
export function claim<T extends KubeObject>(owner: KubeObject, selector: LabelSelector | undefined, dependents: readonly T[]): Claims<T> {
  const claims: Claims<T> = { claimed: [], adopt: [], release: [] };
  const matcher = matcherOfSelector(selector);
  const isDeleting = owner.metadata.deletionTimestamp !== undefined;
  for (const each of dependents) {
    const controller = controllerOf(each);
    if (controller !== undefined && controller.uid !== owner.metadata.uid) continue;
    const isMatch = matcher.matches(each.metadata.labels);
    if (controller !== undefined) {
      if (isMatch) claims.claimed.push(each);
      else if (!isDeleting) claims.release.push(each);
    } else if (isMatch && !isDeleting && each.metadata.deletionTimestamp === undefined) {
      claims.adopt.push(each);
      claims.claimed.push(each);
    }
  }
  return claims;
}
