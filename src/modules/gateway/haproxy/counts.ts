/**
 * Requests that HAProxy counts by itself. A line for each request costs more than the request where there are tens of thousands a second; so on a busy
 * door an answer that is whole when it begins is counted in a table instead (by backend, status and duration) and its
 * line is left out, but for one of many, which keeps "the last requests" alive. Every request is counted once: in the table or by its line. A row of the table is a backend, a
 * status and a range of durations, so that an answer is one look into it: rules that choose among counters cost as much as all the rest. Parts that read and write text are pure.
 */
import { randomInt } from 'node:crypto';
import { followRing, rowsOf } from '../../../sdk/haproxy/commands.ts';
import { openLine, type Line } from '../../../sdk/haproxy/line.ts';
import { rangesOf } from '../../../sdk/haproxy/ranges.ts';
import { holdOf } from '../access.ts';
import { BUCKETS } from '../series.ts';

/** Requests a second of a door up to which each has its line. */
const BUSY = 200;
/** Of so many requests of a busy door one has its line. */
const ONE_OF = 256;
const STATUSES = 1_000;
const COUNTERS = BUCKETS.length + 1;
const PREFIX = 'counts:';
/** How often, and how many times more, the last of a table is looked for after `proc.tells` changed. */
const SETTLE_MS = 20;
const QUIET_LOOKS = 2;
const MOST_LOOKS = 50;
const LINGER_LOOK_MS = 1_000;
/** Lines are sent within this. */
const LINGER_MS = 500;

/** The section that holds the counters of a door. */
export function countsTable(door: string): string[] {
  return [`backend ${PREFIX}${door}`, '  stick-table type integer size 100k store http_req_cnt,bytes_in_cnt,bytes_out_cnt', ''];
}

/** Lines of a map: see {@link rangesOf}. */
export const RANGES = rangesOf(BUCKETS.map((seconds) => Math.round(seconds * 1_000_000)));

/** Of a door, before its other rules for requests: microseconds since the epoch. */
export const BEGIN = '  http-request set-var(txn.began) date(0,us)';

/** Rules for answers, the last of a door since they end them; `ranges` is the file of {@link RANGES}. Numbers are asked for as truths where that will do: patterns have a lock that threads share. */
export function countsRules(door: string, ranges: string): string[] {
  return [
    `allow if !{ internal.htx.has_eom } or !{ fe_req_rate,div(${BUSY}) -m bool } or !{ rand(${ONE_OF}) -m bool } or { var(proc.tells) -m bool }`,
    'set-var(txn.code) status', `set-var(txn.took) date(0,us),sub(txn.began),map_int_int(${ranges},${BUCKETS.length})`,
    `track-sc2 be_id,mul(${COUNTERS}),add(txn.took),mul(${STATUSES}),add(txn.code) table ${PREFIX}${door}`, 'set-log-level silent if { sc2_tracked }',
  ].map((rule) => `  http-response ${rule}`);
}

/** Requests of a backend with one status, as far as they have no lines. */
export interface Counted {
  backend: string;
  frontend: string;
  status: string;
  /** By duration: up to the first of {@link BUCKETS}, up to the second, and so on; the last holds those above all. */
  buckets: readonly number[];
  bytesIn: number;
  bytesOut: number;
}

/** One table, as `show table` gives it; `names` are the backends by their number. Sums since the process began. */
export function countsOf(table: string, names: ReadonlyMap<number, string>): Counted[] {
  const frontend = /^# table: counts:([^,]+),/m.exec(table)?.[1] ?? '';
  const counted = new Map<string, { backend: string; frontend: string; status: string; buckets: number[]; bytesIn: number; bytesOut: number }>();
  for (const [, key, text = ''] of table.matchAll(/^\S+: key=(\d+) (.*)$/gm)) {
    const values = new Map([...text.matchAll(/(\w+)=(\d+)/g)].map(([, name = '', value]) => [name, Number(value)]));
    const status = String(Number(key) % STATUSES);
    const place = Math.floor(Number(key) / STATUSES);
    const backend = names.get(Math.floor(place / COUNTERS));
    if (backend === undefined) continue;
    const row = counted.get(`${backend} ${status}`) ?? { backend, frontend, status, buckets: Array<number>(COUNTERS).fill(0), bytesIn: 0, bytesOut: 0 };
    counted.set(`${backend} ${status}`, row);
    row.buckets[place % COUNTERS] = values.get('http_req_cnt') ?? 0;
    row.bytesIn += values.get('bytes_in_cnt') ?? 0;
    row.bytesOut += values.get('bytes_out_cnt') ?? 0;
  }
  return [...counted.values()];
}

/** What came since `before`, which is brought along. Counters of one process only grow. */
export function newCounts(now: readonly Counted[], before: Map<string, Counted>): Counted[] {
  return now.flatMap((each) => {
    const key = `${each.frontend} ${each.backend} ${each.status}`;
    const last = before.get(key);
    before.set(key, each);
    const buckets = each.buckets.map((value, index) => value - (last?.buckets[index] ?? 0));
    if (buckets.every((value) => value === 0)) return [];
    return [{ ...each, buckets, bytesIn: each.bytesIn - (last?.bytesIn ?? 0), bytesOut: each.bytesOut - (last?.bytesOut ?? 0) }];
  });
}

/** Answers by backend and slot, as `show stat` gives them of servers, each with the address that it has now. Sums since the process began. */
function servedOf(stat: string): { slot: string; address: string; answers: number }[] {
  return rowsOf(stat).flatMap((read) => {
    const answers = ANSWERS.reduce((sum, column) => sum + (Number(read(column)) || 0), 0);
    const address = read('addr').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
    return answers === 0 || address === '' ? [] : [{ slot: `${read('iid')}/${read('sid')}`, address, answers }];
  });
}

const ANSWERS = ['hrsp_1xx', 'hrsp_2xx', 'hrsp_3xx', 'hrsp_4xx', 'hrsp_5xx', 'hrsp_other'] as const;

/** By address, what came since `before`, which is brought along. */
function newlyServed(now: readonly { slot: string; address: string; answers: number }[], before: Map<string, number>): Map<string, number> {
  const served = new Map<string, number>();
  for (const { slot, address, answers } of now) {
    const more = answers - (before.get(slot) ?? 0);
    before.set(slot, answers);
    if (more > 0) served.set(address, (served.get(address) ?? 0) + more);
  }
  return served;
}

/** Follows the counters of one process. */
export interface Counts {
  /** What came since the last call. */
  read(): Promise<Counted[]>;
  /** By the address of the endpoint, the answers since the last call. */
  served(): Promise<Map<string, number>>;
  /**
   * For a process that is to be replaced, since it forgets its table when it stops: from now on each request has its line. Settles with the last of the table. `release`
   * lets it end, when its connections have; or go on as before.
   */
  hold(): Promise<{ last: Counted[]; served: Map<string, number>; release(how: 'replaced' | 'kept'): void }>;
}

export interface CountsInput {
  socket: string;
  /** The ring of its lines, and what takes those of a hold: a process that is stopping sends none any more, nor what it had still to send. */
  ring: string;
  take(line: string): void;
}

export function createCounts({ socket, ring, take }: CountsInput): Counts {
  const before = new Map<string, Counted>();
  const servedBefore = new Map<string, number>();
  let names: Promise<ReadonlyMap<number, string>> | undefined;

  function namesBy(line: Line): Promise<ReadonlyMap<number, string>> {
    return (names ??= line.ask('show stat -1 2 -1').then((stat) => new Map(rowsOf(stat).map((read) => [Number(read('iid')), read('pxname')]))));
  }

  async function readBy(line: Line): Promise<Counted[]> {
    const known = await namesBy(line);
    const now: Counted[] = [];
    for (const [, name] of known) if (name.startsWith(PREFIX)) now.push(...countsOf(await line.ask(`show table ${name}`), known));
    return newCounts(now, before);
  }

  async function servedBy(line: Line): Promise<Map<string, number>> {
    return newlyServed(servedOf(await line.ask('show stat -1 4 -1')), servedBefore);
  }

  /** Of a table that nothing new comes to: until nothing came for a while, since a thread of a busy machine may be late with what it has under way. */
  async function readToEnd(line: Line): Promise<Counted[]> {
    const all: Counted[] = [];
    let quiet = 0;
    for (let looks = 0; quiet < QUIET_LOOKS && looks < MOST_LOOKS; looks++) {
      await pause(SETTLE_MS);
      const more = await readBy(line);
      quiet = more.length === 0 ? quiet + 1 : 0;
      all.push(...more);
    }
    return all;
  }

  return {
    async read() {
      const line = openLine(socket, () => {});
      return readBy(line).finally(() => line.close());
    },
    async served() {
      const line = openLine(socket, () => {});
      return servedBy(line).finally(() => line.close());
    },
    async hold() {
      const line = openLine(socket, () => {});
      const hold = randomInt(1, 2 ** 31);
      await line.ask(tells(hold));
      const unfollow = await followRing(socket, ring, (text) => { if (holdOf(text) === hold) take(text); });
      return {
        last: await readToEnd(line), served: await servedBy(line),
        release: (how) => void (how === 'replaced' ? linger(line) : line.ask(tells(0)).then(() => pause(LINGER_MS))).catch(() => {}).finally(() => { line.close(); unfollow(); }),
      };
    },
  };
}

/** Other than 0: each request has its line, which bears the number. */
const tells = (hold: number): string => `experimental-mode on; set var proc.tells int(${hold})`;

/** Settles when a process that stops has ended its connections; ours do not count. */
async function linger(line: Line): Promise<void> {
  while (!/^Stopping: 1$/m.test(await line.ask('show info'))) await pause(SETTLE_MS);
  while (Number(/^CurrConns: (\d+)$/m.exec(await line.ask('show info'))?.[1]) > 0) await pause(LINGER_LOOK_MS);
  await pause(LINGER_MS);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref());
