/** The refusals of the door, in upstream's words, and the way of any error into a Status. */
import { ApiError, type Status } from '../../api/errors.ts';
import { invalidObject, type FieldError } from '../../api/field-error.ts';
import type { Kind } from '../../api/kind.ts';
import type { UserInfo } from '../../sdk/module.ts';
import { isStoreError } from '../store/store.ts';

/** What a request wants to do, as authorization sees it. */
export interface Attributes {
  user: UserInfo;
  verb: string;
  /** Absent for paths that are no resource. The field selector of a list or watch is as it was sent. */
  resource?: { group: string; version?: string; plural: string; subresource?: string; namespace?: string; name?: string; fieldSelector?: string };
  path?: string;
}

export function unauthorized(): ApiError {
  return new ApiError('Unauthorized', 'Unauthorized');
}

/** `pods "web" is forbidden: User "ann" cannot get resource "pods" in API group "" in the namespace "default"` */
export function forbidden(attributes: Attributes, why = ''): ApiError {
  const { user, verb, resource, path } = attributes;
  const because = why === '' ? '' : `: ${why}`;
  if (resource === undefined) return new ApiError('Forbidden', `forbidden: User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(path ?? '')}${because}`, {});
  const plural = resource.subresource === undefined ? resource.plural : `${resource.plural}/${resource.subresource}`;
  const where = resource.namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(resource.namespace)}`;
  const what = `User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(plural)} in API group ${JSON.stringify(resource.group)} ${where}${because}`;
  return forbiddenObject(resource, resource.name, what);
}

/** `pods "web" is forbidden: WHY` */
export function forbiddenObject(resource: { group: string; plural: string }, name: string | undefined, why: string, causes?: { reason: string; message: string; field?: string }[]): ApiError {
  const subject = name === undefined || name === '' ? qualified(resource) : `${qualified(resource)} ${JSON.stringify(name)}`;
  const details = { name, group: resource.group || undefined, kind: resource.plural, ...(causes === undefined ? {} : { causes }) };
  return new ApiError('Forbidden', `${subject} is forbidden: ${why}`, details);
}

export function resourceUnknown(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource', {});
}

export function methodNotAllowed(): ApiError {
  return new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function badRequest(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

export function expired(): ApiError {
  return new ApiError('Expired', 'The resourceVersion for the provided list is too old.');
}

/** What a watch that cannot go on is told; upstream words it `too old resource version: WANTED (OLDEST)`. */
export function tooOld(wanted: number, oldest: number): ApiError {
  return new ApiError('Expired', `too old resource version: ${wanted} (${oldest})`);
}

export function tooLargeVersion(wanted: number, current: number): ApiError {
  return new ApiError('Timeout', `Too large resource version: ${wanted}, current: ${current}`, { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 });
}

export function tooManyRequests(): ApiError {
  return new ApiError('TooManyRequests', 'too many requests are under way, please try again later', { retryAfterSeconds: 1 });
}

export function tooLargeBody(limitBytes: number): ApiError {
  return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}

/** What is wrong with the options of a request: `PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: ...`. */
export function invalidOptions(kind: OptionsKind, ...errors: FieldError[]): ApiError {
  return invalidObject({ group: 'meta.k8s.io', kind }, '', errors);
}

export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions' | 'ListOptions';

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  return new ApiError('UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`);
}

export function notAcceptable(accepted: readonly string[]): ApiError {
  return new ApiError('NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

function qualified(resource: { group: string; plural: string }): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

/** Any error as an ApiError: what the store says in the words of the API, and the unforeseen as InternalError without its insides. */
export function toApiError(error: unknown, about?: { kind: Kind; name?: string }): ApiError {
  if (error instanceof ApiError) return error;
  if (isStoreError(error, 'large')) return new ApiError('RequestEntityTooLarge', `the object is too large to be stored: ${error.message}; split it into several objects`, detailsOf(about));
  if (isStoreError(error, 'full')) return new ApiError('InternalError', `the disk of the store is full: ${error.message}; free some space in the state folder and try again`, detailsOf(about));
  if (isStoreError(error, 'closed')) return new ApiError('ServiceUnavailable', 'the server is shutting down; try again', { retryAfterSeconds: 1 });
  if (isStoreError(error, 'failed', 'damaged')) return new ApiError('InternalError', `the store cannot write: ${error.message}; look at the disk, then restart`, detailsOf(about));
  if (isStoreError(error, 'compacted')) return expired();
  if (isStoreError(error, 'invalid')) return badRequest(error.message);
  if (error instanceof Error && error.name === 'AbortError') return new ApiError('Timeout', 'the request was given up');
  return new ApiError('InternalError', `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`, { causes: [{ message: error instanceof Error ? error.message : String(error) }] });
}

function detailsOf(about: { kind: Kind; name?: string } | undefined): Status['details'] {
  return about === undefined ? undefined : { name: about.name, group: about.kind.group || undefined, kind: about.kind.plural };
}
