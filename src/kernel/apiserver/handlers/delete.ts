/** DELETE of one object and of a collection. */
import { answersWithDeleted } from '../../../api/deleted.ts';
import { queryFlag } from '../../../api/query-flag.ts';
import { isInteger } from '../../../api/int64.ts';
import { isJsonObject } from '../../../api/json.ts';
import { decodeBody } from '../decode.ts';
import { notSupported } from '../../../api/field-error.ts';
import { badRequest, invalidOptions } from '../errors.ts';
import { encodeList } from '../encode.ts';
import { checkListOptions } from '../list-options.ts';
import { paceOf } from '../flow-control/turns.ts';
import { answerObject, answerValue, formOf, includeOf, writeContextOf, type Exchange } from '../exchange.ts';
import { readBody } from '../read-body.ts';
import { success } from '../resources/action.ts';
import { deleteCollection } from '../resources/delete-collection.ts';
import { deleteObject, type DeleteRequest } from '../resources/delete.ts';
import { respond } from '../respond.ts';
import { listQueryOf, numberOf } from './list.ts';

export async function handleDelete(exchange: Exchange): Promise<void> {
  const { door, kind, resource } = exchange;
  const { options, dryRun } = await optionsOf(exchange);
  warnOfPolicy(exchange, options);
  const context = writeContextOf(exchange);
  context.dryRun ||= dryRun;
  const outcome = await deleteObject(door, kind, { namespace: resource.namespace, name: resource.name! }, options, context);
  // Clients of old asked so for dependents to go, too, and hear that it is not done yet; who asks by propagationPolicy does not (upstream: handlers/delete.go).
  if (!outcome.gone) return answerObject(exchange, options.orphanDependents === false ? 202 : 200, outcome);
  if (answersWithDeleted(kind)) return answerObject(exchange, 200, outcome);
  const { uid, name } = outcome.object.metadata;
  return answerValue(exchange, 200, success({ name, group: kind.group || undefined, kind: kind.plural, uid }));
}

export async function handleDeleteCollection(exchange: Exchange): Promise<void> {
  const { door, kind, http, response, warnings } = exchange;
  checkListOptions(exchange.info.query, { watch: false });
  const { options, dryRun } = await optionsOf(exchange);
  warnOfPolicy(exchange, options);
  const context = writeContextOf(exchange);
  context.dryRun ||= dryRun;
  const list = await deleteCollection(door, kind, listQueryOf(exchange), options, context);
  respond(http, response, 200, await encodeList(door, kind, list, formOf(exchange), includeOf(exchange), paceOf(http)), { warnings });
}

function warnOfPolicy({ kind, warnings }: Exchange, { propagationPolicy, orphanDependents }: DeleteRequest): void {
  if (kind.rules.deleteWarning !== undefined && propagationPolicy === undefined && orphanDependents === undefined) warnings.push(kind.rules.deleteWarning);
}

/** DeleteOptions in the body, or where there is none in the query. */
async function optionsOf(exchange: Exchange): Promise<{ options: DeleteRequest; dryRun: boolean }> {
  const bytes = await readBody(exchange.http);
  if (bytes.length === 0) return { options: fromQuery(exchange.info.query), dryRun: false };
  const { value } = await decodeBody(bytes, exchange.http.headers['content-type'], { findDuplicates: false, as: { apiVersion: 'v1', kind: 'DeleteOptions' } });
  exchange.audit?.request(value);
  if (!isJsonObject(value)) throw badRequest('the body of a delete request must be a DeleteOptions object');
  checkTypes(value);
  const { dryRun } = value as { dryRun?: unknown };
  // A null is nothing said, as Go reads it.
  const kind = (value['kind'] ?? '') as string;
  if (kind !== 'DeleteOptions' && kind !== '') throw badRequest(`the body of a delete request must be a DeleteOptions object, not ${kind.slice(0, 100)}`);
  const values = (dryRun ?? []) as string[];
  for (const each of values) if (each !== 'All') throw invalidOptions('DeleteOptions', notSupported('dryRun', each.slice(0, 50), ['All']));
  return { options: fromBody(value), dryRun: values.length > 0 };
}

const isText = (value: unknown): boolean => typeof value === 'string';
/** Of the fields of DeleteOptions: what Go would make of them. */
const TYPES: Readonly<Record<string, readonly [type: string, holds: (value: unknown) => boolean]>> = {
  gracePeriodSeconds: ['int64', isInteger], propagationPolicy: ['v1.DeletionPropagation', isText], orphanDependents: ['bool', (value) => typeof value === 'boolean'],
  apiVersion: ['string', isText], kind: ['string', isText], preconditions: ['v1.Preconditions', isJsonObject], dryRun: ['[]string', (value) => Array.isArray(value) && value.every(isText)],
};

const PRECONDITIONS: typeof TYPES = { uid: ['types.UID', isText], resourceVersion: ['string', isText] };

/** What cannot be understood must not be a deletion that was meant otherwise. */
function checkTypes(value: Record<string, unknown>, types = TYPES, within = 'DeleteOptions'): void {
  for (const [field, [type, holds]] of Object.entries(types)) {
    const given = value[field] ?? undefined;
    if (given !== undefined && !holds(given)) throw badRequest(`json: cannot unmarshal ${Array.isArray(given) ? 'array' : typeof given === 'boolean' ? 'bool' : typeof given} into Go struct field ${within}.${field} of type ${type}`);
  }
  if (types === TYPES && isJsonObject(value['preconditions'])) checkTypes(value['preconditions'], PRECONDITIONS, 'Preconditions.preconditions');
}

function fromBody(value: Record<string, unknown>): DeleteRequest {
  const options: DeleteRequest = {};
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions } = value;
  if (isInteger(gracePeriodSeconds)) options.gracePeriodSeconds = Math.min(Number(gracePeriodSeconds), Number.MAX_SAFE_INTEGER);
  if (typeof propagationPolicy === 'string') options.propagationPolicy = propagationPolicy;
  if (typeof orphanDependents === 'boolean') options.orphanDependents = orphanDependents;
  if (isJsonObject(preconditions)) {
    options.preconditions = {};
    if (typeof preconditions['uid'] === 'string') options.preconditions.uid = preconditions['uid'];
    if (typeof preconditions['resourceVersion'] === 'string') options.preconditions.resourceVersion = preconditions['resourceVersion'];
  }
  return options;
}

function fromQuery(query: URLSearchParams): DeleteRequest {
  const options: DeleteRequest = {};
  const grace = numberOf(query, 'gracePeriodSeconds');
  if (grace !== undefined) options.gracePeriodSeconds = grace;
  const policy = query.get('propagationPolicy');
  if (policy !== null && policy !== '') options.propagationPolicy = policy;
  const orphan = query.get('orphanDependents');
  if (orphan !== null && orphan !== '') options.orphanDependents = queryFlag(query, 'orphanDependents');
  return options;
}
