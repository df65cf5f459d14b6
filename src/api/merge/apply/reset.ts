/** Fields that a path of a kind cannot write, and so nobody owns by writing there. */
import { fieldsOf, NO_FIELDS, type Fields } from './field-set.ts';

const STATUS = fieldsOf([['f:status']]);
const ALL_BUT_STATUS = fieldsOf([['f:spec'], ['f:metadata', 'f:labels'], ['f:metadata', 'f:annotations'], ['f:metadata', 'f:finalizers'], ['f:metadata', 'f:ownerReferences'], ['f:metadata', 'f:deletionTimestamp']]);

/** For the object itself: its status when that has a path of its own. For /status: spec and the changeable metadata. */
export function resetFieldsOf(kind: { subresources: { status?: boolean } }, subresource: string): Fields {
  if (subresource === 'status') return ALL_BUT_STATUS;
  return subresource === '' && kind.subresources.status === true ? STATUS : NO_FIELDS;
}
