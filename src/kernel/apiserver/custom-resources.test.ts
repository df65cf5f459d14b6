/** Custom resources over the wire, as upstream's integration tests ask for them (apiextensions-apiserver/test/integration: scope, subresources, validation, pruning, objectmeta, table, basic). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { kindsOfDefinition } from '../../api/custom/custom-kind.ts';
import { BUILT_IN_KINDS } from '../../api/kinds.ts';
import type { CustomResourceDefinition, JSONSchemaProps } from '../../api/generated/apiextensions-v1.ts';
import type { Kind } from '../../api/kind.ts';
import { openDoor, type Answer, type OpenDoor } from './testing/open-door.ts';

const ANY: JSONSchemaProps = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };

let door: OpenDoor;
before(async () => { door = await openDoor({ kinds: BUILT_IN_KINDS }); });
after(() => door.close());

interface Wanted { scope?: 'Namespaced' | 'Cluster'; schema?: JSONSchemaProps; generation?: number; columns?: CustomResourceDefinition['spec']['versions'][0]['additionalPrinterColumns']; selectable?: readonly string[] }

/** The newest definition of `plural` speaks for it. */
function define(plural: string, { scope = 'Cluster', schema = ANY, generation = 1, columns, selectable = [] }: Wanted = {}): string {
  const definition: CustomResourceDefinition = {
    metadata: { name: `${plural}.example.com`, generation },
    spec: {
      group: 'example.com', scope, names: { plural, singular: plural, kind: 'Thing', listKind: 'ThingList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } }, selectableFields: selectable.map((jsonPath) => ({ jsonPath })), ...(columns === undefined ? {} : { additionalPrinterColumns: columns }) }],
    },
  };
  for (const kind of kindsOfDefinition(definition)) door.server.serve(kind as Kind);
  return `/apis/example.com/v1/${plural}`;
}

const thing = (name: string, more: object = {}, metadata: object = {}): object => ({ apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name, ...metadata }, ...more });
const create = (path: string, body: object): Promise<Answer> => door.call('POST', path, { body });
const merge = (path: string, body: object): Promise<Answer> => door.call('PATCH', path, { body, headers: { 'content-type': 'application/merge-patch+json' } });

test('nothing is found under the other scope, but the list of all namespaces', async () => {
  for (const [plural, scope] of [['wholes', 'Cluster'], ['parts', 'Namespaced']] as const) {
    define(plural, { scope });
    const [wide, narrow] = [`/apis/example.com/v1/${plural}`, `/apis/example.com/v1/namespaces/default/${plural}`];
    const [right, wrong] = scope === 'Cluster' ? [wide, narrow] : [narrow, wide];
    assert.equal((await create(right, thing('bar'))).status, 201);
    for (const [method, path] of [['POST', ''], ['DELETE', ''], ...['', '/status', '/scale'].flatMap((sub) => ['GET', 'PUT', 'PATCH', 'DELETE'].map((each) => [each, `/bar${sub}`]))] as const) {
      const { status } = await door.call(method, wrong + path, method === 'GET' || method === 'DELETE' ? {} : { body: thing('bar'), ...(method === 'PATCH' ? { headers: { 'content-type': 'application/merge-patch+json' } } : {}) });
      assert.equal(status, 404, `${method} ${wrong}${path}`);
    }
    assert.equal((await door.call('GET', wrong)).status, scope === 'Cluster' ? 404 : 200);
  }
});

test('another kind in the right version is an invalid value', async () => {
  const path = define('mistaken');
  const { status, json } = await create(path, { ...thing('foo'), kind: 'SomethingElse' });
  assert.deepEqual([status, json.message], [422, 'SomethingElse.example.com "foo" is invalid: kind: Invalid value: "SomethingElse": must be Thing']);
  const other = await create(path, { ...thing('foo'), apiVersion: 'example.com/v2' });
  assert.deepEqual([other.status, other.json.message], [400, 'the API version in the data (example.com/v2) does not match the expected API version (example.com/v1)']);
});

test('replicas that no Scale can say are refused wherever they are written, and one that says none has no Scale', async () => {
  const path = define('scaled');
  assert.equal((await create(path, thing('a', { spec: { replicas: -1 } }))).status, 422);
  assert.equal((await create(path, thing('a'))).status, 201);
  const none = await door.call('GET', `${path}/a/scale`);
  assert.deepEqual([none.status, none.json.message], [500, 'Internal error occurred: the spec replicas field ".spec.replicas" does not exist']);
  assert.equal((await merge(`${path}/a/scale`, { spec: { replicas: 3 } })).json.spec.replicas, 3, 'but may be scaled');
  assert.deepEqual((await merge(`${path}/a`, { spec: { replicas: 2_147_483_648 } })).json.details.causes.map(({ field }: { field: string }) => field), ['.spec.replicas']);
  assert.equal((await merge(`${path}/a/status`, { status: { replicas: -1 } })).json.message, 'Thing.example.com "a" is invalid: .status.replicas: Invalid value: -1: should be a non-negative integer');
});

test('what the schema has no longer is not read any more, and what it has since is', async () => {
  const before: JSONSchemaProps = { type: 'object', properties: { spec: { type: 'object', properties: { old: { type: 'string' }, both: { type: 'string' } } } } };
  const now: JSONSchemaProps = { type: 'object', properties: { spec: { type: 'object', properties: { both: { type: 'string' }, late: { type: 'string', default: 'x' } } } } };
  const path = define('aged', { schema: before });
  await create(path, thing('a', { spec: { old: '1', both: '2' } }));
  define('aged', { schema: now, generation: 2 });
  const wanted = { both: '2', late: 'x' };
  assert.deepEqual((await door.call('GET', `${path}/a`)).json.spec, wanted);
  assert.deepEqual((await door.call('GET', path)).json.items[0].spec, wanted);
  const watch = await door.watch(`${path}?watch=1`);
  const seen = await watch.next();
  watch.close();
  assert.deepEqual((seen as { object: { spec?: unknown } } | undefined)?.object.spec, wanted);
  const { status, json } = await door.call('PATCH', `${path}/a?fieldValidation=Strict`, { body: { metadata: { labels: { a: 'b' } } }, headers: { 'content-type': 'application/merge-patch+json' } });
  assert.deepEqual([status, json.spec], [200, wanted], 'a strict writer is not blamed for what was kept');
});

test('a watch ends when its definition has changed, so that its client asks again', async () => {
  const path = define('watched');
  const [watch, other] = [await door.watch(`${path}?watch=1`), await door.watch('/api/v1/configmaps?watch=1')];
  define('watched', { generation: 2 });
  assert.equal(await watch.next(), undefined);
  await create('/api/v1/namespaces/default/configmaps', { metadata: { name: 'seen' } });
  assert.equal((await other.next())?.object.metadata.name, 'seen', 'those of other kinds go on');
  other.close();
});

test('fields that may be selected by are told in OpenAPI', async () => {
  define('coloured', { schema: { type: 'object', properties: { spec: { type: 'object', properties: { color: { type: 'string' }, size: { type: 'integer' } } } } }, selectable: ['.spec.size', '.spec.color'] });
  const wanted = [{ fieldPath: 'spec.size' }, { fieldPath: 'spec.color' }];
  const of = (schemas: Record<string, Record<string, unknown>>): unknown => Object.values(schemas).map((schema) => schema['x-kubernetes-selectable-fields']).filter((each) => each !== undefined);
  assert.deepEqual(of((await door.call('GET', '/openapi/v3/apis/example.com/v1')).json.components.schemas), [wanted]);
  assert.deepEqual(of((await door.call('GET', '/openapi/v2')).json.definitions), [wanted]);
});

test('objects within are judged', async () => {
  const path = define('wrappers', { schema: { type: 'object', properties: { inner: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true } } } });
  const { status, json } = await create(path, thing('a', { inner: { apiVersion: 'foo/v1', kind: '%', metadata: { name: '..' } } }));
  assert.deepEqual([status, json.details.causes.map(({ field }: { field: string }) => field)], [422, ['inner.kind', 'inner.metadata.name']]);
});

test('columns without a description are told by their path, and the default one is a date', async () => {
  const path = define('shown', { columns: [{ name: 'Alpha', type: 'string', jsonPath: '.spec.alpha' }, { name: 'Beta', type: 'integer', description: 'the beta field', jsonPath: '.spec.beta' }] });
  const columns = async (at: string): Promise<unknown> => (await door.call('GET', at, { headers: TABLE })).json.columnDefinitions.map(({ name, type, description }: Record<string, string>) => [name, type, description]).slice(1);
  assert.deepEqual(await columns(path), [['Alpha', 'string', 'Custom resource definition column (in JSONPath format): .spec.alpha'], ['Beta', 'integer', 'the beta field']]);
  assert.deepEqual(((await columns(define('plain'))) as string[][]).map(([name, type]) => [name, type]), [['Age', 'date']]);
});

test('discovery tells of the status before the scale', async () => {
  define('told');
  const { resources } = (await door.call('GET', '/apis/example.com/v1')).json;
  assert.deepEqual(resources.map(({ name }: { name: string }) => name).filter((name: string) => name.startsWith('told')), ['told', 'told/status', 'told/scale']);
  const apps = (await door.call('GET', '/apis/apps/v1')).json.resources.map(({ name }: { name: string }) => name);
  assert.deepEqual(apps, apps.toSorted(), 'those of built-in kinds stand in the order of their names');
});

test('the answer to a change of the storage version names it among those that were stored', async () => {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const version = (name: string, storage: boolean): object => ({ name, served: true, storage, schema: { openAPIV3Schema: ANY } });
  const made = await create(path, { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'vers.example.com' }, spec: { group: 'example.com', scope: 'Cluster', names: { plural: 'vers', kind: 'Ver' }, versions: [version('v1beta1', true), version('v1', false)] } });
  assert.deepEqual([made.status, made.json.status.storedVersions], [201, ['v1beta1']]);
  const changed = await door.call('PUT', `${path}/vers.example.com`, { body: { ...made.json, spec: { ...made.json.spec, versions: [version('v1beta1', false), version('v1', true)] } } });
  assert.deepEqual([changed.status, changed.json.status.storedVersions], [200, ['v1beta1', 'v1']]);
  const removed = await door.call('PUT', `${path}/vers.example.com`, { body: { ...changed.json, spec: { ...changed.json.spec, versions: [version('v1', true)] } } });
  assert.deepEqual([removed.status, removed.json.details.causes[0].field], [422, 'status.storedVersions[0]']);
});

test('objects of a definition that changed are made whole once, until they change', async () => {
  const path = define('wholesome', { schema: { type: 'object', properties: { a: { type: 'string', default: 'x' } } }, generation: 2 });
  for (const name of ['one', 'two']) await create(path, thing(name));
  const kind = door.server.kinds.list().find((each) => each.plural === 'wholesome')!;
  let times = 0;
  door.server.serve({ ...kind, completes: (object) => (times++, { ...kind.completes!(object), a: `${(object as { a?: string }).a}!` }) } as Kind);
  const list = async (): Promise<string[]> => (await door.call('GET', path)).json.items.map((item: { metadata: { name: string }; a: string }) => `${item.metadata.name} ${item.a}`);
  for (let round = 0; round < 3; round++) assert.deepEqual(await list(), ['one x!', 'two x!']);
  assert.equal((await door.call('GET', `${path}/one`)).json.a, 'x!');
  assert.equal(times, 2);
  await merge(`${path}/two`, { a: 'z' });
  times = 0;
  // The answer to the change has said it already.
  for (let round = 0; round < 2; round++) assert.deepEqual(await list(), ['one x!', 'two z!']);
  assert.equal(times, 0);
});
