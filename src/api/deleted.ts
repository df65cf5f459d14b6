/** What a delete answers when the object is gone: for most kinds a Status, for these the object as it was (upstream: ReturnDeletedObject of their storage). */
import type { Kind } from './kind.ts';

const ANSWERED_WITH_OBJECT: Readonly<Record<string, readonly string[]>> = {
  '': ['persistentvolumeclaims', 'persistentvolumes', 'pods', 'podtemplates', 'resourcequotas', 'serviceaccounts', 'services'],
  'resource.k8s.io': ['deviceclasses', 'devicetaintrules', 'resourceclaims', 'resourceclaimtemplates', 'resourceslices'],
  'storage.k8s.io': ['csidrivers', 'csinodes', 'storageclasses', 'volumeattachments', 'volumeattributesclasses'],
};

export function answersWithDeleted({ group, plural }: Pick<Kind, 'group' | 'plural'>): boolean {
  return ANSWERED_WITH_OBJECT[group]?.includes(plural) ?? false;
}
