/** What is too large because of who owns its fields is stored without that (upstream: isTooLargeError in endpoints/handlers, create.go, update.go and patch.go; not for apply). */
import type { KubeObject } from '../../../api/meta.ts';
import { isStoreError, type Stored } from '../../store/store.ts';

/** `store` writes `object` as it is when called. Rejects with `large` when it is too large even so. */
export async function orWithoutManagers(object: KubeObject, store: () => Promise<Stored>): Promise<Stored> {
  try {
    return await store();
  } catch (error) {
    if (!isStoreError(error, 'large') || object.metadata.managedFields === undefined) throw error;
    delete object.metadata.managedFields;
    return store();
  }
}
