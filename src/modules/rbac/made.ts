/** What all default roles and bindings say of themselves, and whom they name. */
import type { Subject } from '../../api/generated/rbac-v1.ts';
import type { ObjectMeta } from '../../api/meta.ts';
import { RBAC } from '../../api/rbac/rbac.ts';

/** Says that what is missing is made again at each start; `false` there leaves the object to its owner. */
export const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

export function defaultMetadata(metadata: ObjectMeta): ObjectMeta {
  return { ...metadata, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...metadata.labels }, annotations: { [AUTOUPDATE]: 'true' } };
}

export const user = (name: string): Subject => ({ apiGroup: RBAC, kind: 'User', name });
export const group = (name: string): Subject => ({ apiGroup: RBAC, kind: 'Group', name });
/** A service account of kube-system. */
export const account = (name: string): Subject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' });
