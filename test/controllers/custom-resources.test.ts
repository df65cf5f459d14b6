/** Custom resources over the real door and store: from a definition to served objects, and back. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Kind } from '../../src/api/kind.ts';
import { CustomResourceDefinition, Event, Namespace } from '../../src/api/kinds.ts';
import type { Json, KubeObject } from '../../src/api/meta.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createDoorHost } from '../../src/boot/door-host.ts';
import { createApiServer, openIdentity, type ApiServer } from '../../src/kernel/apiserver/index.ts';
import { createLoader, type Loader } from '../../src/kernel/loader/index.ts';
import { openStore, type Store } from '../../src/kernel/store/index.ts';
import customResources from '../../src/modules/custom-resources/module.ts';
import type { Client } from '../../src/sdk/client.ts';
import type { MachineFacts } from '../../src/sdk/module.ts';
import { eventually } from './world.ts';

const folder = mkdtempSync(join(tmpdir(), 'custom-resources-'));
let store: Store;
let door: ApiServer;
let loader: Loader;
let client: Client;

type Widget = KubeObject & { spec?: object };

/** The kind as the door serves it now. */
function Widgets(): Kind<Widget> {
  const kind = door.kinds.find('example.com', 'Widget');
  assert.ok(kind, 'widgets are served');
  return kind as unknown as Kind<Widget>;
}

const widget = (name: string, spec: object): Widget => ({ apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name, namespace: 'default' }, spec });

function definition(properties: object): CustomResourceDefinition {
  return {
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com', scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } } } }],
    },
  } as CustomResourceDefinition;
}

const condition = async (type: string): Promise<string | undefined> => (await client.get(CustomResourceDefinition, 'widgets.example.com')).status?.conditions?.find((each) => each.type === type)?.status;

before(async () => {
  store = openStore({ folder: join(folder, 'store'), clock: realClock, log: silentLog });
  const identity = openIdentity({ folder: join(folder, 'pki'), clock: realClock, log: silentLog });
  door = createApiServer({ store, identity, clock: realClock, log: silentLog });
  const host = createDoorHost({ door, clock: realClock, log: silentLog, remote: () => Promise.reject(new Error('no network here')), factsOf: () => ({ nodeName: 'n1' }) as MachineFacts, configOf: () => ({}) });
  loader = createLoader({ clock: realClock, log: silentLog, host });
  client = door.client({ name: 'test', groups: ['system:masters'] });
  for (const kind of [Namespace, Event]) door.serve(kind);
  await client.create(Namespace, { metadata: { name: 'default' } });
  await loader.load([customResources]);
});

after(async () => {
  await loader.stop('stop');
  await door.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

test('a definition is established, its objects are served by its schema, and a change of it counts at once', async () => {
  await client.create(CustomResourceDefinition, definition({ size: { type: 'integer', default: 3 } }));
  await eventually('established', async () => (await condition('Established')) === 'True');
  assert.deepEqual((await client.create(Widgets(), widget('a', {}))).spec, { size: 3 });
  await assert.rejects(client.create(Widgets(), widget('b', { size: 'x' })), /spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"/);
  await client.patch(CustomResourceDefinition, 'widgets.example.com', { type: 'merge', body: { spec: definition({ size: { type: 'integer' }, colour: { type: 'string', default: 'red' } }).spec as unknown as Json } });
  await eventually('the new default', async () => 'colour' in ((await client.create(Widgets(), widget('c', {}), { dryRun: true })).spec ?? {}));
});

test('a name that somebody else has is not served, and the one before it stays, until a free one is wanted', async () => {
  const sheds = definition({});
  await client.create(CustomResourceDefinition, { ...sheds, metadata: { name: 'sheds.example.com' }, spec: { ...sheds.spec, names: { plural: 'sheds', kind: 'Shed', shortNames: ['sh'] } } });
  await eventually('sheds are served', () => door.kinds.find('example.com', 'Shed') !== undefined);
  const want = async (...shortNames: string[]): Promise<void> => {
    await client.patch(CustomResourceDefinition, 'widgets.example.com', { type: 'merge', body: { spec: { names: { shortNames } } } });
  };
  await want('wd');
  await eventually('a first short name', () => isDeepStrictEqual(Widgets().shortNames, ['wd']));
  await want('sh', 'wd');
  await eventually('refused', async () => (await condition('NamesAccepted')) === 'False');
  assert.deepEqual([Widgets().shortNames, door.kinds.find('example.com', 'Shed')?.shortNames], [['wd'], ['sh']]);
  await want('wt');
  await eventually('another one', async () => (await condition('NamesAccepted')) === 'True' && isDeepStrictEqual(Widgets().shortNames, ['wt']));
  await client.delete(CustomResourceDefinition, 'sheds.example.com');
});

test('a definition that goes takes its objects with it, and waits for their finalizers', async () => {
  await client.create(Widgets(), { ...widget('held', {}), metadata: { name: 'held', namespace: 'default', finalizers: ['example.com/hold'] } });
  await client.delete(CustomResourceDefinition, 'widgets.example.com');
  await eventually('terminating', async () => (await condition('Terminating')) === 'True');
  await eventually('one object left', async () => (await client.list(Widgets())).items.length === 1);
  await assert.rejects(client.create(Widgets(), widget('late', {})), /create not allowed while custom resource definition is terminating/);
  await eventually('the held one is being deleted', async () => (await client.get(Widgets(), 'held', { namespace: 'default' })).metadata.deletionTimestamp !== undefined);
  await client.patch(Widgets(), 'held', { type: 'merge', body: { metadata: { finalizers: [] } } }, { namespace: 'default' });
  await eventually('the definition is gone', async () => (await client.list(CustomResourceDefinition)).items.length === 0);
  assert.equal(door.kinds.find('example.com', 'Widget'), undefined);
});
