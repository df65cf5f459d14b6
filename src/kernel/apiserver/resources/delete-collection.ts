/** deletecollection: delete all that a selection matches, many at once so that they share the store's groups. */
import { isApiError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kind.ts';
import type { Stored } from '../../store/store.ts';
import type { Door, WriteContext } from '../door.ts';
import { deleteObject, type DeleteRequest } from './delete.ts';
import { listStored, type ListOutcome, type ListQuery } from './list.ts';

const AT_ONCE = 64;

/** What was there when it began. */
export async function deleteCollection(door: Door, kind: Kind, query: ListQuery, options: DeleteRequest, context: WriteContext): Promise<ListOutcome> {
  const listed = await listStored(door, kind, query);
  for (let at = 0; at < listed.items.length; at += AT_ONCE) {
    await Promise.all(listed.items.slice(at, at + AT_ONCE).map((stored) => deleteOne(door, kind, stored, options, context)));
  }
  return listed;
}

async function deleteOne(door: Door, kind: Kind, stored: Stored, options: DeleteRequest, context: WriteContext): Promise<void> {
  const { namespace, name } = stored.object.metadata;
  try {
    await deleteObject(door, kind, { namespace, name: name!, unnamed: true }, options, context);
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
}
