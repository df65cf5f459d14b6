/** The options of a log request (core/v1 PodLogOptions) as query parameters. */
import { ApiError } from '../../../api/errors.ts';
import { forbidden, invalid, invalidObject, notSupported, type FieldError } from '../../../api/field-error.ts';
import { queryFlag } from '../../../api/query-flag.ts';

export interface LogOptions {
  container?: string;
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  /** Only what was written at this time or after; ms since the epoch. */
  sinceMs?: number;
  tailLines?: number;
  limitBytes?: number;
  stream?: 'stdout' | 'stderr';
}

const STREAMS = ['All', 'Stderr', 'Stdout'];

/** Throws BadRequest for what is no number or time, and Invalid for what cannot be asked of the pod's log, as upstream refuses it. */
export function logOptions(query: URLSearchParams, { nowMs, pod = '' }: { nowMs: number; pod?: string }): LogOptions {
  const flag = (name: string): boolean => queryFlag(query, name);
  const errors: FieldError[] = [];
  const count = (name: string, least: 0 | 1): number | undefined => {
    const text = query.get(name);
    if (text === null || text === '') return undefined;
    if (!/^-?\d+$/.test(text)) throw new ApiError('BadRequest', `${name}: Invalid value: "${text.slice(0, 100)}": must be a whole number, ${least} or more`);
    if (Number(text) < least) errors.push(invalid(name, Number(text), least === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0'));
    return Number(text);
  };
  const [tailLines, limitBytes, sinceSeconds] = [count('tailLines', 0), count('limitBytes', 1), count('sinceSeconds', 1)];
  const sinceTime = query.get('sinceTime');
  if (sinceTime !== null && Number.isNaN(Date.parse(sinceTime))) throw new ApiError('BadRequest', `sinceTime: Invalid value: "${sinceTime.slice(0, 100)}": must be a time such as 2026-01-31T12:00:00Z`);
  if (sinceSeconds !== undefined && sinceTime !== null) errors.push(forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  const stream = query.get('stream') || 'All';
  if (stream !== 'All' && tailLines !== undefined) errors.push(forbidden('', '`tailLines` and specific `stream` are mutually exclusive for now'));
  if (!STREAMS.includes(stream)) errors.push(notSupported('stream', stream, STREAMS));
  if (errors.length > 0) throw invalidObject({ group: '', kind: 'PodLogOptions' }, pod, errors);
  return {
    container: query.get('container') ?? undefined, follow: flag('follow'), previous: flag('previous'), timestamps: flag('timestamps'),
    sinceMs: sinceSeconds !== undefined ? nowMs - sinceSeconds * 1_000 : sinceTime === null ? undefined : Date.parse(sinceTime),
    tailLines, limitBytes, stream: stream === 'All' ? undefined : (stream.toLowerCase() as 'stdout' | 'stderr'),
  };
}
