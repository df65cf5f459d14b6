/** Encode: objects and lists in the form that the client asked for. JSON of stored objects is their stored bytes, untouched. */
import { ApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject, ListMeta } from '../../api/meta.ts';
import type { Door, Outcome } from './door.ts';
import { MEDIA_TYPES, type Encoding, type Form } from './negotiate.ts';
import type { Pace } from './flow-control/turns.ts';
import { encodeProtobuf } from '../../api/protobuf/envelope.ts';
import { toPartialMetadata, toPartialMetadataList } from '../../api/partial-metadata.ts';
import { createListBytes, type ListBytes } from './list-bytes.ts';
import { areStored, asKind, bytesAs } from './resources/convert.ts';
import type { ListOutcome } from './resources/list.ts';
import { tableOf, type IncludeObject } from './resources/table.ts';
import { apiVersionOfKind } from './kind-table.ts';

export interface Encoded {
  contentType: string;
  chunks: Buffer[];
}

/** One object of a kind. */
export async function encodeObject(door: Door, kind: Kind, outcome: Outcome, form: Form, include: IncludeObject): Promise<Encoded> {
  if (form.as === undefined && form.encoding === 'json' && !form.pretty && outcome.stored !== undefined) {
    return { contentType: MEDIA_TYPES.json, chunks: [bytesAs(door, kind, outcome.stored)] };
  }
  const object = asKind(kind, outcome.object);
  return encodeValue(viewOf(door, kind, object, form, include), form);
}

function viewOf(door: Door, kind: Kind, object: KubeObject, form: Form, include: IncludeObject): unknown {
  if (form.as === undefined) return object;
  if (form.as === 'Table') return tableOf(kind, [object], { metadata: { resourceVersion: object.metadata.resourceVersion }, include, nowMs: door.clock.nowMs(), version: form.version!, withColumns: true });
  if (form.as === 'PartialObjectMetadata') return toPartialMetadata(object, form.version!);
  throw new ApiError('NotAcceptable', `you requested ${form.as}, but the requested object is no list`);
}

/** In pieces, with the others' turns in between, where each object has to be made anew. */
export async function encodeList(door: Door, kind: Kind, list: ListOutcome, form: Form, include: IncludeObject, pace: Pace): Promise<Encoded> {
  const metadata: ListMeta = { resourceVersion: String(list.revision) };
  if (list.continue !== undefined) metadata.continue = list.continue;
  if (list.remainingItemCount !== undefined) metadata.remainingItemCount = list.remainingItemCount;
  const head = { kind: `${kind.kind}List`, apiVersion: apiVersionOfKind(kind), metadata };
  if (form.encoding === 'json' && !form.pretty) return { contentType: MEDIA_TYPES.json, chunks: await inPieces(door, kind, head, list, form, include, pace) };
  if (form.encoding === 'json' && form.as === undefined) return { contentType: MEDIA_TYPES.json, chunks: await prettyPieces(kind, head, list, pace) };
  const objects: KubeObject[] = [];
  for (const stored of list.items) {
    objects.push(asKind(kind, stored.object));
    await pace();
  }
  return encodeValue(form.as === undefined ? { ...head, items: objects } : view(door, kind, head, objects, form, include), form);
}

type Head = { kind: string; apiVersion: string; metadata: ListMeta };

function view(door: Door, kind: Kind, head: Head, objects: readonly KubeObject[], form: Form, include: IncludeObject): Record<string, unknown> {
  if (form.as === 'Table') return tableOf(kind, objects, { metadata: head.metadata, include, nowMs: door.clock.nowMs(), version: form.version!, withColumns: true }) as Record<string, unknown>;
  return { ...toPartialMetadataList(objects, head.metadata, form.version!) };
}

const COMMA = Buffer.from(',');
const END = Buffer.from(']}');
const SLICE = 16;

async function inPieces(door: Door, kind: Kind, head: Head, list: ListOutcome, form: Form, include: IncludeObject, pace: Pace): Promise<Buffer[]> {
  const member = form.as === 'Table' ? 'rows' : 'items';
  const { [member]: _none, ...outer } = form.as === undefined ? { ...head, items: [] } : view(door, kind, head, [], form, include);
  const chunks: Buffer[] = [Buffer.from(`${JSON.stringify(outer).slice(0, -1)},"${member}":[`)];
  const runs = form.as === undefined && areStored(door, kind) ? listBytes(door).of(list.items) : undefined;
  if (runs !== undefined) return [...chunks, ...runs, END];
  for (let at = 0; at < list.items.length; at += SLICE) {
    const slice = list.items.slice(at, at + SLICE);
    const pieces = form.as === undefined ? slice.map((stored) => bytesAs(door, kind, stored)) : [inner((view(door, kind, head, slice.map((stored) => asKind(kind, stored.object)), form, include)[member] as unknown[]))];
    for (const piece of pieces) chunks.push(...(chunks.length > 1 ? [COMMA, piece] : [piece]));
    const turn = pace();
    if (turn !== undefined) await turn;
  }
  chunks.push(END);
  return chunks;
}

/** The same as of all at once, which would hold up the others for as long as it takes. */
async function prettyPieces(kind: Kind, head: Head, list: ListOutcome, pace: Pace): Promise<Buffer[]> {
  const outer = JSON.stringify({ ...head, items: [] }, undefined, 2);
  if (list.items.length === 0) return [Buffer.from(`${outer}\n`)];
  const chunks = [Buffer.from(outer.slice(0, -']\n}'.length))];
  for (const [index, { object }] of list.items.entries()) {
    const text = JSON.stringify(asKind(kind, object), undefined, 2).replaceAll('\n', '\n    ');
    chunks.push(Buffer.from(`${index === 0 ? '' : ','}\n    ${text}`));
    const turn = pace();
    if (turn !== undefined) await turn;
  }
  chunks.push(Buffer.from('\n  ]\n}\n'));
  return chunks;
}

const bytesOfDoors = new WeakMap<Door, ListBytes>();

function listBytes(door: Door): ListBytes {
  let bytes = bytesOfDoors.get(door);
  if (bytes === undefined) bytesOfDoors.set(door, (bytes = createListBytes()));
  return bytes;
}

/** What stands between the brackets. */
function inner(values: readonly unknown[]): Buffer {
  return Buffer.from(JSON.stringify(values).slice(1, -1));
}

/** Any value: a Status, a Scale, a review. Protobuf is for kinds that have a definition; others become JSON. */
export async function encodeValue(value: unknown, form: Pick<Form, 'encoding' | 'pretty'>): Promise<Encoded> {
  const encoding: Encoding = form.encoding;
  if (encoding === 'protobuf') {
    const bytes = encodeProtobuf(value as KubeObject);
    if (bytes !== undefined) return { contentType: MEDIA_TYPES.protobuf, chunks: [bytes] };
  }
  if (encoding === 'yaml') {
    const { stringify } = await import('yaml');
    return { contentType: MEDIA_TYPES.yaml, chunks: [Buffer.from(stringify(value, { aliasDuplicateObjects: false }))] };
  }
  return { contentType: MEDIA_TYPES.json, chunks: [Buffer.from(form.pretty ? `${JSON.stringify(value, undefined, 2)}\n` : JSON.stringify(value))] };
}
