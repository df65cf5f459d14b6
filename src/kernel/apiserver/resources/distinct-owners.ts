/** Owners that stand twice in an object (upstream: endpoints/handlers/rest.go, dedupOwnerReferences). */
import { equalJson } from '../../../api/json.ts';
import type { Json, ObjectMeta, OwnerReference } from '../../../api/meta.ts';

/** Keeps the first of owner references that are the same in all, and says so in a warning. Changes the metadata, which is ours. */
export function distinctOwners(metadata: ObjectMeta, warnings: string[] | undefined, { afterAdmission }: { afterAdmission: boolean }): void {
  const owners = metadata.ownerReferences ?? [];
  if (owners.length < 2) return;
  const kept: OwnerReference[] = [];
  const twice: string[] = [];
  const byUid = new Map<string, OwnerReference[]>();
  for (const owner of owners) {
    const same = byUid.get(owner.uid);
    if (same?.some((each) => equalJson(each as unknown as Json, owner as unknown as Json)) === true) {
      twice.push(owner.uid);
      continue;
    }
    kept.push(owner);
    if (same === undefined) byUid.set(owner.uid, [owner]);
    else same.push(owner);
  }
  if (twice.length === 0) return;
  metadata.ownerReferences = kept;
  const when = afterAdmission ? ' after mutating admission happens' : '';
  const text = `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${twice.join(', ')}`;
  if (warnings?.includes(text) === false) warnings.push(text);
}
