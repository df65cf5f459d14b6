/** The options of a log request (core/v1 PodLogOptions) as query parameters. */
import { ApiError } from '../../../api/errors.ts';
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

/** Throws BadRequest for what is no number or time, as upstream refuses it. */
export function logOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const flag = (name: string): boolean => queryFlag(query, name);
  const count = (name: string, least: number): number | undefined => {
    const text = query.get(name);
    if (text === null || text === '') return undefined;
    if (!/^-?\d+$/.test(text) || Number(text) < least) throw new ApiError('BadRequest', `${name}: Invalid value: "${text.slice(0, 100)}": must be a whole number, ${least} or more`);
    return Number(text);
  };
  const sinceSeconds = count('sinceSeconds', 1);
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime !== null) throw new ApiError('BadRequest', 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  if (sinceTime !== null && Number.isNaN(Date.parse(sinceTime))) throw new ApiError('BadRequest', `sinceTime: Invalid value: "${sinceTime.slice(0, 100)}": must be a time such as 2026-01-31T12:00:00Z`);
  const stream = query.get('stream')?.toLowerCase();
  return {
    container: query.get('container') ?? undefined, follow: flag('follow'), previous: flag('previous'), timestamps: flag('timestamps'),
    sinceMs: sinceSeconds !== undefined ? nowMs - sinceSeconds * 1_000 : sinceTime === null ? undefined : Date.parse(sinceTime),
    tailLines: count('tailLines', 0), limitBytes: count('limitBytes', 1), stream: stream === 'stdout' || stream === 'stderr' ? stream : undefined,
  };
}
