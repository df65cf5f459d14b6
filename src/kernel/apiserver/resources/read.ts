/** get: one object as it is on the disk, or as its source makes it. */
import { notFound } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kind.ts';
import type { Stored } from '../../store/store.ts';
import { deepFreeze } from '../../../api/json.ts';
import type { KubeObject } from '../../../api/meta.ts';
import type { Door } from '../door.ts';
import { keyOf } from '../kind-table.ts';

export function getStored(door: Door, kind: Kind, namespace: string | undefined, name: string): Stored {
  const source = door.kinds.sourceOf(kind);
  const stored = source === undefined ? door.store.get(keyOf(kind, namespace, name)) : computed(door, kind, source.get(namespace, name));
  if (stored === undefined) throw notFound(kind, name);
  return stored;
}

/** An object that is not stored, in the form of those that are. */
export function computed(door: Door, kind: Kind, object: KubeObject): Stored;
export function computed(door: Door, kind: Kind, object: KubeObject | undefined): Stored | undefined;
export function computed(door: Door, kind: Kind, object: KubeObject | undefined): Stored | undefined {
  if (object === undefined) return undefined;
  const { revision } = door.store;
  return { key: keyOf(kind, object.metadata.namespace, object.metadata.name ?? ''), revision, createRevision: revision, object: deepFreeze(object), get bytes() { return Buffer.from(JSON.stringify(object)); } };
}
