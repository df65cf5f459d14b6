/** Storage migration: objects of a resource are written anew in the version in which it is kept now (upstream: storageversionmigrator). */
import { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import { isOver, StorageVersionMigration, StorageVersionMigrationV1Beta1 } from '../../api/storagemigration/storage-version-migration.ts';
import { rfc3339 } from '../../base/clock.ts';
import { ifThere } from '../../sdk/if-there.ts';
import type { Caches } from '../../sdk/cache.ts';
import { watching, type Controller, type ReconcileContext, type ReconcileResult } from '../../sdk/controller.ts';
import { defineModule, type Module, type ModuleContext, type ServedKinds } from '../../sdk/module.ts';
import { runController } from '../../sdk/run-controller.ts';

const MIGRATING = 'StorageMigrating';
/** A resource may be defined a moment after its migration. */
const WAIT_MS = 60_000;
const AGAIN_MS = 1_000;
const CHUNK = 500;

type Definition = CustomResourceDefinition;
type Condition = NonNullable<NonNullable<StorageVersionMigration['status']>['conditions']>[number];

function migrations(kinds: ServedKinds): Controller<StorageVersionMigration> {
  return {
    name: 'storage-version-migration', for: StorageVersionMigration, concurrency: 1,
    // The next one may begin when one is over.
    watches: [watching(StorageVersionMigration, (migration, caches) => sameResource(migration, caches).map(({ metadata }) => metadata.name ?? ''))],
    async reconcile(_key, migration, context): Promise<ReconcileResult | void> {
      if (migration === undefined || isOver(migration) || migration.metadata.deletionTimestamp !== undefined) return;
      if (firstOf(sameResource(migration, context.caches))?.metadata.name !== migration.metadata.name) return;
      const kind = keptKind(kinds, migration);
      if (kind !== undefined) return migrate(migration, kind, context);
      const ageMs = context.clock.nowMs() - Date.parse(migration.metadata.creationTimestamp ?? '');
      if (ageMs < WAIT_MS) return { requeueAfterMs: AGAIN_MS };
      await say(migration, { type: 'Failed', reason: 'StorageVersionMigrationFailed', message: 'resource not found' }, context);
    },
  };
}

function sameResource(migration: StorageVersionMigration, caches: Caches): StorageVersionMigration[] {
  const { group = '', resource } = migration.spec?.resource ?? {};
  return caches.of(StorageVersionMigration).list().filter(({ spec }) => (spec?.resource?.group ?? '') === group && spec?.resource?.resource === resource);
}

function firstOf(list: readonly StorageVersionMigration[]): StorageVersionMigration | undefined {
  const order = ({ metadata }: StorageVersionMigration): string => `${metadata.creationTimestamp ?? ''} ${metadata.name ?? ''}`;
  return list.filter((each) => !isOver(each)).toSorted((a, b) => (order(a) < order(b) ? -1 : 1))[0];
}

/** The version in which objects are kept, or where that one is not served any other: the door writes what is due. */
function keptKind(kinds: ServedKinds, { spec }: StorageVersionMigration): Kind | undefined {
  const { group = '', resource } = spec?.resource ?? {};
  const served = kinds.list().filter((kind) => kind.group === group && kind.plural === resource && kind.verbs.includes('update') && kind.verbs.includes('list'));
  return served.find((kind) => kind.storageVersion === kind.version) ?? served[0];
}

async function migrate(migration: StorageVersionMigration, kind: Kind, context: ReconcileContext): Promise<void> {
  const { client } = context;
  const { metadata: { resourceVersion = '' } } = await client.list(kind, { limit: 1 });
  const begun = await say(migration, { type: 'Running', reason: 'MigrationRunning', message: 'The migration is running' }, context, resourceVersion);
  const definition = await markDefinition(begun, { status: 'True', reason: 'MigrationRunning', message: `Migration ${migration.metadata.name ?? ''} is running` }, context);
  const failed = await rewriteAll(kind, context);
  if (failed !== undefined) {
    context.log.warn('a storage migration failed', { migration: migration.metadata.name, error: failed });
    await markDefinition(begun, { status: 'True', reason: 'MigrationFailed', message: 'The migration has failed' }, context);
    await say(begun, { type: 'Failed', reason: 'StorageVersionMigrationFailed', message: 'migration encountered unhandled error' }, context);
    return;
  }
  await finishDefinition(begun, definition, context);
  await say(begun, { type: 'Succeeded', reason: 'StorageVersionMigrationSucceeded', message: '' }, context);
}

/** Gives what went wrong. Who is changed or deleted meanwhile needs nothing any more. */
async function rewriteAll(kind: Kind, { client, signal }: ReconcileContext): Promise<Error | undefined> {
  let next: string | undefined;
  do {
    const { items, metadata } = await client.list(kind, { limit: CHUNK, ...(next === undefined ? {} : { continue: next }) });
    for (const object of items) {
      if (signal.aborted) throw new Error('stopping');
      try {
        await client.update(kind, object);
      } catch (error) {
        if (!isApiError(error, 'Conflict', 'NotFound')) return error as Error;
      }
    }
    next = metadata.continue;
  } while (next !== undefined && next !== '');
  return undefined;
}

async function say(migration: StorageVersionMigration, condition: Pick<Condition, 'type' | 'reason' | 'message'>, { client, clock }: ReconcileContext, resourceVersion = migration.status?.resourceVersion): Promise<StorageVersionMigration> {
  const conditions = [{ ...condition, status: 'True' as const, lastTransitionTime: rfc3339(clock.nowMs()) }] as Condition[];
  const status = { ...(migration.status?.resourceVersion ? { resourceVersion: migration.status.resourceVersion } : resourceVersion === undefined ? {} : { resourceVersion }), conditions };
  return client.update(StorageVersionMigration, { ...migration, status }, { subresource: 'status' });
}

type Mark = { status: 'True' | 'False'; reason: string; message: string };

async function definitionOf({ spec }: StorageVersionMigration, { client }: ReconcileContext): Promise<Definition | undefined> {
  const { group = '', resource = '' } = spec?.resource ?? {};
  if (group === '') return undefined;
  return ifThere(client.get(CustomResourceDefinition, `${resource}.${group}`));
}

/** The definition with its condition, of whose generation it speaks; undefined where no definition brought the resource. */
async function markDefinition(migration: StorageVersionMigration, mark: Mark, context: ReconcileContext, change: (definition: Definition) => Partial<NonNullable<Definition['status']>> = () => ({})): Promise<Definition | undefined> {
  for (let tries = 1; ; tries++) {
    const definition = await definitionOf(migration, context);
    if (definition === undefined) return undefined;
    const condition = { type: MIGRATING, ...mark, lastTransitionTime: rfc3339(context.clock.nowMs()), observedGeneration: definition.metadata.generation };
    const others = (definition.status?.conditions ?? []).filter(({ type }) => type !== MIGRATING);
    const status = { ...definition.status, ...change(definition), conditions: [...others, condition] } as Definition['status'];
    try {
      return await context.client.update(CustomResourceDefinition, { ...definition, status }, { subresource: 'status' });
    } catch (error) {
      if (!isApiError(error, 'Conflict') || tries === 5) throw error;
    }
  }
}

/** No object is kept in another version any more, unless the definition changed on the way. */
async function finishDefinition(migration: StorageVersionMigration, begun: Definition | undefined, context: ReconcileContext): Promise<void> {
  const now = await definitionOf(migration, context);
  const same = begun !== undefined && now?.metadata.generation === begun.metadata.generation;
  const message = `The migration has succeeded ${same ? 'and the stored versions have been updated' : 'but the stored versions have not been updated due to a generation mismatch'}`;
  await markDefinition(migration, { status: 'False', reason: 'MigrationSucceeded', message }, context, ({ spec }) => (same ? { storedVersions: spec.versions.filter(({ storage }) => storage).map(({ name }) => name) } : {}));
}

function storageMigration(): Module {
  return defineModule({
    name: 'storage-migration',
    description: 'StorageVersionMigrations: writes the objects of a resource anew in the version in which it is kept now',
    kinds: [StorageVersionMigration, StorageVersionMigrationV1Beta1],
    needs: [CustomResourceDefinition],
    // Any resource may be migrated.
    reads: 'all',
    writes: 'all',
    run: (context: ModuleContext) => runController(migrations(context.kinds), context),
  });
}

export default storageMigration();
