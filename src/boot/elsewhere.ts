/** What a module reads that this door does not keep as objects: metrics that routes or other API servers answer for, and paths. They are asked over the network, as any client asks. */
import { ApiError } from '../api/errors.ts';
import type { Kind } from '../api/kind.ts';
import type { Client } from '../sdk/client.ts';
import type { HttpClient } from '../sdk/client/http.ts';
import type { Module, ModuleContext, ServedKinds } from '../sdk/module.ts';

/** Never kept, always asked for. */
const METRICS = new Set(['custom.metrics.k8s.io', 'external.metrics.k8s.io']);

/** `remote` is made when it is first needed. */
export function withElsewhere(client: Client, kinds: ServedKinds, remote: () => Promise<Client>): Client {
  const isElsewhere = ({ group, version }: Kind): boolean => METRICS.has(group) || (kinds.elsewhere?.().some((each) => each.group === group && each.version === version) ?? false);
  return {
    ...client,
    get: async (kind, name, options) => (isElsewhere(kind) ? await remote() : client).get(kind, name, options),
    list: async (kind, options) => (isElsewhere(kind) ? await remote() : client).list(kind, options),
  };
}

/** Reads of the paths that the module names, and of no others. */
export function readerOf({ name, paths = [] }: Pick<Module, 'name' | 'paths'>, remote: () => Promise<HttpClient>): NonNullable<ModuleContext['readPath']> {
  return async (path, options) => {
    if (!paths.includes(path.replace(/\?.*$/, ''))) throw new ApiError('Forbidden', `module '${name}' does not declare that it reads ${path}: add it to its 'paths'`);
    return (await remote()).getRaw(path, options);
  };
}
