/** list: all objects of a kind, whole or in chunks of one snapshot (upstream: storage.GetList, continue tokens). */
import { ApiError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import type { ObjectSource } from '../../../sdk/module.ts';
import { isStoreError, type Stored, type StoredList } from '../../store/store.ts';
import type { Pace } from '../flow-control/turns.ts';
import type { Door } from '../door.ts';
import { badRequest, expired, tooLargeVersion } from '../errors.ts';
import { keyOf, storageOf } from '../kind-table.ts';
import { converted } from './conversion.ts';
import { computed } from './read.ts';

export interface Selection {
  namespace?: string;
  /** Every object when absent. */
  matches?: (object: KubeObject) => boolean;
  /** Text that the JSON of every object that matches has: most of the others need not be parsed then. */
  texts?: readonly string[];
  /** The one name that can match. */
  name?: string;
  /** Lets others have their turn between pieces of a long search. */
  pace?: Pace;
}

export interface ListQuery extends Selection {
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  resourceVersionMatch?: string;
}

export interface ListOutcome {
  items: Stored[];
  revision: number;
  continue?: string;
  remainingItemCount?: number;
}

const FUTURE_WAIT_MS = 3_000;
/** So many are looked at before others may have their turn: when all of them have to be parsed, it takes some tenths of a millisecond. */
const PIECE_ITEMS = 16;
/** The revision in a token that goes on with what there is now. */
const NOW = -1;

export async function listStored(door: Door, kind: Kind, query: ListQuery): Promise<ListOutcome> {
  return kind.conversion === undefined ? listKept(door, kind, query) : listConverted(door, kind, query);
}

/** What selectors speak of is what the kind says: they choose after the conversion, and then there are no chunks. */
async function listConverted(door: Door, kind: Kind, query: ListQuery): Promise<ListOutcome> {
  const { matches, texts: _texts, ...rest } = query;
  if (matches === undefined) {
    const list = await listKept(door, kind, rest);
    return { ...list, items: await converted(kind, list.items) };
  }
  const list = await listKept(door, kind, { ...rest, limit: undefined });
  const items = (await converted(kind, list.items)).filter(({ object }) => matches(object));
  return { items, revision: list.revision };
}

async function listKept(door: Door, kind: Kind, query: ListQuery): Promise<ListOutcome> {
  const source = door.kinds.sourceOf(kind);
  if (source !== undefined) return listComputed(door, kind, query, source);
  const at = await startOf(door, query);
  if (query.name !== undefined && at.revision === undefined && (query.namespace !== undefined || !kind.namespaced)) return listOne(door, kind, query, query.name);
  const prefix = prefixOf(kind, query.namespace);
  try {
    return await (query.limit === undefined || query.limit <= 0 ? listAll(door, prefix, query, at) : listChunk(door, prefix, query, query.limit, at));
  } catch (error) {
    if (isStoreError(error, 'compacted')) throw query.continue === undefined || at.startAfter === undefined ? expired() : continueExpired(at.startAfter);
    throw error;
  }
}

/** In one piece: what is made at once has no moments to go on from. */
function listComputed(door: Door, kind: Kind, query: ListQuery, source: ObjectSource): ListOutcome {
  const items = source.list(query.namespace).filter((object) => query.matches?.(object) !== false).map((object) => computed(door, kind, object));
  return { items, revision: door.store.revision };
}

/** Upstream: a client that can live with a list of two moments need not begin again. */
function continueExpired(startAfter: string): ApiError {
  const error = new ApiError('Expired', 'The continue token is too old for a consistent list. Begin again without it, or take the token in metadata.continue of this answer to get the rest: '
    + 'what was made, changed or deleted since the first chunk may then show up in it, or not.');
  error.continue = tokenOf(NOW, startAfter);
  return error;
}

export function prefixOf(kind: Kind, namespace: string | undefined): string {
  return kind.namespaced && namespace !== undefined ? `${storageOf(kind)}${namespace}/` : storageOf(kind);
}

interface Start {
  revision?: number;
  startAfter?: string;
}

function listOne(door: Door, kind: Kind, query: ListQuery, name: string): ListOutcome {
  const stored = door.store.get(keyOf(kind, query.namespace, name));
  const fits = stored !== undefined && (query.matches === undefined || query.matches(stored.object));
  return { items: fits ? [stored] : [], revision: door.store.revision };
}

async function listAll(door: Door, prefix: string, query: ListQuery, at: Start): Promise<ListOutcome> {
  const { items, revision } = door.store.list(prefix, at);
  const fits = fitting(query);
  if (fits === undefined) return { items, revision };
  const found: Stored[] = [];
  for (let index = 0; index < items.length; index += 1) {
    const turn = index % PIECE_ITEMS === 0 ? query.pace?.() : undefined;
    if (turn !== undefined) await turn;
    const stored = items[index] as Stored;
    if (fits(stored)) found.push(stored);
  }
  return { items: found, revision };
}

function fitting({ matches, texts = [] }: ListQuery): ((stored: Stored) => boolean) | undefined {
  if (matches === undefined) return undefined;
  const needles = texts.map((text) => Buffer.from(text));
  return (stored) => {
    for (let at = 0; at < needles.length; at += 1) if (!stored.bytes.includes(needles[at]!)) return false;
    return matches(stored.object);
  };
}

async function listChunk(door: Door, prefix: string, query: ListQuery, limit: number, at: Start): Promise<ListOutcome> {
  const fits = fitting(query);
  const items: Stored[] = [];
  let page: StoredList | undefined;
  let startAfter = at.startAfter;
  let revision = at.revision;
  do {
    page = door.store.list(prefix, { limit: Math.max(limit - items.length, fits === undefined ? 1 : 500), startAfter, revision });
    revision = page.revision;
    startAfter = page.last;
    for (let index = 0; index < page.items.length; index += 1) {
      const turn = fits !== undefined && index % PIECE_ITEMS === 0 ? query.pace?.() : undefined;
      if (turn !== undefined) await turn;
      const stored = page.items[index] as Stored;
      if (fits !== undefined && !fits(stored)) continue;
      items.push(stored);
      if (items.length < limit) continue;
      const left = page.items.length - index - 1 + page.remaining;
      return left === 0 ? { items, revision } : { items, revision, continue: tokenOf(revision, stored.key), ...(fits === undefined ? { remainingItemCount: left } : {}) };
    }
  } while (page.remaining > 0 && startAfter !== undefined);
  return { items, revision };
}

async function startOf(door: Door, query: ListQuery): Promise<Start> {
  const { resourceVersion, resourceVersionMatch } = query;
  const wanted = parseRevision(resourceVersion);
  if (query.continue !== undefined && query.continue !== '') {
    const start = readToken(query.continue);
    if (wanted !== undefined && wanted !== 0) throw badRequest('specifying resource version is not allowed when using continue');
    return start;
  }
  if (resourceVersionMatch !== undefined && resourceVersionMatch !== '' && (resourceVersion === undefined || resourceVersion === '')) {
    throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (wanted === undefined || wanted === 0) {
    if (resourceVersionMatch === 'Exact') throw badRequest('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
    return {};
  }
  await untilRevision(door, wanted);
  if (resourceVersionMatch === 'Exact' || (resourceVersionMatch === undefined && (query.limit ?? 0) > 0)) return { revision: wanted };
  if (resourceVersionMatch !== undefined && resourceVersionMatch !== '' && resourceVersionMatch !== 'NotOlderThan') throw badRequest(`invalid resourceVersionMatch: ${resourceVersionMatch}`);
  return {};
}

/** The digits of the most that a uint64 holds. */
const MOST_DIGITS = 20;

/** undefined for absent or empty; what no number holds exactly is as near as may be, and larger than any revision. Throws BadRequest (upstream: storage/etcd3, validateMinimumResourceVersion). */
export function parseRevision(text: string | undefined | null): number | undefined {
  if (text === undefined || text === null || text === '') return undefined;
  const why = !/^\d+$/.test(text) ? 'invalid syntax' : text.length <= MOST_DIGITS && BigInt.asUintN(64, BigInt(text)) === BigInt(text) ? undefined : 'value out of range';
  if (why === undefined) return Number(text);
  const said = JSON.stringify(text.slice(0, 100));
  throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${said}: strconv.ParseUint: parsing ${said}: ${why}`);
}

/** Waits a little for a revision that is not there yet, then refuses. */
export async function untilRevision(door: Door, revision: number): Promise<void> {
  const endMs = door.clock.nowMs() + FUTURE_WAIT_MS;
  while (door.store.revision < revision) {
    if (door.clock.nowMs() >= endMs || door.signal.aborted) throw tooLargeVersion(revision, door.store.revision);
    await door.clock.sleep(50, door.signal);
  }
}

function tokenOf(revision: number, start: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url');
}

function readToken(token: string): Start {
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { rv: unknown; start: unknown };
    if (rv === NOW && typeof start === 'string' && start.startsWith('/')) return { startAfter: start };
    if (Number.isSafeInteger(rv) && typeof start === 'string' && start.startsWith('/')) return { revision: rv as number, startAfter: start };
  } catch {
    // said below
  }
  throw badRequest('invalid continue token: continue key is not valid');
}
