/** Which options of a list or watch go together (upstream: apimachinery, meta/internalversion/validation ValidateListOptions). */
import { forbidden, notSupported, type FieldError } from '../../../api/field-error.ts';
import { invalidOptions } from '../errors.ts';

export interface ListOptions {
  watch: boolean;
  resourceVersion?: string;
  resourceVersionMatch?: string;
  continue?: string;
  sendInitialEvents?: boolean;
}

const MATCHES = ['Exact', 'NotOlderThan'];

/** Throws Invalid (422) about the first thing that is wrong. An empty text is an option that is not given. */
export function checkListOptions(options: ListOptions): void {
  const error = options.watch ? watchError(options) : listError(options);
  if (error !== undefined) throw invalidOptions('ListOptions', error);
}

function listError({ resourceVersion, resourceVersionMatch: match, sendInitialEvents, ...options }: ListOptions): FieldError | undefined {
  if (match) {
    if (!resourceVersion) return forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided');
    if (options.continue) return forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided');
    if (!MATCHES.includes(match)) return notSupported('resourceVersionMatch', match, MATCHES);
    if (match === 'Exact' && resourceVersion === '0') return forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  return sendInitialEvents === undefined ? undefined : forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list');
}

function watchError({ resourceVersionMatch: match, sendInitialEvents, ...options }: ListOptions): FieldError | undefined {
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') return forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  if (!match) return undefined;
  if (sendInitialEvents === undefined) return forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  return options.continue ? forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided') : undefined;
}
