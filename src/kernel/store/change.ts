/** The three changes, as writes that are checked and numbered but not on the disk yet. Each throws when it may not be. */
import type { KubeObject } from '../../api/meta.ts';
import { resourceOf } from './keys.ts';
import { ADDED, DELETED, MODIFIED } from './revision-log.ts';
import { StoreError } from './store.ts';
import { encode, StoredObject, type ParsedObjects } from './stored-object.ts';
import type { Write, Writer } from './writer.ts';

export interface Changing {
  writer: Writer;
  parsedObjects: ParsedObjects;
  maxObjectBytes: number;
}

export function creation(on: Changing, key: string, object: KubeObject): Write {
  resourceOf(key);
  if (on.writer.newest(key) !== undefined) throw new StoreError('exists', `${key} exists already`, { key });
  return { type: ADDED, stored: nextState(on, key, object), previous: undefined };
}

export function replacement(on: Changing, key: string, object: KubeObject, options: { revision: number }): Write {
  const previous = current(on, key, options.revision);
  return { type: MODIFIED, stored: nextState(on, key, object, previous.createRevision), previous };
}

export function deletion(on: Changing, key: string, options: { revision?: number; object?: KubeObject }): Write {
  const previous = current(on, key, options.revision);
  return { type: DELETED, stored: nextState(on, key, options.object ?? previous.object, previous.createRevision), previous, bare: options.object === undefined };
}

function current(on: Changing, key: string, revision: number | undefined): StoredObject {
  const newest = on.writer.newest(key);
  if (newest === undefined) throw new StoreError('missing', `${key} does not exist`, { key });
  if (revision !== undefined && newest.revision !== revision)
    throw new StoreError('modified', `${key} is at revision ${newest.revision}, not ${revision}: read it again`, { key });
  return newest;
}

function nextState(on: Changing, key: string, object: KubeObject, createRevision?: number): StoredObject {
  on.writer.check();
  const revision = on.writer.nextRevision();
  const encoded = encode(object, { key, revision, maxBytes: on.maxObjectBytes });
  return new StoredObject(on.parsedObjects, key, revision, createRevision ?? revision, encoded.bytes, encoded.object);
}
