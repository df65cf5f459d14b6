/** Fields that a path of a kind cannot write, and so nobody owns by writing there. */
import { fieldsOf, NO_FIELDS, union, type Fields } from './field-set.ts';

const STATUS = fieldsOf([['f:status']]);
const NOT_BY_STATUS = fieldsOf([['f:spec'], ['f:metadata', 'f:finalizers'], ['f:metadata', 'f:ownerReferences'], ['f:metadata', 'f:deletionTimestamp']]);
const ALL_BUT_STATUS = union(NOT_BY_STATUS, fieldsOf([['f:metadata', 'f:labels'], ['f:metadata', 'f:annotations']]));

/** For the object itself: its status when that has a path of its own. For /status: spec and metadata, of which built-in kinds write labels and annotations there. */
export function resetFieldsOf(kind: { subresources: { status?: boolean }; rules?: { statusOnly?: boolean } }, subresource: string): Fields {
  if (subresource === 'status') return kind.rules?.statusOnly === true ? ALL_BUT_STATUS : NOT_BY_STATUS;
  return subresource === '' && kind.subresources.status === true ? STATUS : NO_FIELDS;
}
