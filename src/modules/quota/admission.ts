/**
 * Admission by quota: what a new or grown object takes is booked in the status of every quota that counts it before it is stored, so that
 * two writers cannot both have the last place (upstream: admission plugin ResourceQuota).
 */
import { ResourceQuota } from '../../api/core/resource-quota.ts';
import { ApiError, isApiError } from '../../api/errors.ts';
import { equalJson } from '../../api/json.ts';
import type { Cache } from '../../sdk/cache.ts';
import type { Admission, AdmissionRequest, ModuleContext } from '../../sdk/module.ts';
import { charge, growth, unsaid } from './charge.ts';
import { recount } from './recount.ts';
import { isInScope } from './scopes.ts';
import { underWay } from './under-way.ts';
import { concerns, usageOf } from './usage.ts';

const TRIES = 10;

/** Quotas by the context that they were asked through, once they are there: a module that was loaded again has another. */
const known = new WeakMap<ModuleContext, Cache<ResourceQuota>>();

export const quotaAdmission: Admission = {
  name: 'ResourceQuota', kinds: 'all', operations: ['CREATE', 'UPDATE'], last: 'books',
  validate(request, context) {
    const { kind, namespace, operation, subresource } = request;
    if (!kind.namespaced || namespace === undefined || (subresource !== undefined && subresource !== 'resize')) return undefined;
    // A pod takes more by a resize alone: that it gets a deadline later moves it from one quota to another, and is refused by none.
    if (operation === 'UPDATE' && subresource === undefined && kind.group === '' && kind.plural === 'pods') return undefined;
    const quotas = known.get(context);
    // Nearly every namespace has none: nothing is awaited then.
    if (quotas !== undefined) return quotas.list(namespace).length === 0 ? undefined : book(request, quotas.list(namespace), context);
    return firstOf(context).then((cache) => book(request, cache.list(namespace), context));
  },
};

async function firstOf(context: ModuleContext): Promise<Cache<ResourceQuota>> {
  const cache = context.caches.of(ResourceQuota);
  await cache.ready();
  known.set(context, cache);
  return cache;
}

async function book(request: AdmissionRequest, quotas: readonly ResourceQuota[], context: ModuleContext): Promise<void> {
  const concerned = quotas.filter((each) => concerns(request.kind, Object.keys(each.spec?.hard ?? {})));
  // All are asked before any is written to: what one refuses must not stay booked in another.
  if (concerned.length > 1) for (const each of concerned) await bookOne({ ...request, dryRun: true }, each, context);
  try {
    for (const each of concerned) await inTurn(each, () => bookOne(request, each, context));
  } catch (error) {
    if (request.object !== undefined) underWay(context).forget(request.object);
    throw error;
  }
}

/** The last booking of each quota that is under way, by uid. */
const turns = new Map<string, Promise<void>>();

/** Bookings of a quota wait for each other: all at once they would only get in each other's way. */
function inTurn({ metadata: { uid = '' } }: ResourceQuota, work: () => Promise<void>): Promise<void> {
  const turn = (turns.get(uid) ?? Promise.resolve()).then(work, work);
  turns.set(uid, turn);
  const end = (): void => {
    if (turns.get(uid) === turn) turns.delete(uid);
  };
  turn.then(end, end);
  return turn;
}

/** Tries again with the quota as it is now when another writer booked first. */
async function bookOne(request: AdmissionRequest, quota: ResourceQuota, context: ModuleContext): Promise<void> {
  const { name = '', namespace } = quota.metadata;
  for (let tries = 1; ; tries++) {
    try {
      const live = await context.client.get(ResourceQuota, name, { namespace });
      return await bookIn(request, await counted(live, context), context);
    } catch (error) {
      if (isApiError(error, 'NotFound')) return;
      if (request.object !== undefined && !request.dryRun) underWay(context).forget(request.object); // the next try books it anew
      if (!isApiError(error, 'Conflict') || tries === TRIES) throw error;
    }
  }
}

/** A quota whose status does not speak of its limits yet is counted first. */
async function counted(quota: ResourceQuota, context: ModuleContext): Promise<ResourceQuota> {
  const { client, kinds, clock } = context;
  if (equalJson(quota.status?.hard ?? {}, quota.spec?.hard ?? {})) return quota;
  const status = await recount(quota, { client, served: kinds.list(), underWay: underWay(context), nowMs: clock.nowMs() });
  return { ...quota, status };
}

async function bookIn(request: AdmissionRequest, quota: ResourceQuota, context: ModuleContext): Promise<void> {
  const { client, clock } = context;
  const { kind, object, oldObject } = request;
  if (object === undefined || !isInScope(quota, kind, object)) return;
  if (oldObject === undefined) {
    const why = unsaid(quota, kind, object as never);
    if (why !== undefined) throw refusal(request, why);
  }
  const nowMs = clock.nowMs();
  const before = oldObject !== undefined && isInScope(quota, kind, oldObject) ? usageOf(kind, oldObject, nowMs) : {};
  const charged = charge(quota, growth(quota, usageOf(kind, object, nowMs), before));
  if (charged === undefined) return;
  if ('refused' in charged) throw refusal(request, charged.refused);
  if (request.dryRun) return;
  if (oldObject === undefined) underWay(context).expect(kind, object, nowMs);
  await client.update(ResourceQuota, { ...quota, status: { ...quota.status, used: charged.used } }, { subresource: 'status' });
}

function refusal({ kind, object }: AdmissionRequest, why: string): ApiError {
  const name = object?.metadata.name ?? object?.metadata.generateName ?? '';
  const resource = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
  return new ApiError('Forbidden', `${resource} "${name}" is forbidden: ${why}`, { name, group: kind.group || undefined, kind: kind.plural });
}
