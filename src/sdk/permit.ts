/**
 * Permits: what a module or controller declared that it touches, as RBAC rules, and a Client that refuses the rest.
 * The same rules authorize the module at the door and become its ClusterRole on another cluster.
 */
import { ApiError } from '../api/errors.ts';
import { Event } from '../api/core/event.ts';
import { resourceKey, type Kind } from '../api/kind.ts';
import type { Client } from './client.ts';
import type { Controller } from './controller.ts';
import type { Module } from './module.ts';

/** One RBAC rule (rbac.authorization.k8s.io/v1 PolicyRule). */
export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** Kinds by what may be done with them; 'all' is for modules that serve every kind, such as the garbage collector. */
export interface Permit {
  reads: ReadonlyMap<string, Kind> | 'all';
  writes: ReadonlyMap<string, Kind> | 'all';
  /** The scale subresource of any kind. */
  scales?: boolean;
  /** The token subresource of service accounts. */
  tokens?: boolean;
}

export function permitOfController(controller: Controller): Permit {
  const written = [controller.for, ...(controller.owns ?? []), ...(controller.writes ?? [])];
  const read = [...(controller.watches ?? []).map((each) => each.kind), ...(controller.reads ?? [])];
  return permit(read, written);
}

/** What the module's `start`, `run` and routes may touch. */
export function permitOfModule(module: Module): Permit {
  const reads = module.reads === 'all' ? 'all' : [...(module.reads ?? []), ...(module.kinds ?? []), ...(module.needs ?? [])];
  const own = permit(reads === 'all' ? [] : reads, module.writes === 'all' ? [] : (module.writes ?? []));
  return { reads: reads === 'all' || module.writes === 'all' ? 'all' : own.reads, writes: module.writes === 'all' ? 'all' : own.writes, scales: module.scales, tokens: module.tokens };
}

/** The rules of a whole module with its controllers, for the door and for a ClusterRole. */
export function rulesOf(module: Module): PolicyRule[] {
  const permits = [permitOfModule(module), ...(module.controllers ?? []).map(permitOfController)];
  if (permits.some((each) => each.writes === 'all')) return [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }];
  const writes = new Map(permits.flatMap((each) => [...(each.writes as ReadonlyMap<string, Kind>)]));
  const rules = [...writes.values()].map((kind) => rule(kind, ['*'], module.subresources));
  if (module.scales === true) rules.push({ apiGroups: ['*'], resources: ['*/scale'], verbs: ['get', 'update', 'patch'] });
  if (permits.some((each) => each.reads === 'all')) return [...rules, { apiGroups: ['*'], resources: ['*'], verbs: READ_VERBS }];
  const reads = new Map(permits.flatMap((each) => [...(each.reads as ReadonlyMap<string, Kind>)]));
  return [...rules, ...[...reads].filter(([key]) => !writes.has(key)).map(([, kind]) => rule(kind, READ_VERBS))];
}

/** What a module that says `tokens` may besides at our own door. It is no part of a ClusterRole for another cluster: who may have whose token is said there, account by account. */
export const TOKEN_RULE: PolicyRule = { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] };
const SERVICE_ACCOUNTS = '/serviceaccounts';

/** The same client, which refuses kinds that were not declared, with a message that names the declaration to add. */
export function restrictClient(client: Client, allowed: Permit, who: string): Client {
  const may = (kind: Kind, use: 'reads' | 'writes'): void => {
    if (allowed[use] === 'all' || allowed[use].has(resourceKey(kind))) return;
    throw new ApiError('Forbidden', `${who} does not declare that it ${use} ${kind.plural}: add the kind to its '${use}'`);
  };
  const guard = <A extends unknown[], R>(use: 'reads' | 'writes', call: (kind: never, ...rest: A) => R) =>
    (kind: Kind, ...rest: A): R => {
      if (!(allowed.scales === true && isScale(rest.at(-1))) && !(allowed.tokens === true && resourceKey(kind) === SERVICE_ACCOUNTS && rest[1] === 'token')) may(kind, use);
      return call(kind as never, ...rest);
    };
  return {
    get: guard('reads', client.get.bind(client)),
    list: guard('reads', client.list.bind(client)),
    watch: guard('reads', client.watch.bind(client)),
    create: guard('writes', client.create.bind(client)),
    createSubresource: guard('writes', client.createSubresource.bind(client)),
    update: guard('writes', client.update.bind(client)),
    patch: guard('writes', client.patch.bind(client)),
    apply: guard('writes', client.apply.bind(client)),
    delete: guard('writes', client.delete.bind(client)),
    deleteCollection: guard('writes', client.deleteCollection.bind(client)),
  } as Client;
}

function isScale(options: unknown): boolean {
  return (options as { subresource?: string } | undefined)?.subresource === 'scale';
}

/** Every recorder of events writes them. */
function permit(reads: readonly Kind[], writes: readonly Kind[]): Permit {
  const byKey = (kinds: readonly Kind[]): [string, Kind][] => kinds.map((kind) => [resourceKey(kind), kind]);
  const written = new Map([...byKey(writes), ...byKey([Event])]);
  return { reads: new Map([...byKey(reads), ...written]), writes: written };
}

const READ_VERBS = ['get', 'list', 'watch'];

/** RBAC knows no wildcard for the subresources of one resource, so they are named. */
function rule(kind: Kind, verbs: string[], only?: readonly string[]): PolicyRule {
  const { status, scale, actions = {} } = kind.subresources;
  const subresources = [...(status === true ? ['status'] : []), ...(scale === undefined ? [] : ['scale']), ...Object.keys(actions), ...(CONNECTS[resourceKey(kind)] ?? [])].filter((name) => only?.includes(name) !== false);
  return { apiGroups: [kind.group], resources: [kind.plural, ...subresources.map((name) => `${kind.plural}/${name}`)], verbs };
}

/** Subresources that are no part of a Kind: the door or a route answers them. */
const CONNECTS: Readonly<Record<string, readonly string[]>> = {
  [SERVICE_ACCOUNTS]: ['token'],
  '/pods': ['log', 'exec', 'attach', 'portforward'],
};
