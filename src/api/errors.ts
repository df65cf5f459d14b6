/**
 * ApiError: the one error that crosses floors. It is a Kubernetes `Status` (meta/v1) with a standard reason, and its message says
 * what to do. The door sends it as it is; the HTTP client turns a Status that it receives into the same class.
 */

import type { StatusCause, StatusDetails } from './generated/meta-v1.ts';

/** The standard reasons and their HTTP codes (apimachinery, meta/v1 StatusReason). */
const STATUS_CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  ServerTimeout: 500,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof STATUS_CODES;

export type { StatusCause, StatusDetails };

export interface Status {
  apiVersion: 'v1';
  kind: 'Status';
  /** `continue` goes on with a list whose token was too old (reason Expired). */
  metadata: { continue?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
}

export class ApiError extends Error {
  readonly reason: StatusReason;
  readonly code: number;
  readonly details: StatusDetails | undefined;
  /** What its Status says instead of `reason`, such as a webhook's own words; empty: it says none. */
  statusReason?: string;
  /** With reason Expired: a token by which the list goes on, from what there is now. */
  continue?: string;

  constructor(reason: StatusReason, message: string, details?: StatusDetails, code: number = STATUS_CODES[reason]) {
    super(message);
    this.name = 'ApiError';
    this.reason = reason;
    this.code = code;
    this.details = details;
  }

  toStatus(): Status {
    const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: this.message, reason: this.statusReason ?? this.reason, code: this.code };
    if (status.reason === '') delete status.reason;
    if (this.details !== undefined) status.details = this.details;
    if (this.continue !== undefined) status.metadata = { continue: this.continue };
    return status;
  }

  /** From a Status that came over the wire; an unknown reason is taken from its code, and stays in the Status. */
  static fromStatus(status: Partial<Status>): ApiError {
    const code = status.code ?? 500;
    const known = status.reason !== undefined && status.reason in STATUS_CODES;
    const reason = known ? (status.reason as StatusReason) : reasonOfCode(code);
    const error = new ApiError(reason, status.message ?? `the server answered ${code}`, status.details, code);
    if (!known) error.statusReason = status.reason ?? '';
    if (status.metadata?.continue) error.continue = status.metadata.continue;
    return error;
  }
}

function reasonOfCode(code: number): StatusReason {
  for (const [reason, itsCode] of Object.entries(STATUS_CODES)) if (itsCode === code) return reason as StatusReason;
  return 'InternalError';
}

/** True when `error` is an ApiError with one of the reasons. */
export function isApiError(error: unknown, ...reasons: StatusReason[]): error is ApiError {
  return error instanceof ApiError && (reasons.length === 0 || reasons.includes(error.reason));
}

/**
 * What upstream answers for an error that it does not classify (convertStorageErrorOrNot): 500 without a reason, in the error's own words. The request is
 * at fault, not the server.
 */
export function unclassified(message: string): ApiError {
  const error = new ApiError('InternalError', message);
  error.statusReason = '';
  return error;
}

/** `pods "web" not found`, as upstream words it: the resource is `plural` or `plural.group`. */
export function notFound(resource: { group: string; plural: string }, name: string): ApiError {
  const qualified = qualifiedResource(resource);
  return new ApiError('NotFound', `${qualified} "${name}" not found`, { name, group: resource.group || undefined, kind: resource.plural });
}

export function alreadyExists(resource: { group: string; plural: string }, name: string): ApiError {
  return new ApiError('AlreadyExists', `${qualifiedResource(resource)} "${name}" already exists`, { name, group: resource.group || undefined, kind: resource.plural });
}

export function conflict(resource: { group: string; plural: string }, name: string, why: string): ApiError {
  return new ApiError('Conflict', `Operation cannot be fulfilled on ${qualifiedResource(resource)} "${name}": ${why}`, { name, group: resource.group || undefined, kind: resource.plural });
}

/** What upstream says when an update carries an old resourceVersion. */
export const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

function qualifiedResource(resource: { group: string; plural: string }): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}
