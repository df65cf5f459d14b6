/** Frames: watch events as bytes, made once for all watchers of the same form. */
import type { ApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { StoreEvent, Stored } from '../store/store.ts';
import type { Door } from './door.ts';
import { notAcceptable } from './errors.ts';
import { apiVersionOfKind } from './kind-table.ts';
import type { Form } from './negotiate.ts';
import { asKind, bytesAs } from './resources/convert.ts';
import { partialOf, tableOf, type IncludeObject } from './resources/table.ts';
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

export function createFrames(door: Door, kind: Kind, form: Form, include: IncludeObject): Frames {
  if (form.encoding === 'yaml') throw notAcceptable(['application/json']);
  let first = true;
  const viewOf = (object: KubeObject): unknown => {
    if (form.as === 'Table') {
      // The columns are said once: later tables of the stream have rows only.
      const withColumns = first;
      first = false;
      return tableOf(kind, [object], { metadata: { resourceVersion: object.metadata.resourceVersion }, include, nowMs: door.clock.nowMs(), version: form.version!, withColumns });
    }
    return form.as === undefined ? object : partialOf(object, form.version!);
  };
  const plain = form.as === undefined;
  const make = (type: ChangeType, change: { stored: Stored; object?: KubeObject }): Buffer => {
    const bytes = plain && change.object === undefined ? bytesAs(door, kind, change.stored) : Buffer.from(JSON.stringify(viewOf(asKind(kind, change.object ?? change.stored.object))));
    return Buffer.concat([HEADS[type], bytes, NEWLINE]);
  };
  return {
    contentType: 'application/json',
    change(type, change) {
      if (!plain || change.event === undefined || change.object !== undefined) return make(type, change);
      const key = door.kinds.isShared(kind) ? `${type} ${apiVersionOfKind(kind)}` : type;
      if (newest !== change.event) made.clear();
      newest = change.event;
      let frame = made.get(key);
      if (frame === undefined) made.set(key, (frame = make(type, change)));
      return frame;
    },
    bookmark(revision, initialEventsEnd) {
      const metadata: KubeObject['metadata'] = { resourceVersion: String(revision) };
      if (initialEventsEnd) metadata.annotations = { [INITIAL_EVENTS_END]: 'true' };
      const object: KubeObject = { kind: kind.kind, apiVersion: apiVersionOfKind(kind), metadata };
      return Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object: bookmarkView(kind, object, form, include, door) })}\n`);
    },
    error: (error) => Buffer.from(`${JSON.stringify({ type: 'ERROR', object: error.toStatus() })}\n`),
  };
}

function bookmarkView(kind: Kind, object: KubeObject, form: Form, include: IncludeObject, door: Door): unknown {
  if (form.as === undefined) return object;
  if (form.as !== 'Table') return partialOf(object, form.version!);
  return tableOf(kind, [object], { metadata: { resourceVersion: object.metadata.resourceVersion }, include, nowMs: door.clock.nowMs(), version: form.version!, withColumns: false });
}
