/** get: one object as it is on the disk. */
import { notFound } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kind.ts';
import type { Stored } from '../../store/store.ts';
import type { Door } from '../door.ts';
import { keyOf } from '../kind-table.ts';

export function getStored(door: Door, kind: Kind, namespace: string | undefined, name: string): Stored {
  const stored = door.store.get(keyOf(kind, namespace, name));
  if (stored === undefined) throw notFound(kind, name);
  return stored;
}
