/**
 * The controller of definitions: accepts names, serves the kinds, and, when a definition is deleted, removes its objects first
 * (apiextensions: naming, establishing and finalizing controllers).
 */
import { isDeepStrictEqual } from 'node:util';
import { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import type { Kind } from '../../api/kind.ts';
import { rfc3339 } from '../../base/clock.ts';
import { ifThere } from '../../sdk/if-there.ts';
import type { Client } from '../../sdk/client.ts';
import type { Controller, ReconcileContext, ReconcileResult } from '../../sdk/controller.ts';
import type { ServedKinds } from '../../sdk/module.ts';
import { acceptNames } from './names.ts';
import type { ServedDefinitions } from './served.ts';
import { isEstablished, statusOf, terminatingStatus } from './status.ts';

const FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';
/** Names may become free, and objects may lose their last finalizer, without an event of the definition. */
const CONFLICT_AGAIN_MS = 5_000;
const REMOVING_AGAIN_MS = 100;

export function definitionController(served: ServedDefinitions, kinds: ServedKinds): Controller<CustomResourceDefinition> {
  return {
    name: 'custom-resources', for: CustomResourceDefinition, concurrency: 1,
    async reconcile(key, definition, context) {
      if (definition === undefined) return served.withdraw(key);
      return definition.metadata.deletionTimestamp === undefined ? establish(definition, served, kinds, context) : remove(definition, served, context);
    },
  };
}

async function establish(definition: CustomResourceDefinition, served: ServedDefinitions, kinds: ServedKinds, { client, clock }: ReconcileContext): Promise<ReconcileResult | void> {
  const { metadata, spec } = definition;
  if (metadata.finalizers?.includes(FINALIZER) !== true) {
    await client.update(CustomResourceDefinition, { ...definition, metadata: { ...metadata, finalizers: [...(metadata.finalizers ?? []), FINALIZER] } });
    return;
  }
  const naming = acceptNames(spec.names, definition.status?.acceptedNames, spec.group, kinds.list());
  const { conflict } = naming;
  // Served before the condition says so: whoever waited for Established finds it.
  if (conflict === undefined || isEstablished(definition)) served.serve(definition, naming.names);
  const status = statusOf(definition, naming, rfc3339(clock.nowMs()));
  if (!isDeepStrictEqual(status, definition.status)) await client.update(CustomResourceDefinition, { ...definition, status }, { subresource: 'status' });
  return conflict === undefined ? undefined : { requeueAfterMs: CONFLICT_AGAIN_MS };
}

async function remove(definition: CustomResourceDefinition, served: ServedDefinitions, { client, clock }: ReconcileContext): Promise<ReconcileResult | void> {
  const { name = '', finalizers = [] } = definition.metadata;
  if (!finalizers.includes(FINALIZER)) return served.withdraw(name);
  served.end(name);
  const [kind] = served.serve(definition);
  const status = terminatingStatus(definition, rfc3339(clock.nowMs()));
  if (!isDeepStrictEqual(status, definition.status)) {
    await client.update(CustomResourceDefinition, { ...definition, status }, { subresource: 'status' });
    return;
  }
  if (kind !== undefined && (await removeObjects(client, kind)) > 0) return { requeueAfterMs: REMOVING_AGAIN_MS };
  await client.update(CustomResourceDefinition, { ...definition, metadata: { ...definition.metadata, finalizers: finalizers.filter((each) => each !== FINALIZER) } });
  served.withdraw(name);
}

/** Deletes all objects of the kind; gives how many are left, held by finalizers. */
async function removeObjects(client: Client, kind: Kind): Promise<number> {
  for (const { metadata } of (await client.list(kind)).items) {
    if (metadata.deletionTimestamp !== undefined) continue;
    await ifThere(client.delete(kind, metadata.name ?? '', { namespace: metadata.namespace }));
  }
  return (await client.list(kind)).items.length;
}
