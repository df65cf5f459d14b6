/** GET of a collection, and what selects from it. */
import { fieldMatcher, parseFieldSelector } from '../../../api/field-selector.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { parseSelector, type Requirement } from '../../../api/selector.ts';
import { encodeList } from '../encode.ts';
import { badRequest } from '../errors.ts';
import { paceOf } from '../flow-control/turns.ts';
import { formOf, includeOf, type Exchange } from '../exchange.ts';
import { apiVersionOfKind } from '../kind-table.ts';
import { checkListOptions } from '../list-options.ts';
import { asKind } from '../resources/convert.ts';
import { listStored, type ListQuery, type Selection } from '../resources/list.ts';
import { respond } from '../respond.ts';

export async function handleList(exchange: Exchange): Promise<void> {
  const { door, kind, http, response, warnings } = exchange;
  const form = formOf(exchange);
  checkListOptions(exchange.info.query, { watch: false });
  const pace = paceOf(http);
  const list = await listStored(door, kind, { ...listQueryOf(exchange), pace });
  exchange.audit?.response(() => ({ kind: `${kind.kind}List`, apiVersion: apiVersionOfKind(kind), metadata: { resourceVersion: String(list.revision) }, items: list.items.map(({ object }) => asKind(kind, object)) }));
  respond(http, response, 200, await encodeList(door, kind, list, form, includeOf(exchange), pace), { warnings });
}

export function listQueryOf(exchange: Exchange): ListQuery {
  const { query } = exchange.info;
  numberOf(query, 'timeoutSeconds'); // Of watches only, but never a word.
  const text = (name: string): string | undefined => query.get(name) ?? undefined;
  return {
    ...selectionOf(exchange.kind, { namespace: exchange.resource.namespace, labelSelector: text('labelSelector'), fieldSelector: text('fieldSelector') }),
    limit: numberOf(query, 'limit'), continue: text('continue'), resourceVersion: text('resourceVersion'), resourceVersionMatch: text('resourceVersionMatch') || undefined,
  };
}

/** What two selectors select, for those who ask the same again: a thousand watchers of one selection share one test. */
const selected = new WeakMap<Kind, Map<string, Selection>>();
const MOST_SELECTED = 200;
const MOST_KEY_CHARACTERS = 300;

/** What a namespace and two selectors select. Throws BadRequest. */
export function selectionOf(kind: Kind, from: { namespace?: string; labelSelector?: string; fieldSelector?: string }): Selection {
  const selection = { ...selectedBy(kind, from) };
  if (from.namespace !== undefined && from.namespace !== '') selection.namespace = from.namespace;
  return selection;
}

const ALL: Selection = {};

function selectedBy(kind: Kind, from: { labelSelector?: string; fieldSelector?: string }): Selection {
  const { labelSelector = '', fieldSelector = '' } = from;
  if (labelSelector === '' && fieldSelector === '') return ALL;
  let known = selected.get(kind);
  if (known === undefined) selected.set(kind, (known = new Map()));
  const key = `${labelSelector}\n${fieldSelector}`;
  let selection = known.get(key);
  if (selection === undefined) {
    selection = select(kind, from);
    if (known.size >= MOST_SELECTED) known.clear();
    if (key.length <= MOST_KEY_CHARACTERS) known.set(key, selection);
  }
  return selection;
}

function select(kind: Kind, from: { labelSelector?: string; fieldSelector?: string }): Selection {
  const selection: Selection = {};
  const tests: ((object: KubeObject) => boolean)[] = [];
  if (from.labelSelector) {
    const labels = parseSelector(from.labelSelector);
    if (labels.requirements.length > 0) tests.push((object) => labels.matches(object.metadata.labels));
    selection.texts = labels.requirements.flatMap(textOf);
  }
  if (from.fieldSelector) {
    const requirements = parseFieldSelector(from.fieldSelector);
    if (requirements.length > 0) tests.push(fieldMatcher(requirements, kind));
    const named = requirements.find(({ field, operator }) => field === 'metadata.name' && operator === '=');
    if (named !== undefined) selection.name = named.value;
  }
  if (tests.length > 0) selection.matches = (object) => {
    const said = asKind(kind, object);
    for (let at = 0; at < tests.length; at += 1) if (!tests[at]!(said)) return false;
    return true;
  };
  return selection;
}

/** What a label that is asked for looks like in JSON; neither keys nor values of labels need escapes. */
function textOf({ key, operator, values }: Requirement): string[] {
  const [value] = values;
  if ((operator === '=' || operator === '==' || operator === 'in') && values.length === 1) return [`"${key}":"${value}"`];
  return operator === 'exists' || operator === 'in' ? [`"${key}":"`] : [];
}

/** The least and the most of an int64, without its sign: 19 digits. */
const MOST_DIGITS = 19;

/** An int64 of the query; one that no number holds exactly is as near as may be. Throws BadRequest (upstream: runtime.Convert_Slice_string_To_int64). */
export function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const [, sign, written] = /^([-+]?)(\d+)$/.exec(text) ?? [];
  // In two steps: an expression that looks for leading zeros and digits at once takes time by the square of a long row of zeros.
  const digits = written?.replace(/^0+(?=\d)/, '');
  const refuse = (why: string): never => { throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text.slice(0, 50))}: ${why}`); };
  if (digits === undefined) return refuse('invalid syntax');
  if (digits.length > MOST_DIGITS) return refuse('value out of range');
  const exact = sign === '-' ? -BigInt(digits) : BigInt(digits);
  if (BigInt.asIntN(64, exact) !== exact) return refuse('value out of range');
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number(exact), Number.MAX_SAFE_INTEGER));
}
