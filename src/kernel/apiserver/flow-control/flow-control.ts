/**
 * Flow control: requests of one kind of clients do not starve those of others ("API Priority and Fairness"). FlowSchemas sort requests into
 * flows of priority levels; a level has a share of all seats, and its flows are served in turn. Administrators are exempt, as upstream
 * exempts system:masters. Where upstream deals flows to a hand of queues, here each flow has its own, as long as such a hand together.
 */
import type { FlowSchema, PriorityLevelConfiguration } from '../../../api/generated/flowcontrol-v1.ts';
import type { UserInfo } from '../../../sdk/module.ts';
import type { Store } from '../../store/store.ts';
import { seatWaitMs } from '../deadline.ts';
import { tooManyRequests } from '../errors.ts';
import type { RequestInfo } from '../request-info.ts';
import { flowOf, inOrder, mayConcern, schemaFor } from './classify.ts';
import { createPool, type FairQueue, type Pool, type QueueLimits } from './fair-queue.ts';

/** Requests under way at once over all limited levels: more would not be faster, since one thread works on all. */
const SEATS = 128;
const MASTERS = 'system:masters';
/** The schema by which administrators wait for nobody; every cluster has it. */
const EXEMPT = 'exempt';
const ROOT = '/flowcontrol.apiserver.k8s.io';

export interface Turn {
  schemaUid: string;
  levelUid: string;
  /** As FairQueue.enter. */
  entered: true | Promise<void> | undefined;
  leave(): void;
}

export interface FlowControl {
  /** The turn of a request; undefined where nothing is configured for it. Exempt ones enter at once. */
  turnOf(user: UserInfo, asked: RequestInfo): Turn | undefined;
  /** Who has seats, who waits and who was sent away, in the Prometheus text format. */
  metrics(): string;
}

interface Level {
  uid: string;
  /** How many were sent away, for they would have waited behind too many. */
  rejected: { count: number };
  queue: FairQueue;
}

interface State {
  schemas: FlowSchema[];
  /** Those of who asks again: a user is one value for as long as a connection or a token is known. */
  own: WeakMap<UserInfo, readonly FlowSchema[]>;
  levels: Map<string, Level>;
  /** The uids of levels that nobody waits for, by name. */
  exempt: Map<string, string>;
  /** What all requests of administrators get. */
  masters: Turn | undefined;
}

/** Reads the objects when they changed; the signal ends the watches. Queues outlive a change of their level. */
export function createFlowControl(store: Store, signal: AbortSignal): FlowControl {
  const queues: Queues = { pool: createPool(), byUid: new Map(), rejections: new Map() };
  let state: State | undefined;
  let following = false;
  const current = (): State => {
    if (!following) following = follow(store, signal, { changed: () => (state = undefined), lost: () => (following = false) });
    return (state ??= read(store, queues));
  };
  const ownSchemas = (user: UserInfo): readonly FlowSchema[] => {
    const { schemas, own } = current();
    let found = own.get(user);
    if (found === undefined) own.set(user, (found = schemas.filter((each) => mayConcern(each, user))));
    return found;
  };
  return {
    turnOf(user, asked) {
      const { levels, exempt, masters } = current();
      if (user.groups.includes(MASTERS)) return masters;
      const schema = schemaFor(ownSchemas(user), user, asked);
      const level = levels.get(schema?.spec?.priorityLevelConfiguration.name ?? '');
      if (schema === undefined) return undefined;
      if (level === undefined) return exemptTurn(schema, exempt);
      const flow = flowOf(schema, user, asked);
      return { schemaUid: schema.metadata.uid ?? '', levelUid: level.uid, entered: enterBounded(level, flow, seatWaitMs(asked)), leave: () => level.queue.leave(flow) };
    },
    metrics: () => metricsOf([...current().levels]),
  };
}

/** Who waits too long is sent away like who would wait behind too many. */
function enterBounded(level: Level, flow: string, waitMs: number): Turn['entered'] {
  if (level.queue.tryEnter(flow)) return true;
  const giveUp = new AbortController();
  const entered = level.queue.enter(flow, giveUp.signal);
  if (entered === undefined) level.rejected.count += 1;
  if (typeof entered !== 'object') return entered;
  const timer = setTimeout(() => {
    level.rejected.count += 1;
    giveUp.abort(tooManyRequests());
  }, waitMs);
  return entered.finally(() => clearTimeout(timer));
}

function nothing(): void {}

function exemptTurn(schema: FlowSchema, exempt: ReadonlyMap<string, string>): Turn | undefined {
  const levelUid = exempt.get(schema.spec?.priorityLevelConfiguration.name ?? '');
  return levelUid === undefined ? undefined : { schemaUid: schema.metadata.uid ?? '', levelUid, entered: true, leave: nothing };
}

interface Queues {
  pool: Pool;
  byUid: Map<string, FairQueue>;
  rejections: Map<string, { count: number }>;
}

function rejectedOf(rejections: Queues['rejections'], uid: string): { count: number } {
  const rejected = rejections.get(uid) ?? { count: 0 };
  rejections.set(uid, rejected);
  return rejected;
}

const METRICS: readonly [string, string, string, (level: Level) => number][] = [
  ['apiserver_flowcontrol_current_executing_requests', 'gauge', 'Requests that are worked on', ({ queue }) => queue.running],
  ['apiserver_flowcontrol_current_inqueue_requests', 'gauge', 'Requests that wait for their turn', ({ queue }) => queue.waiting],
  ['apiserver_flowcontrol_nominal_limit_seats', 'gauge', 'How many requests may be worked on at once', ({ queue }) => queue.limits.seats],
  ['apiserver_flowcontrol_rejected_requests_total', 'counter', 'Requests that were refused, since too many waited or they had waited too long', ({ rejected }) => rejected.count],
];

function metricsOf(levels: readonly (readonly [string, Level])[]): string {
  return METRICS.map(([name, type, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${levels.map(([level, each]) => `${name}{priority_level=${JSON.stringify(level)}} ${value(each)}\n`).join('')}`).join('');
}

function read(store: Store, { pool, byUid, rejections }: Queues): State {
  const levels = new Map<string, Level>();
  const configured = store.list(`${ROOT}/prioritylevelconfigurations/`).items.map(({ object }) => object as PriorityLevelConfiguration);
  const limited = configured.filter(({ spec }) => spec?.type === 'Limited');
  const all = limited.reduce((sum, each) => sum + sharesOf(each), 0);
  for (const each of limited) {
    const { uid = '', name = '' } = each.metadata;
    const limits = limitsOf(each, all);
    const queue = byUid.get(uid);
    if (queue === undefined) byUid.set(uid, pool.queue(limits));
    else queue.limits = limits;
    levels.set(name, { uid, rejected: rejectedOf(rejections, uid), queue: byUid.get(uid)! });
  }
  for (const [uid, queue] of byUid) {
    if ([...levels.values()].some((level) => level.uid === uid)) continue;
    byUid.delete(uid);
    rejections.delete(uid);
    queue.close();
  }
  const exempt = new Map(configured.filter(({ spec }) => spec?.type === 'Exempt').map(({ metadata: { name = '', uid = '' } }) => [name, uid]));
  // One whose level is not there concerns nobody: the next one that fits does.
  const hasLevel = ({ spec }: FlowSchema): boolean => [levels, exempt].some((each) => each.has(spec?.priorityLevelConfiguration.name ?? ''));
  const schemas = inOrder(store.list(`${ROOT}/flowschemas/`).items.map(({ object }) => object as FlowSchema).filter(hasLevel));
  const forMasters = schemas.find(({ metadata }) => metadata.name === EXEMPT);
  return { schemas, own: new WeakMap(), levels, exempt, masters: forMasters === undefined ? undefined : exemptTurn(forMasters, exempt) };
}

function sharesOf({ spec }: PriorityLevelConfiguration): number {
  return spec?.limited?.nominalConcurrencyShares ?? 0;
}

/** Shares of all seats, and what of them may be lent and borrowed, as the formulas of LimitedPriorityLevelConfiguration have it. */
export function limitsOf(level: PriorityLevelConfiguration, allShares: number): QueueLimits {
  const { lendablePercent = 0, borrowingLimitPercent } = level.spec?.limited ?? {};
  const seats = Math.max(1, Math.ceil((SEATS * sharesOf(level)) / Math.max(allShares, 1)));
  const percent = (share: number): number => Math.round((seats * share) / 100);
  return { seats, waiting: waitingOf(level), lends: Math.min(seats, percent(lendablePercent)), borrows: typeof borrowingLimitPercent === 'number' ? percent(borrowingLimitPercent) : SEATS };
}

function waitingOf({ spec }: PriorityLevelConfiguration): number {
  const { type, queuing } = spec?.limited?.limitResponse ?? {};
  return type === 'Queue' ? (queuing?.handSize ?? 8) * (queuing?.queueLengthLimit ?? 50) : 0;
}

function follow(store: Store, signal: AbortSignal, on: { changed(): void; lost(): void }): boolean {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  for (const plural of ['flowschemas', 'prioritylevelconfigurations']) {
    store.watch(`${ROOT}/${plural}/`, { signal: both }, {
      event: () => on.changed(),
      error() {
        ending.abort();
        on.changed();
        on.lost();
      },
    });
  }
  return true;
}
