/** What accounting asks for over HTTP: `/allocation`, as of OpenCost, and `/focus`. Whoever may get these paths sees all namespaces. */
import { Node } from '../../api/core/node.ts';
import { ApiError } from '../../api/errors.ts';
import { PriceSheet } from '../../api/metering/price-sheet.ts';
import { queryFlag } from '../../api/query-flag.ts';
import type { ModuleContext, Route, RouteRequest } from '../../sdk/module.ts';
import { allocationSets } from './allocation.ts';
import { capacityOf } from './capacity.ts';
import { toCsv } from './csv.ts';
import { parseFilter } from './filter.ts';
import { FOCUS_COLUMNS, focusRows } from './focus.ts';
import { readRecords } from './keep.ts';
import { parseDuration, parseWindow, type Period } from './periods.ts';

const JSON_TYPE = 'application/json';
/** More sets than anybody reads, and about what one answer should cost. */
const MOST_STEPS = 1_000;

export function meteringRoutes(context: ModuleContext, cluster: string): Record<'/allocation' | '/focus', Pick<Route, 'handle'>> {
  const inputs = async () => Promise.all([readRecords(context.client), context.client.list(PriceSheet)] as const);
  return {
    '/allocation': {
      handle: answer(async ({ rest, url: { searchParams } }) => {
        if (rest !== '' && rest !== 'compute' && rest !== 'summary') throw new ApiError('NotFound', `there is no /allocation/${rest}; there are /allocation and /allocation/compute`);
        const period = windowOf(searchParams, context.clock.nowMs());
        const stepMs = stepOf(searchParams, period);
        const [aggregate, filter] = [searchParams.get('aggregate') || 'namespace,pod', searchParams.get('filter')];
        if (searchParams.has('resolution')) parseDuration(searchParams.get('resolution') ?? ''); // what is kept is exact to the minute, whatever is asked
        if (queryFlag(searchParams, 'idleByNode')) throw new ApiError('BadRequest', 'idleByNode: what is idle is told of the whole cluster only');
        const [records, sheets] = await inputs();
        const sharesIdle = queryFlag(searchParams, 'shareIdle');
        const wantsIdle = sharesIdle || queryFlag(searchParams, 'includeIdle');
        const data = allocationSets(records, sheets.items, {
          period, aggregate, ...(stepMs === undefined ? {} : { stepMs }), ...(filter === null || filter === '' ? {} : { filter: parseFilter(filter) }), sharesIdle, ...(wantsIdle ? { capacity: capacityOf((await context.client.list(Node)).items) } : {}),
        });
        return { type: JSON_TYPE, body: JSON.stringify({ code: 200, data }) };
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

function windowOf(query: URLSearchParams, nowMs: number): Period {
  const text = query.get('window');
  if (text === null) throw new ApiError('BadRequest', 'a window is needed, for instance ?window=7d or ?window=month');
  return parseWindow(text, nowMs);
}

/** What is accumulated is one set, or sets of hours, days or weeks, whatever the step. */
const ACCUMULATED: Readonly<Record<string, string>> = { hour: '1h', day: '1d', week: '1w' };

function stepOf(query: URLSearchParams, period: Period): number | undefined {
  const accumulate = query.get('accumulate') ?? '';
  const text = ACCUMULATED[accumulate] ?? (['', 'false', '0'].includes(accumulate) ? query.get('step') : null);
  if (text === null || text === '') return undefined;
  const stepMs = parseDuration(text);
  if ((period.endMs - period.startMs) / stepMs > MOST_STEPS) throw new ApiError('BadRequest', `a step of ${text} makes more than ${MOST_STEPS} sets; take a longer step or a shorter window`);
  return stepMs;
}
