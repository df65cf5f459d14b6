/** Frames: watch events as bytes, made once for all watchers of the same form. */
import type { ApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { encodeProtobuf, encodeWatchFrame, PROTOBUF_MEDIA_TYPE } from '../../api/protobuf/envelope.ts';
import { toPartialMetadata } from '../../api/partial-metadata.ts';
import type { StoreEvent, Stored } from '../store/store.ts';
import type { Door } from './door.ts';
import { notAcceptable } from './errors.ts';
import { apiVersionOfKind } from './kind-table.ts';
import type { Form } from './negotiate.ts';
import { asKind, bytesAs } from './resources/convert.ts';
import { tableOf, type IncludeObject } from './resources/table.ts';
import type { ChangeType } from './resources/watch.ts';

export interface Frames {
  readonly contentType: string;
  change(type: ChangeType, change: { stored: Stored; event?: StoreEvent; object?: KubeObject }): Buffer;
  bookmark(revision: number, initialEventsEnd: boolean): Buffer;
  error(error: ApiError): Buffer;
}

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
const NEWLINE = Buffer.from('}\n');
const HEADS: Record<ChangeType, Buffer> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'), MODIFIED: Buffer.from('{"type":"MODIFIED","object":'), DELETED: Buffer.from('{"type":"DELETED","object":'),
};

/** The frames of the newest event only: the store gives it to all watchers in a row, and old ones must not fill the memory. */
let newest: StoreEvent | undefined;
const made = new Map<string, Buffer>();

/** All but those of tables are the same for every watcher: a thousand of them look at one value, which stays at hand in the cache of the processor. */
const shared = new WeakMap<Door, WeakMap<Kind, Map<string, Frames>>>();

export function framesOf(door: Door, kind: Kind, form: Form, include: IncludeObject): Frames {
  if (form.encoding === 'yaml') throw notAcceptable(['application/json']);
  if (form.as === 'Table') return createFrames(door, kind, form, include);
  const byKind = getOrMake(shared, door, () => new WeakMap<Kind, Map<string, Frames>>());
  const byForm = getOrMake(byKind, kind, () => new Map<string, Frames>());
  return getOrMake(byForm, nameOf(form), () => createFrames(door, kind, form, include));
}

function getOrMake<K, V>(map: { get(key: K): V | undefined; set(key: K, value: V): unknown }, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const first = make();
  map.set(key, first);
  return first;
}

function nameOf({ encoding, as, version }: Form): string {
  return as === undefined ? encoding : `${encoding} ${as} ${version}`;
}

function createFrames(door: Door, kind: Kind, form: Form, include: IncludeObject): Frames {
  let first = true;
  const viewOf = (object: KubeObject): unknown => {
    if (form.as === 'Table') {
      // The columns are said once: later tables of the stream have rows only.
      const withColumns = first;
      first = false;
      return tableOf(kind, [object], { metadata: { resourceVersion: object.metadata.resourceVersion }, include, nowMs: door.clock.nowMs(), version: form.version!, withColumns });
    }
    return form.as === undefined ? object : toPartialMetadata(object, form.version!);
  };
  const json = form.encoding === 'json';
  const plain = form.as === undefined && json;
  const keyOf = (type: ChangeType): string => `${type} ${nameOf(form)} ${apiVersionOfKind(kind)}`;
  const keys: Record<ChangeType, string> = { ADDED: keyOf('ADDED'), MODIFIED: keyOf('MODIFIED'), DELETED: keyOf('DELETED') };
  const make = (type: ChangeType, change: { stored: Stored; object?: KubeObject }): Buffer => {
    if (plain && change.object === undefined) return Buffer.concat([HEADS[type], bytesAs(door, kind, change.stored), NEWLINE]);
    const object = asKind(kind, change.object ?? change.stored.object);
    return json ? jsonFrame(type, viewOf(object)) : protobufFrame(type, viewOf(object) as KubeObject);
  };
  return {
    contentType: json ? 'application/json' : `${PROTOBUF_MEDIA_TYPE};stream=watch`,
    change(type, change) {
      if (form.as === 'Table' || change.event === undefined || change.object !== undefined) return make(type, change);
      if (newest !== change.event) made.clear();
      newest = change.event;
      const key = keys[type];
      let frame = made.get(key);
      if (frame === undefined) made.set(key, (frame = make(type, change)));
      return frame;
    },
    bookmark(revision, initialEventsEnd) {
      const metadata: KubeObject['metadata'] = { resourceVersion: String(revision) };
      if (initialEventsEnd) metadata.annotations = { [INITIAL_EVENTS_END]: 'true' };
      const object: KubeObject = { kind: kind.kind, apiVersion: apiVersionOfKind(kind), metadata };
      const view = bookmarkView(kind, object, form, include, door);
      return json ? jsonFrame('BOOKMARK', view) : protobufFrame('BOOKMARK', view as KubeObject);
    },
    error: (error) => (json ? jsonFrame('ERROR', error.toStatus()) : protobufFrame('ERROR', error.toStatus())),
  };
}

function jsonFrame(type: string, object: unknown): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}

function protobufFrame(type: string, object: { apiVersion?: string; kind?: string }): Buffer {
  return encodeWatchFrame(type, encodeProtobuf(object)!);
}

function bookmarkView(kind: Kind, object: KubeObject, form: Form, include: IncludeObject, door: Door): unknown {
  if (form.as === undefined) return object;
  if (form.as !== 'Table') return toPartialMetadata(object, form.version!);
  return tableOf(kind, [object], { metadata: { resourceVersion: object.metadata.resourceVersion }, include, nowMs: door.clock.nowMs(), version: form.version!, withColumns: false });
}
