/** Fields that a path of a kind cannot write, and so nobody owns by writing there. */
import type { Rules } from '../../kind.ts';
import type { KubeObject } from '../../meta.ts';
import { fieldsOf, NO_FIELDS, union, type Fields } from './field-set.ts';

const STATUS = fieldsOf([['f:status']]);
const NOT_BY_STATUS = fieldsOf([['f:spec'], ['f:metadata', 'f:deletionTimestamp']]);
const METADATA = fieldsOf([['f:spec'], ['f:metadata']]);

/**
 * For the object itself: its status when that has a path of its own, and what the kind keeps in every update. For /status: the spec, and the metadata as far
 * as the kind keeps it there (upstream: GetResetFields of each strategy).
 */
export function resetFieldsOf(kind: { subresources: { status?: boolean }; rules?: Pick<Rules<KubeObject>, 'updateKeeps' | 'statusKeeps'> }, subresource: string): Fields {
  const { updateKeeps = [], statusKeeps = [] } = kind.rules ?? {};
  if (subresource === 'status') return statusKeeps === 'metadata' ? METADATA : union(NOT_BY_STATUS, fieldsOf(statusKeeps.map((field) => ['f:metadata', `f:${field}`])));
  if (subresource !== '') return NO_FIELDS;
  return union(kind.subresources.status === true ? STATUS : NO_FIELDS, fieldsOf(updateKeeps.map((field) => [`f:${field}`])));
}
