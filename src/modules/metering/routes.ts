/** What accounting asks for over HTTP: `/allocation`, as of OpenCost, and `/focus`. Whoever may get these paths sees all namespaces. */
import { Node } from '../../api/core/node.ts';
import { ApiError } from '../../api/errors.ts';
import { PriceSheet } from '../../api/metering/price-sheet.ts';
import { queryFlag } from '../../api/query-flag.ts';
import type { ModuleContext, Route, RouteRequest } from '../../sdk/module.ts';
import type { Allocation } from './allocation-fields.ts';
import { allocationSets, summaryOf } from './allocation.ts';
import { capacityOf } from './capacity.ts';
import { toCsv } from './csv.ts';
import { asksForContainers, parseFilter } from './filter.ts';
import { FILTER_PARAMETERS, filterOf, valuesOf } from './filter-parameters.ts';
import { FOCUS_COLUMNS, focusRows } from './focus.ts';
import { readRecords } from './keep.ts';
import type { Sharing } from './share.ts';
import { CALENDAR, calendarOf, HOUR_MS, parseDuration, parseWindow, stepsOf, type Period } from './periods.ts';

const JSON_TYPE = 'application/json';
/** More sets than anybody reads, and about what one answer should cost. */
const MOST_STEPS = 1_000;

export function meteringRoutes(context: ModuleContext, cluster: string): Record<'/allocation' | '/focus', Pick<Route, 'handle'>> {
  const inputs = async () => Promise.all([readRecords(context.client), context.client.list(PriceSheet)] as const);
  return {
    '/allocation': {
      handle: answer(async ({ rest, url: { searchParams } }) => {
        if (rest !== '' && rest !== 'compute' && rest !== 'summary') throw new ApiError('NotFound', `there is no /allocation/${rest}; there are /allocation, /allocation/compute and /allocation/summary`);
        const period = windowOf(searchParams, context.clock.nowMs(), { wholeHours: true });
        const parts = partsOf(searchParams, period);
        const [aggregate, filter] = [searchParams.get('aggregate') ?? '', filterOf(searchParams)];
        if (searchParams.has('resolution')) parseDuration(searchParams.get('resolution') ?? ''); // what is kept is exact to the minute, whatever is asked
        refuseOthers(searchParams);
        if (queryFlag(searchParams, 'idleByNode')) throw new ApiError('BadRequest', 'idleByNode: what is idle is told of the whole cluster only');
        const [records, sheets] = await inputs();
        const sharesIdle = queryFlag(searchParams, 'shareIdle');
        const wantsIdle = sharesIdle || queryFlag(searchParams, 'includeIdle') || queryFlag(searchParams, 'idle');
        const data = allocationSets(records, sheets.items, {
          period, parts, aggregate, ...(filter !== '' && { filter: parseFilter(filter, cluster), byContainer: asksForContainers(filter) }), ...sharingOf(searchParams), sharesIdle, cluster, metadata: queryFlag(searchParams, 'includeAggregatedMetadata'),
          ...(wantsIdle ? { capacity: capacityOf((await context.client.list(Node)).items) } : {}),
        }).map((set) => pageOf(set, searchParams));
        return { type: JSON_TYPE, body: JSON.stringify({ code: 200, data: rest === 'summary' ? summaryOf(data, parts, period) : data }) };
      }),
    },
    '/focus': {
      handle: answer(async ({ url: { searchParams } }) => {
        const format = searchParams.get('format') ?? 'json';
        if (format !== 'json' && format !== 'csv') throw new ApiError('BadRequest', `format ${JSON.stringify(format)}: write json or csv`);
        const [records, sheets] = await inputs();
        const rows = focusRows(records, sheets.items, windowOf(searchParams, context.clock.nowMs()), { cluster });
        return format === 'csv' ? { type: 'text/csv; charset=utf-8', body: toCsv(FOCUS_COLUMNS, rows) } : { type: JSON_TYPE, body: JSON.stringify(rows) };
      }),
    },
  };
}

const SHARES = ['shareIdle', 'shareLoadBalancer', 'sharelb', 'shareNamespaces', 'shareLabels', 'shareSplit'];

/** What else would change the sums must not be passed over: `shareCost` and the like. Load balancers cost nothing. */
function refuseOthers(query: URLSearchParams): void {
  const other = [...query].find(([name, value]) => /^(filter|share)./.test(name) && value !== '' && ![...SHARES, ...FILTER_PARAMETERS].includes(name))?.[0];
  if (other !== undefined) throw new ApiError('BadRequest', `${other} is not known: ${other.startsWith('filter') ? `write filter, for instance filter=namespace:"a","b", or one of ${FILTER_PARAMETERS.join(', ')}` : `there are ${SHARES.join(', ')}`}`);
}

/** What of the namespaces and labels that are named costs is put on all others. */
function sharingOf(query: URLSearchParams): { sharing?: Sharing } {
  const [namespaces, labels, split] = [valuesOf(query, 'shareNamespaces'), valuesOf(query, 'shareLabels'), query.get('shareSplit') || 'weighted'];
  if (split !== 'weighted' && split !== 'even') throw new RangeError(`shareSplit=${JSON.stringify(split)}: write weighted or even`);
  if (namespaces.length + labels.length === 0) return {};
  const asked = [...namespaces.map((each) => `filterNamespaces=${encodeURIComponent(each)}`), ...labels.map((each) => `filterLabels=${encodeURIComponent(each)}`)].map((each) => parseFilter(filterOf(new URLSearchParams(each))));
  return { sharing: { isShared: (subject) => asked.some((matches) => matches(subject)), split } };
}

/** `offset` and `limit` count the allocations of each set, the dearest first. */
function pageOf(set: Record<string, Allocation>, query: URLSearchParams): Record<string, Allocation> {
  const [offset, limit] = ['offset', 'limit'].map((name) => {
    const text = query.get(name) || undefined;
    if (text !== undefined && !/^\d{1,9}$/.test(text)) throw new RangeError(`${name}=${JSON.stringify(text)}: write a whole number`);
    return text === undefined ? undefined : Number(text);
  });
  if (offset === undefined && limit === undefined) return set;
  const sorted = Object.entries(set).sort(([left, one], [right, other]) => other.totalCost - one.totalCost || (left < right ? -1 : 1));
  return Object.fromEntries(sorted.slice(offset ?? 0, (offset ?? 0) + (limit || Infinity)));
}

interface Answer { type: string; body: string }

/** What cannot be read is the asker's mistake. */
function answer(make: (request: RouteRequest) => Promise<Answer>): Route['handle'] {
  return async (request) => {
    const { response } = request;
    if (response === undefined) throw new ApiError('BadRequest', 'this is no stream that a connection could be upgraded for');
    const { type, body } = await make(request).catch((error: unknown) => {
      throw error instanceof RangeError ? new ApiError('BadRequest', error.message) : error;
    });
    response.writeHead(200, { 'Content-Type': type });
    response.end(body);
  };
}

function windowOf(query: URLSearchParams, nowMs: number, options?: { wholeHours: boolean }): Period {
  const text = query.get('window');
  if (text === null) throw new ApiError('BadRequest', 'a window is needed, for instance ?window=7d or ?window=month');
  return parseWindow(text, nowMs, options);
}

/** What is accumulated is one set, or sets of hours, days, weeks, months or quarters, whatever the step. */
function partsOf(query: URLSearchParams, period: Period): Period[] {
  const accumulate = query.get('accumulateBy') || query.get('accumulate') || 'false';
  const unit = CALENDAR.find((each) => each === accumulate);
  const words = { none: ['false', 'f', '0', 'none'], whole: ['true', 't', '1', 'all'] };
  if (unit === undefined && !words.none.includes(accumulate) && !words.whole.includes(accumulate)) throw new ApiError('BadRequest', `accumulate=${JSON.stringify(accumulate)}: write true, false, ${CALENDAR.join(', ')} or all`);
  const step = words.none.includes(accumulate) ? query.get('step') : null;
  const stepMs = step === null || step === '' ? period.endMs - period.startMs : parseDuration(step);
  const count = (period.endMs - period.startMs) / (unit === undefined ? stepMs : HOUR_MS * (unit === 'hour' ? 1 : 24));
  if (count > MOST_STEPS) throw new ApiError('BadRequest', `${unit ?? `a step of ${step}`} makes more than ${MOST_STEPS} sets; take a longer one or a shorter window`);
  return unit === undefined ? stepsOf(period, stepMs) : calendarOf(period, unit);
}
