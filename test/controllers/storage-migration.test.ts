/** Storage migrations over a real door and store. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isApiError } from '../../src/api/errors.ts';
import { isTrue } from '../../src/api/storagemigration/storage-version-migration.ts';
import { ConfigMap, CustomResourceDefinition, StorageVersionMigration } from '../../src/api/kinds.ts';
import type { Kind } from '../../src/api/kind.ts';
import core from '../../src/modules/core/module.ts';
import customResources from '../../src/modules/custom-resources/module.ts';
import storageMigration from '../../src/modules/storage-migration/module.ts';
import { eventually, startWorld, type World } from './world.ts';

let world: World;
before(async () => {
  world = await startWorld([core, customResources, storageMigration]);
});
after(() => world.stop());

const NAME = 'toads.pond.example.com';

function definition(storage: string, versions: readonly string[]): CustomResourceDefinition {
  const schema = { openAPIV3Schema: { type: 'object', properties: { size: { type: 'integer' } } } };
  return { metadata: { name: NAME }, spec: { group: 'pond.example.com', scope: 'Namespaced', names: { plural: 'toads', kind: 'Toad' }, versions: versions.map((name) => ({ name, served: true, storage: name === storage, schema })) } } as unknown as CustomResourceDefinition;
}

const kindOf = (version: string): Kind => world.door.kinds.list().find((kind) => kind.plural === 'toads' && kind.version === version) as Kind;

async function migrated(name: string, resource: { group?: string; resource: string }): Promise<StorageVersionMigration> {
  await world.client.create(StorageVersionMigration, { metadata: { name }, spec: { resource: { group: '', ...resource } } });
  let migration: StorageVersionMigration = { metadata: {} };
  await eventually(`${name} succeeds`, async () => isTrue((migration = await world.client.get(StorageVersionMigration, name)), 'Succeeded'));
  return migration;
}

test('objects of an old version are written anew, and the definition says so', async () => {
  await world.client.create(CustomResourceDefinition, definition('v1', ['v1', 'v2']));
  await eventually('both versions are served', () => kindOf('v1') !== undefined && kindOf('v2') !== undefined);
  for (let count = 0; count < 5; count++) await world.client.create(kindOf(count % 2 === 0 ? 'v1' : 'v2'), { metadata: { name: `t${count}`, namespace: 'default' }, size: count } as never);
  const live = await world.client.get(CustomResourceDefinition, NAME);
  await world.client.update(CustomResourceDefinition, { ...live, spec: definition('v2', ['v1', 'v2']).spec });
  await eventually('v2 is where objects are kept', async () => (await world.client.get(CustomResourceDefinition, NAME)).status?.storedVersions?.join() === 'v1,v2' && kindOf('v2').storageVersion === 'v2');
  const versions = async (): Promise<string[]> => (await world.client.list(kindOf('v2'))).items.map(({ metadata }) => metadata.resourceVersion ?? '');
  const before = await versions();

  const migration = await migrated('toads', { group: 'pond.example.com', resource: 'toads' });
  assert.deepEqual(migration.status?.conditions?.map(({ type, reason }) => [type, reason]), [['Succeeded', 'StorageVersionMigrationSucceeded']]);
  assert.match(migration.status?.resourceVersion ?? '', /^\d+$/);
  const after = await versions();
  assert.ok(after.every((version, index) => version !== before[index]), 'each was written');
  const { status } = await world.client.get(CustomResourceDefinition, NAME);
  assert.deepEqual(status?.storedVersions, ['v2']);
  const mark = status?.conditions?.find(({ type }) => type === 'StorageMigrating');
  assert.deepEqual([mark?.status, mark?.reason, mark?.message], ['False', 'MigrationSucceeded', 'The migration has succeeded and the stored versions have been updated']);

  await migrated('again', { group: 'pond.example.com', resource: 'toads' });
  assert.deepEqual(await versions(), after, 'what is kept right stays');

  // v1 may go now, and what was once written in it is there as v2.
  const now = await world.client.get(CustomResourceDefinition, NAME);
  await world.client.update(CustomResourceDefinition, { ...now, spec: definition('v2', ['v2']).spec });
  await eventually('v1 is gone', () => kindOf('v1') === undefined);
  const { items } = await world.client.list(kindOf('v2'));
  assert.deepEqual(items.map(({ apiVersion, metadata }) => [apiVersion, metadata.name]), Array.from({ length: 5 }, (_, index) => ['pond.example.com/v2', `t${index}`]));
});

test('built-in resources are kept right already', async () => {
  const made = await world.client.create(ConfigMap, { metadata: { name: 'm', namespace: 'default' }, data: { a: 'b' } });
  await migrated('maps', { resource: 'configmaps' });
  assert.equal((await world.client.get(ConfigMap, 'm', { namespace: 'default' })).metadata.resourceVersion, made.metadata.resourceVersion);
});

test('a migration says what it is about once, and ends once', async () => {
  await assert.rejects(world.client.create(StorageVersionMigration, { metadata: { name: 'empty' }, spec: { resource: { group: '', resource: '' } } }), (error) => isApiError(error, 'Invalid') && /resource is required/.test(error.message));
  const done = await world.client.get(StorageVersionMigration, 'maps');
  await assert.rejects(world.client.update(StorageVersionMigration, { ...done, spec: { resource: { group: '', resource: 'secrets' } } }), (error) => isApiError(error, 'Invalid') && /field is immutable/.test(error.message));
  await assert.rejects(world.client.update(StorageVersionMigration, { ...done, status: { ...done.status, conditions: [] } }, { subresource: 'status' }), (error) => isApiError(error, 'Invalid') && /cannot be set to false/.test(error.message));
  await world.client.create(StorageVersionMigration, { metadata: { name: 'nothing' }, spec: { resource: { group: 'none.example.com', resource: 'nothings' } } });
  await new Promise((settle) => setTimeout(settle, 50));
  assert.deepEqual((await world.client.get(StorageVersionMigration, 'nothing')).status, {}, 'the resource may come yet');
});
