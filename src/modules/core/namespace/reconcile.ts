/** The namespace controller: empties namespaces that are being deleted, then takes the finalizer `kubernetes` away. */
import { isDeepStrictEqual } from 'node:util';
import { Namespace } from '../../../api/core/namespace.ts';
import { isApiError } from '../../../api/errors.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import type { Client, Controller, ModuleContext, ReconcileContext, ReconcileResult, ServedKinds } from '../../../sdk/index.ts';
import { deletionConditions } from './conditions.ts';
import { emptyNamespace } from './empty.ts';

const FINALIZER = 'kubernetes';
/** What is left goes when its finalizers or its grace period end: look again, more often in the beginning. */
const SOONEST_MS = 50;
const LATEST_MS = 2000;

export function namespaceController(kinds: ServedKinds): Controller<Namespace> {
  return { name: 'namespace', for: Namespace, concurrency: 2, reconcile: (_key, namespace, context) => reconcile(namespace, kinds, context) };
}

async function reconcile(namespace: Namespace | undefined, kinds: ServedKinds, { client, clock }: ReconcileContext): Promise<ReconcileResult | void> {
  if (namespace?.metadata.deletionTimestamp === undefined || namespace.spec?.finalizers?.includes(FINALIZER) !== true) return;
  const remains = await emptyNamespace(client, kinds, namespace.metadata.name ?? '');
  if (remains.counts.size === 0 && remains.failures.length === 0) return finalize(client, namespace);
  const status = { ...namespace.status, phase: 'Terminating' as const, conditions: deletionConditions(namespace.status?.conditions, remains, clock.nowMs()) };
  if (!isDeepStrictEqual(status, namespace.status)) await client.update(Namespace, { ...namespace, status }, { subresource: 'status' });
  const waitedMs = clock.nowMs() - Date.parse(namespace.metadata.deletionTimestamp);
  return { requeueAfterMs: Math.min(LATEST_MS, Math.max(SOONEST_MS, waitedMs / 10)) };
}

async function finalize(client: Client, namespace: Namespace): Promise<void> {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((each) => each !== FINALIZER);
  await ifThere(client.update(Namespace, { ...namespace, spec: { ...namespace.spec, finalizers } }, { subresource: 'finalize' }));
}

/** Those that every cluster has. */
const ALWAYS = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** All at once: the store brings them to the disk together. */
export async function createNamespaces({ client }: Pick<ModuleContext, 'client'>): Promise<void> {
  await Promise.all(ALWAYS.map(async (name) => {
    try {
      await client.get(Namespace, name);
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
  }));
}
