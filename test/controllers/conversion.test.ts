/** Custom resources in several versions: by name alone, and by a webhook over a real HTTPS server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CustomResourceDefinition as Definition } from '../../src/api/generated/apiextensions-v1.ts';
import type { Kind } from '../../src/api/kind.ts';
import { CustomResourceDefinition, EndpointSlice, Namespace, Service } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import customResources from '../../src/modules/custom-resources/module.ts';
import type { Module } from '../../src/sdk/index.ts';
import { startWebhookServer, type WebhookServer } from '../fixtures/webhook-server.ts';
import { eventually, startWorld, type World } from './world.ts';

type Host = KubeObject & { spec?: { hostPort?: string; host?: string; port?: string } };
interface Review { apiVersion: string; request: { uid: string; desiredAPIVersion: string; objects: Host[] } }

let world: World;
let server: WebhookServer;
let broken = false;
/** What the webhook makes of the metadata. */
let metadataOf = (metadata: KubeObject['metadata']): unknown => metadata;
const served: Module = { name: 'kinds', description: '', kinds: [Namespace, Service, EndpointSlice] as readonly unknown[] as readonly Kind[] };

/** v1 says `hostPort: a:80`, v2 says host and port. */
function convert(_path: string, { apiVersion, request }: Review): unknown {
  const convertedObjects = request.objects.map((object) => {
    const { hostPort = ':', host = '', port = '' } = object.spec ?? {};
    const [left, right] = hostPort.split(':');
    const spec = request.desiredAPIVersion.endsWith('v2') ? { host: left, port: right } : { hostPort: `${host}:${port}` };
    // Both sides lose what the other version has no field for: the door takes care of it.
    return { ...object, apiVersion: request.desiredAPIVersion, metadata: metadataOf(object.metadata), spec: { ...object.spec, ...spec } };
  });
  const result = broken ? { status: 'Failure', message: 'no idea' } : { status: 'Success' };
  return { apiVersion, kind: 'ConversionReview', response: { uid: request.uid, result, convertedObjects: broken ? [] : convertedObjects } };
}

const properties = (...names: string[]): object => ({ openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) } } } });

function definition(plural: string, kind: string, conversion: Definition['spec']['conversion']): Definition {
  return {
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com', scope: 'Namespaced', names: { plural, kind } as Definition['spec']['names'], conversion,
      versions: [
        { name: 'v1', served: true, storage: true, schema: properties('hostPort', 'same') },
        { name: 'v2', served: true, storage: false, schema: properties('host', 'port', 'same', 'more'), selectableFields: [{ jsonPath: '.spec.host' }] },
      ],
    },
  } as Definition;
}

function kindOf(kind: string, version: string): Kind<Host> {
  return world.door.kinds.list().find((each) => each.kind === kind && each.version === version) as unknown as Kind<Host>;
}

before(async () => {
  world = await startWorld([served, customResources]);
  server = await startWebhookServer(convert as never);
  await world.client.create(Namespace, { metadata: { name: 'default' } });
  const webhook = { clientConfig: { url: `${server.url}/convert`, caBundle: server.caBundle }, conversionReviewVersions: ['v1'] };
  await world.client.create(CustomResourceDefinition, definition('hosts', 'Host', { strategy: 'Webhook', webhook }));
  await world.client.create(CustomResourceDefinition, definition('plains', 'Plain', { strategy: 'None' }));
  await eventually('both versions are served', () => ['Host', 'Plain'].every((kind) => kindOf(kind, 'v2') !== undefined));
});
after(async () => {
  await world.stop();
  await server.stop();
});

const host = (version: string, name: string, spec: Host['spec']): Host => ({ apiVersion: `example.com/${version}`, kind: 'Host', metadata: { name, namespace: 'default' }, spec });
const at = { namespace: 'default' };

test('strategy None says another apiVersion, and the schema of each version counts', async () => {
  const [v1, v2] = [kindOf('Plain', 'v1'), kindOf('Plain', 'v2')];
  await world.client.create(v1, { apiVersion: 'example.com/v1', kind: 'Plain', metadata: { name: 'p', namespace: 'default' }, spec: { hostPort: 'a:1', host: 'dropped' } } as Host);
  const read = await world.client.get(v2, 'p', at);
  assert.equal(read.apiVersion, 'example.com/v2');
  assert.equal((await world.client.get(v1, 'p', at)).spec?.host, undefined);
  const { status } = await world.client.get(CustomResourceDefinition, 'plains.example.com');
  assert.deepEqual(status?.storedVersions, ['v1']);
});

test('a webhook converts what is read, in every way of reading', async () => {
  const [v1, v2] = [kindOf('Host', 'v1'), kindOf('Host', 'v2')];
  await world.client.create(v1, host('v1', 'a', { hostPort: 'a.example.com:80' }));
  assert.deepEqual((await world.client.get(v2, 'a', at)).spec, { host: 'a.example.com', port: '80' });
  const made = await world.client.create(v2, host('v2', 'b', { host: 'b.example.com', port: '81' }));
  assert.deepEqual([made.apiVersion, made.spec], ['example.com/v2', { host: 'b.example.com', port: '81' }]);
  assert.deepEqual((await world.client.get(v1, 'b', at)).spec, { hostPort: 'b.example.com:81' });
  const specs = async (kind: Kind<Host>): Promise<unknown[]> => (await world.client.list(kind, at)).items.map(({ spec, apiVersion }) => [apiVersion, spec]);
  assert.deepEqual(await specs(v2), [['example.com/v2', { host: 'a.example.com', port: '80' }], ['example.com/v2', { host: 'b.example.com', port: '81' }]]);
  assert.deepEqual(await specs(v1), [['example.com/v1', { hostPort: 'a.example.com:80' }], ['example.com/v1', { hostPort: 'b.example.com:81' }]]);
  assert.deepEqual((await world.client.list(v2, { ...at, fieldSelector: 'spec.host=b.example.com' })).items.map(({ metadata }) => metadata.name), ['b']);
});

test('updates and patches in the other version', async () => {
  const [v1, v2] = [kindOf('Host', 'v1'), kindOf('Host', 'v2')];
  const patched = await world.client.patch(v2, 'a', { type: 'merge', body: { spec: { port: '90' } } }, at);
  assert.deepEqual(patched.spec, { host: 'a.example.com', port: '90' });
  assert.deepEqual((await world.client.get(v1, 'a', at)).spec, { hostPort: 'a.example.com:90' });
  const revision = patched.metadata.resourceVersion;
  assert.equal((await world.client.patch(v2, 'a', { type: 'merge', body: { spec: { port: '90' } } }, at)).metadata.resourceVersion, revision);
});

test('watches say the version that was asked for', async () => {
  const v2 = kindOf('Host', 'v2');
  const seen: unknown[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    for await (const event of world.client.watch(v2, { ...at, fieldSelector: 'spec.host=w.example.com', signal: stop.signal })) if (event.type !== 'BOOKMARK') seen.push([event.type, event.object.apiVersion, event.object.spec]);
  })();
  const made = await world.client.create(kindOf('Host', 'v1'), host('v1', 'w', { hostPort: 'w.example.com:1' }));
  await world.client.update(kindOf('Host', 'v1'), { ...made, spec: { hostPort: 'w.example.com:2' } });
  await world.client.delete(v2, 'w', at);
  await eventually('three events', () => seen.length >= 3);
  stop.abort();
  await watching;
  assert.deepEqual(seen, [['ADDED', 'example.com/v2', { host: 'w.example.com', port: '1' }], ['MODIFIED', 'example.com/v2', { host: 'w.example.com', port: '2' }], ['DELETED', 'example.com/v2', { host: 'w.example.com', port: '2' }]]);
});

test('who owns what is judged in the version in which each manager said it', async () => {
  const [v1, v2] = [kindOf('Host', 'v1'), kindOf('Host', 'v2')];
  const apply = (kind: Kind<Host>, version: string, manager: string, spec: Host['spec'], force = false): Promise<Host> => world.client.apply(kind, host(version, 'shared', spec), { fieldManager: manager, force });
  const managers = (object: Host): unknown => object.metadata.managedFields?.map(({ manager, apiVersion, fieldsV1 }) => [manager, apiVersion, Object.keys((fieldsV1 as { 'f:spec': object })['f:spec'] ?? {}).sort().join()]).sort();
  await apply(v1, 'v1', 'one', { hostPort: 'a:80' });
  // What is the same in other words changes nothing.
  assert.deepEqual(managers(await apply(v2, 'v2', 'two', { host: 'a', port: '80' })), [['one', 'example.com/v1', 'f:hostPort'], ['two', 'example.com/v2', 'f:host,f:port']]);
  await assert.rejects(apply(v2, 'v2', 'two', { host: 'b', port: '80' }), /Apply failed with 1 conflict: conflict with "one": \.spec\.hostPort/);
  await assert.rejects(apply(v1, 'v1', 'one', { hostPort: 'a:81' }), /Apply failed with 1 conflict: conflict with "two": \.spec\.port/);
  const forced = await apply(v2, 'v2', 'two', { host: 'b', port: '80' }, true);
  assert.deepEqual([forced.spec, managers(forced)], [{ host: 'b', port: '80' }, [['two', 'example.com/v2', 'f:host,f:port']]]);
  // An update of one part in the old version takes that part from who said it in the new one.
  const updated = await world.client.patch(v1, 'shared', { type: 'merge', body: { spec: { hostPort: 'b:90' } } }, { ...at, fieldManager: 'three' });
  assert.deepEqual(managers(updated), [['three', 'example.com/v1', 'f:hostPort'], ['two', 'example.com/v2', 'f:host']]);
});

test('what is converted has the fields of its version, and the defaults of the version it was kept in', async () => {
  const definition = structuredClone(await world.client.get(CustomResourceDefinition, 'hosts.example.com'));
  const fields = definition.spec.versions[1]!.schema!.openAPIV3Schema!.properties!['spec']!.properties!;
  fields['more']!.default = 'of v2';
  await world.client.update(CustomResourceDefinition, definition);
  const v2 = host('v2', 'whole', { host: 'h', port: '1' });
  await eventually('the default is there', async () => (await world.client.create(kindOf('Host', 'v2'), v2, { dryRun: true }).catch(() => undefined))?.spec !== undefined
    && 'more' in ((await world.client.create(kindOf('Host', 'v2'), v2, { dryRun: true })).spec ?? {}));
  await world.client.create(kindOf('Host', 'v2'), v2);
  assert.deepEqual((await world.client.get(kindOf('Host', 'v1'), 'whole', at)).spec, { hostPort: 'h:1' });
  assert.deepEqual((await world.client.get(kindOf('Host', 'v2'), 'whole', at)).spec, { host: 'h', port: '1' }, 'v1 does not keep what it has no field for');
});

test('a conversion that fails is told, and the stored version stays readable', async () => {
  broken = true;
  await assert.rejects(world.client.get(kindOf('Host', 'v2'), 'a', at), /conversion webhook for example\.com\/v1, Kind=Host failed: no idea/);
  await assert.rejects(world.client.create(kindOf('Host', 'v2'), host('v2', 'tried', { host: 'h', port: '1' }), { dryRun: true }), /Kind=Host failed: no idea/);
  assert.deepEqual((await world.client.get(kindOf('Host', 'v1'), 'a', at)).spec, { hostPort: 'a.example.com:90' });
  broken = false;
});

test('of the metadata a webhook may change labels and annotations, as they may be', async () => {
  const of = async (change: (metadata: KubeObject['metadata']) => unknown): Promise<unknown> => {
    metadataOf = change;
    return world.client.get(kindOf('Host', 'v2'), 'marked', at).then(({ metadata }) => [metadata.labels, metadata.annotations, metadata.finalizers], (error: Error) => error.message.replace(/^conversion webhook for example\.com\/v1, Kind=Host returned /, ''));
  };
  await world.client.create(kindOf('Host', 'v1'), { ...host('v1', 'marked', { hostPort: 'm:1' }), metadata: { name: 'marked', namespace: 'default', labels: { own: 'x' } } });
  const table: [(metadata: KubeObject['metadata']) => unknown, unknown][] = [
    [(metadata) => ({ ...metadata, labels: { ...metadata.labels, more: 'y' }, annotations: { a: 'b' }, finalizers: ['no/where'] }), [{ own: 'x', more: 'y' }, { a: 'b' }, undefined]],
    [(metadata) => ({ ...metadata, labels: null }), [undefined, undefined, undefined]],
    [(metadata) => ({ ...metadata, labels: { 'a b': 'x' } }), /^invalid metadata: metadata\.labels: Invalid value: "a b": name part must consist of/],
    [(metadata) => ({ ...metadata, annotations: { 'a b': 'x' } }), /^invalid metadata: metadata\.annotation: Invalid value: "a b"/],
    [(metadata) => ({ ...metadata, labels: { a: 1 } }), /^invalid metadata: metadata\.labels\[a\] must be a string, but is number in converted object$/],
    [(metadata) => ({ ...metadata, annotations: ['a'] }), /^invalid metadata: invalid metadata\.annotations of type \[\]interface \{\} in converted object$/],
    [(metadata) => ({ ...metadata, namespace: 'other' }), /^invalid object: must have the same namespace: default != other$/],
    [() => undefined, /^invalid object: must have the same name: marked != $/],
  ];
  for (const [change, expected] of table) {
    const said = await of(change);
    if (expected instanceof RegExp) assert.match(String(said), expected);
    else assert.deepEqual(said, expected);
  }
  metadataOf = (metadata) => metadata;
});
