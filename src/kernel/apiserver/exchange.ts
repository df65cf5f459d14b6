/** Exchange: one request about a resource, authenticated and authorized, on its way through a handler. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Status } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import { apiVersionOf } from '../../api/meta.ts';
import type { UserInfo, DeadlineSignal } from '../../sdk/module.ts';
import { managerName } from '../../api/merge/apply/index.ts';
import type { Trail } from './audit/audit.ts';
import type { Door, FieldValidation, Outcome, WriteContext } from './door.ts';
import { decodeBody, type Decoded, type DuplicateOptions } from './decode.ts';
import { encodeObject, encodeValue } from './encode.ts';
import { badRequest, invalidOptions, type OptionsKind } from './errors.ts';
import { paceOf, takeTurn } from './flow-control/turns.ts';
import { invalid, notSupported, tooLong } from '../../api/field-error.ts';
import { negotiate, type Form } from './negotiate.ts';
import { hasProtobuf } from '../../api/protobuf/envelope.ts';
import { readBody } from './read-body.ts';
import type { RequestInfo, ResourceRequest } from './request-info.ts';
import { ScaleView, type Scale } from '../../api/autoscaling/scale-view.ts';
import { respond } from './respond.ts';
import { asKind } from './resources/convert.ts';
import type { IncludeObject } from './resources/table.ts';

export interface Exchange {
  door: Door;
  http: IncomingMessage;
  response: ServerResponse;
  info: RequestInfo;
  resource: ResourceRequest;
  kind: Kind;
  user: UserInfo;
  /** For the Warning headers of the answer, whatever it is. */
  warnings: string[];
  /** What the audit log will tell of it. */
  audit?: Trail;
  /** How long a watch may be held up by a client that does not read; ms. */
  stalledMs: number;
  /** When the client has waited for long enough; what is not stored by then never is. */
  deadline?: DeadlineSignal;
  /** Throws Forbidden when the client may not create what it names. */
  mayCreate?(): void;
}

const protobufKinds = new WeakMap<Kind, boolean>();

export function formOf({ http, info, kind, resource }: Exchange): Form {
  let protobuf = protobufKinds.get(kind);
  if (protobuf === undefined) protobufKinds.set(kind, (protobuf = hasProtobuf(kind)));
  return negotiate(http.headers.accept, info.query, { protobuf, userAgent: http.headers['user-agent'], isList: resource.verb !== 'create' && resource.name === undefined });
}

export function includeOf(exchange: Exchange): IncludeObject {
  const wanted = exchange.info.query.get('includeObject');
  if (wanted === null || wanted === '' || wanted === 'Metadata') return 'Metadata';
  if (wanted === 'None' || wanted === 'Object') return wanted;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(wanted.slice(0, 50))}`);
}

export async function readObject(exchange: Exchange): Promise<Decoded> {
  const body = await readBody(exchange.http);
  const decoded = await decodeBody(body, exchange.http.headers['content-type'], { ...duplicateOptionsOf(exchange), as: bodyKindOf(exchange) });
  exchange.audit?.request(decoded.value);
  return decoded;
}

/** Who ignores fields that are unknown ignores those that stand twice. */
export function duplicateOptionsOf(exchange: Exchange): DuplicateOptions {
  const validation = fieldValidationOf(exchange);
  return { findDuplicates: validation !== 'Ignore', strict: validation === 'Strict', user: exchange.user.name };
}

/** What a protobuf body is when its envelope does not say. */
function bodyKindOf({ kind, resource }: Exchange): { apiVersion: string; kind: string } {
  const action = resource.subresource === undefined ? undefined : kind.subresources.actions?.[resource.subresource]?.body;
  const { group, version, kind: name } = action ?? kind;
  return { apiVersion: apiVersionOf(group, version), kind: name };
}

export function writeContextOf(exchange: Exchange, duplicates?: readonly string[]): WriteContext {
  const { query } = exchange.info;
  const options = OPTIONS[exchange.http.method ?? ''] ?? 'CreateOptions';
  const fieldManager = query.get('fieldManager') ?? undefined;
  if (fieldManager !== undefined) checkManager(fieldManager, options);
  const manager = managerName({ fieldManager, userAgent: exchange.http.headers['user-agent'] });
  const context: WriteContext = { user: exchange.user, manager, dryRun: dryRunOf(query, options), fieldValidation: fieldValidationOf(exchange), warnings: exchange.warnings, pace: paceOf(exchange.http), bodyBytes: Number(exchange.http.headers['content-length'] ?? Infinity) };
  if (query.get('fieldValidation')) context.options = { fieldValidation: context.fieldValidation };
  if (duplicates !== undefined) context.duplicates = duplicates;
  if (exchange.audit !== undefined) context.annotate = exchange.audit.annotate;
  if (exchange.deadline !== undefined) context.deadline = exchange.deadline;
  if (exchange.mayCreate !== undefined) context.mayCreate = exchange.mayCreate;
  return context;
}

/** Upstream: apimachinery, ValidateFieldManager. */
function checkManager(fieldManager: string, options: OptionsKind): void {
  if (Buffer.byteLength(fieldManager) > 128) throw invalidOptions(options, tooLong('fieldManager', 128));
  const hidden = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(fieldManager);
  if (hidden !== null) throw invalidOptions(options, invalid('fieldManager', fieldManager, `should only contain printable characters (at position ${Buffer.byteLength(fieldManager.slice(0, hidden.index))})`));
}

const OPTIONS: Readonly<Record<string, OptionsKind>> = { POST: 'CreateOptions', PUT: 'UpdateOptions', PATCH: 'PatchOptions', DELETE: 'DeleteOptions' };

function dryRunOf(query: URLSearchParams, options: OptionsKind): boolean {
  const values = query.getAll('dryRun');
  for (const value of values) if (value !== 'All') throw invalidOptions(options, notSupported('dryRun', value.slice(0, 50), ['All']));
  return values.length > 0;
}

function fieldValidationOf(exchange: Exchange): FieldValidation {
  const value = exchange.info.query.get('fieldValidation');
  if (value === null || value === '') return 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw invalidOptions(OPTIONS[exchange.http.method ?? ''] ?? 'CreateOptions', notSupported('fieldValidation', value.slice(0, 50), ['Ignore', 'Strict', 'Warn']));
}

export async function answerObject(exchange: Exchange, code: number, outcome: Outcome): Promise<void> {
  // Writes that went to the disk together come back together.
  const turn = takeTurn(exchange.http);
  if (turn !== undefined) await turn;
  tellAudit(exchange, outcome);
  const encoded = await encodeObject(exchange.door, exchange.kind, outcome, formOf(exchange), includeOf(exchange));
  respond(exchange.http, exchange.response, code, encoded, { warnings: exchange.warnings });
}

/**
 * A function of its own, as the one that the trail is given holds what it speaks of: written in a frame that waits, it would make the frame hold the object for as
 * long as that is remembered by anything, which may be until the next collection of everything.
 */
function tellAudit({ audit, kind }: Exchange, { object }: Outcome): void {
  audit?.response(() => asKind(kind, object));
}

/** The Scale of an object: JSON, protobuf or a Table, as the client wishes. */
export async function answerScale(exchange: Exchange, scale: Scale): Promise<void> {
  exchange.audit?.response(() => scale);
  const form = negotiate(exchange.http.headers.accept, exchange.info.query, { protobuf: true, userAgent: exchange.http.headers['user-agent'] });
  respond(exchange.http, exchange.response, 200, await encodeObject(exchange.door, ScaleView, { object: scale }, form, includeOf(exchange)), { warnings: exchange.warnings });
}

/** A value of another kind than that of the path: a Status, a review. With `plain`, a client that takes nothing but a Table is refused. */
export async function answerValue(exchange: Exchange, code: number, value: unknown, how: { plain?: boolean } = {}): Promise<void> {
  exchange.audit?.response(() => value);
  if ((value as Status).kind === 'Status') exchange.audit?.status({ ...(value as Status), code });
  const { as: _as, ...form } = negotiate(exchange.http.headers.accept, exchange.info.query, { protobuf: true, plain: how.plain === true, userAgent: exchange.http.headers['user-agent'] });
  respond(exchange.http, exchange.response, code, await encodeValue(value, form), { warnings: exchange.warnings });
}
