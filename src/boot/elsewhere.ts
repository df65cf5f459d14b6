/** A module's client that also reads what this door does not keep: metrics that routes or other API servers answer for. They are asked over the network, as any client asks. */
import type { Kind } from '../api/kind.ts';
import type { Client } from '../sdk/client.ts';
import type { ServedKinds } from '../sdk/module.ts';

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
