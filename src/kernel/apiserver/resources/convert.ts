/** Versions of one resource share their objects: what is stored may say another apiVersion than the kind that is asked for. */
import type { Kind } from '../../../api/kind.ts';
import { apiVersionOf, type KubeObject } from '../../../api/meta.ts';
import type { Stored } from '../../store/store.ts';
import type { Door } from '../door.ts';
import { apiVersionOfKind } from '../kind-table.ts';

/** The object as `kind` says it; the stored one itself when it says it so already. */
export function asKind(kind: Kind, object: KubeObject): KubeObject {
  const versioned = inVersion(kind, object);
  // What is converted is complete already, see conversion.ts.
  return kind.completes === undefined || kind.conversion !== undefined ? versioned : kind.completes(versioned);
}

function inVersion(kind: Kind, object: KubeObject): KubeObject {
  const apiVersion = apiVersionOfKind(kind);
  if (object.apiVersion === apiVersion) return object;
  return kind.stored === undefined ? { ...object, apiVersion } : kind.stored.from(object);
}

/** The object as the store keeps it. */
export function asStored(kind: Kind, object: KubeObject): KubeObject {
  if (kind.stored !== undefined) return kind.stored.to(object);
  const apiVersion = keptApiVersion(kind);
  return apiVersion === undefined || object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

/** What kept objects say of their version; undefined where there is only one. */
function keptApiVersion(kind: Kind): string | undefined {
  return kind.conversion?.storageApiVersion ?? (kind.storageVersion === undefined ? undefined : apiVersionOf(kind.group, kind.storageVersion));
}

/** Whether an object is kept in the version in which it would be kept if it were written now. */
export function isKeptRight(kind: Kind, stored: Stored): boolean {
  const apiVersion = keptApiVersion(kind);
  return apiVersion === undefined || stored.object.apiVersion === apiVersion;
}

/** Whether the stored bytes of every object are those of the version of `kind`. */
export function areStored(door: Door, kind: Kind): boolean {
  return kind.completes === undefined && kind.storageVersion === undefined && !door.kinds.isShared(kind);
}

/**
 * By kind, what of its objects was said before: a definition that changes is another kind. Those that are said as they are kept cost nothing more.
 * Watchers ask for what was written a moment ago, and those who read a few objects ask for the same ones again: to keep a few is worth it, while one
 * list of very many would keep as much again as all objects are.
 */
const said = new WeakMap<Kind, { bytes: number; of: WeakMap<Stored, Buffer> }>();

/** How much is kept for a kind and version: all of it is dropped when it would be more. */
const KEEP_BYTES = 16 * 1024 * 1024;

/** The stored bytes in the version of `kind`. They are kept with the stored object, see KEEP_BYTES. */
export function bytesAs(door: Door, kind: Kind, stored: Stored): Buffer {
  if (areStored(door, kind)) return stored.bytes;
  let before = said.get(kind);
  const known = before?.of.get(stored);
  if (known !== undefined) return known;
  const object = asKind(kind, stored.object);
  const bytes = object === stored.object ? stored.bytes : Buffer.from(JSON.stringify(object));
  const more = bytes === stored.bytes ? 0 : bytes.length;
  if (before === undefined || before.bytes + more > KEEP_BYTES) said.set(kind, (before = { bytes: 0, of: new WeakMap() }));
  before.bytes += more;
  before.of.set(stored, bytes);
  return bytes;
}
