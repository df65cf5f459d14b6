/**
 * JSON Patch (RFC 6902), with the limits and codes of upstream: 400 for a patch that is no patch, 413 for too many operations, 422 for one
 * that does not apply (a failed test, a missing path). Two limits are our own, since one thread serves everybody: how many elements are moved
 * for others to come or go before them (413), and the depth of the result (422), which upstream's decoder bounds.
 */
import { ApiError } from '../errors.ts';
import { cloneJson, equalJson, isDeeperThan, isJsonObject, jsonLength, MAX_DEPTH, ownValue, setKey, type JsonObject } from '../json.ts';
import type { Json } from '../meta.ts';

const MAX_OPERATIONS = 10_000;
/** All that a patch copies together, as JSON: copies of copies double. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;
/** All that move up or down in lists together: 10,000 operations at the front of a list of 100,000. A billion take 0.3 s. */
const MAX_MOVED_ELEMENTS = 1_000_000_000;

type Operation = 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';

interface Step {
  op: Operation;
  path: string[];
  from: string[] | undefined;
  value: Json | undefined;
  /** The path as the client wrote it, for messages. */
  text: string;
}

/** Applies `patch` to a copy of `target`. Throws ApiError; `target` is never changed. */
export function jsonPatch(target: Json, patch: Json): Json {
  const steps = parse(patch);
  let document = cloneJson(target);
  const spent: Spent = { copied: 0, moved: 0 };
  for (const step of steps) document = applyStep(document, step, spent);
  checkDepth(document);
  return document;
}

/** What a patch has cost so far. */
interface Spent {
  /** Characters of JSON. */
  copied: number;
  /** Elements of lists. */
  moved: number;
}

/** Each operation may put what is deep into what is deep. */
function checkDepth(value: Json): void {
  if (isDeeperThan(value, MAX_DEPTH)) throw rejected(`the patched object would be nested deeper than ${MAX_DEPTH} levels`);
}

function parse(patch: Json): Step[] {
  if (!Array.isArray(patch)) throw new ApiError('BadRequest', `a JSON patch is a list of operations, such as [{"op":"replace","path":"/spec/replicas","value":3}], not ${nameOf(patch)}`);
  if (patch.length > MAX_OPERATIONS) {
    throw new ApiError('RequestEntityTooLarge', `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`);
  }
  return patch.map(parseStep);
}

const OPERATIONS: readonly string[] = ['add', 'remove', 'replace', 'move', 'copy', 'test'];

function parseStep(raw: Json, index: number): Step {
  if (!isJsonObject(raw)) throw new ApiError('BadRequest', `operation ${index} of the JSON patch is ${nameOf(raw)}, not an object`);
  const { op, path, from, value } = raw;
  if (typeof op !== 'string' || !OPERATIONS.includes(op)) throw rejected(`Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`);
  if (typeof path !== 'string') throw rejected(`${op} operation failed to decode path: missing value`);
  const needsFrom = op === 'move' || op === 'copy';
  if (needsFrom && typeof from !== 'string') throw rejected(`${op} operation failed to decode from: missing value`);
  if ((op === 'add' || op === 'replace') && value === undefined) throw rejected(`${op} operation for ${path} has no value`);
  return { op: op as Operation, path: pointer(path), from: needsFrom ? pointer(from as string) : undefined, value, text: path };
}

/** The keys of a JSON pointer (RFC 6901). */
function pointer(text: string): string[] {
  if (text === '') return [];
  if (!text.startsWith('/')) throw rejected(`path "${text}" is no JSON pointer: it must be empty or start with /`);
  return text.slice(1).split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function applyStep(document: Json, step: Step, spent: Spent): Json {
  switch (step.op) {
    case 'add': return add(document, step, cloneJson(step.value!), spent);
    case 'remove': return remove(document, step.path, step, spent);
    case 'replace': return replace(document, step);
    case 'test': return test(document, step);
    case 'copy': return add(document, step, copyOf(source(document, step), spent), spent);
    case 'move': {
      const value = source(document, step);
      if (step.from!.length < step.path.length && step.from!.every((key, index) => key === step.path[index])) {
        throw rejected(`move operation does not apply: ${step.text} lies within what is moved`);
      }
      return add(remove(document, step.from!, step, spent), step, value, spent);
    }
  }
}

function copyOf(value: Json, spent: Spent): Json {
  checkDepth(value);
  spent.copied += jsonLength(value);
  if (spent.copied > MAX_COPIED_BYTES) throw rejected(`Unable to complete the copy, the accumulated size increase of copy is ${spent.copied}, exceeding the limit ${MAX_COPIED_BYTES}`);
  return cloneJson(value);
}

/** As splice; those behind the place move by one. */
function spliced(list: Json[], index: number, spent: Spent, ...instead: [deleted: 1] | [deleted: 0, added: Json]): void {
  spent.moved += list.length - index;
  if (spent.moved > MAX_MOVED_ELEMENTS) throw new ApiError('RequestEntityTooLarge', `The allowed maximum of elements that a JSON patch moves within lists is ${MAX_MOVED_ELEMENTS}; replace a long list as a whole`);
  list.splice(index, ...(instead as [number, ...Json[]]));
}

function source(document: Json, step: Step): Json {
  const value = find(document, step.from!);
  if (value === undefined) throw rejected(`${step.op} operation does not apply: doc is missing from path: /${step.from!.join('/')}: missing value`);
  return value;
}

function add(document: Json, step: Step, value: Json, spent: Spent): Json {
  if (step.path.length === 0) return value;
  const { parent, key } = parentOf(document, step.path, step);
  if (Array.isArray(parent)) spliced(parent, key === '-' ? parent.length : indexIn(parent, key, parent.length, step), spent, 0, value);
  else setKey(parent, key, value);
  return document;
}

function replace(document: Json, step: Step): Json {
  const value = cloneJson(step.value!);
  if (step.path.length === 0) return value;
  const { parent, key } = parentOf(document, step.path, step);
  if (Array.isArray(parent)) parent[indexIn(parent, key, parent.length - 1, step)] = value;
  else if (ownValue(parent, key) === undefined) throw rejected(`replace operation does not apply: doc is missing key: ${step.text}: missing value`);
  else setKey(parent, key, value);
  return document;
}

function remove(document: Json, path: string[], step: Step, spent: Spent): Json {
  if (path.length === 0) return null;
  const { parent, key } = parentOf(document, path, step);
  if (Array.isArray(parent)) spliced(parent, indexIn(parent, key, parent.length - 1, step), spent, 1);
  else if (!Object.hasOwn(parent, key)) throw rejected(`${step.op} operation does not apply: error in remove for path: '/${path.join('/')}': Unable to remove nonexistent key: ${key}: missing value`);
  else delete parent[key];
  return document;
}

function test(document: Json, step: Step): Json {
  const value = find(document, step.path);
  if (!equalJson(value ?? null, step.value ?? null)) throw rejected(`testing value ${step.text} failed: test failed`);
  return document;
}

function parentOf(document: Json, path: string[], step: Step): { parent: JsonObject | Json[]; key: string } {
  const parent = find(document, path.slice(0, -1));
  if (typeof parent !== 'object' || parent === null) throw rejected(`${step.op} operation does not apply: doc is missing path: "/${path.join('/')}": missing value`);
  return { parent, key: path[path.length - 1]! };
}

function find(document: Json, path: readonly string[]): Json | undefined {
  let here: Json | undefined = document;
  for (const key of path) {
    if (Array.isArray(here)) here = /^(0|[1-9][0-9]*)$/.test(key) ? here[Number(key)] : undefined;
    else if (isJsonObject(here)) here = ownValue(here, key);
    else return undefined;
  }
  return here;
}

/** An index into a list; negative ones count from the end, as upstream allows. */
function indexIn(list: readonly Json[], key: string, max: number, step: Step): number {
  const index = /^(0|-?[1-9][0-9]*)$/.test(key) ? Number(key) : NaN;
  const fromStart = index < 0 ? index + list.length : index;
  if (!(fromStart >= 0 && fromStart <= max)) throw rejected(`error in ${step.op} for path: '${step.text}': Unable to access invalid index: ${key}: invalid index referenced`);
  return fromStart;
}

function rejected(why: string): ApiError {
  return new ApiError('Invalid', `the server rejected our request due to an error in our request: ${why}`);
}

function nameOf(value: Json): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
