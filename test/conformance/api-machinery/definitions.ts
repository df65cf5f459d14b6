/** [sig-api-machinery] CustomResourceDefinition, and definitions for other behaviours. */
import assert from 'node:assert/strict';
import { behaviour, create, get, gone, namespace, ok, patch, put, remove, until, watch, type Body } from '../cluster.ts';

export const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
let definitions = 0;

export interface Defined {
  name: string;
  group: string;
  kind: string;
  plural: string;
  /** `/apis/GROUP/v1/namespaces/NAMESPACE/PLURAL` */
  path(namespace: string, version?: string): string;
}

export interface DefinitionInput {
  group?: string;
  versions?: readonly Body[];
  /** The openAPIV3Schema of v1; default keeps everything. */
  schema?: Body;
  labels?: object;
}

export const OPEN_SCHEMA = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

export function version(name: string, schema: Body = OPEN_SCHEMA, more: object = {}): Body {
  return { name, served: true, storage: name === 'v1', schema: { openAPIV3Schema: schema }, ...more };
}

export function definitionOf(input: DefinitionInput = {}): { object: Body; defined: Defined } {
  const n = (definitions += 1);
  const group = input.group ?? 'conformance.example.com';
  const [kind, plural] = [`Thing${n}`, `thing${n}s`];
  const object = {
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: `${plural}.${group}`, labels: input.labels },
    spec: { group, scope: 'Namespaced', names: { kind, plural, singular: `thing${n}`, listKind: `${kind}List` }, versions: input.versions ?? [version('v1', input.schema)] },
  };
  return { object, defined: { name: object.metadata.name, group, kind, plural, path: (space, name = 'v1') => `/apis/${group}/${name}/namespaces/${space}/${plural}` } };
}

/** Makes a definition and waits until it is served. */
export async function define(input: DefinitionInput = {}): Promise<Defined> {
  const { object, defined } = definitionOf(input);
  await create(DEFINITIONS, object);
  await until(`${DEFINITIONS}/${defined.name}`, ({ status }) => status?.conditions?.some((each: Body) => each.type === 'Established' && each.status === 'True'));
  const served = object.spec.versions.find((each: Body) => each.served).name;
  await until(`/apis/${defined.group}/${served}`, ({ resources }) => resources.some((each: Body) => each.name === defined.plural));
  return defined;
}

export async function withDefinition(input: DefinitionInput, run: (defined: Defined) => Promise<void>): Promise<void> {
  const defined = await define(input);
  try {
    await run(defined);
  } finally {
    await remove(`${DEFINITIONS}/${defined.name}`);
    await gone(`${DEFINITIONS}/${defined.name}`);
  }
}

export function customResourceDefinitions(): void {
  behaviour('CustomResourceDefinition resources Simple CustomResourceDefinition creating/deleting custom resource definition objects works', () =>
    withDefinition({}, async ({ path }) => assert.deepEqual((await get(path('default'))).items, [])));

  behaviour('CustomResourceDefinition Watch watch on custom resource definition objects', () => withDefinition({}, async ({ path, group, kind }) => {
    const space = await namespace();
    const things = await watch(path(space));
    await create(path(space), { apiVersion: `${group}/v1`, kind, metadata: { name: 'one' } });
    assert.equal((await things.next()).type, 'ADDED');
    await patch(`${path(space)}/one`, { dummy: 'test' });
    const changed = await things.next();
    assert.deepEqual([changed.type, changed.object.dummy], ['MODIFIED', 'test']);
    await remove(`${path(space)}/one`);
    assert.deepEqual([(await things.next()).type, await things.rest()], ['DELETED', []]);
    things.close();
  }));

  behaviour('CustomResourceDefinition resources Simple CustomResourceDefinition listing custom resource definition objects works', async () => {
    const other = await define();
    for (let n = 0; n < 10; n += 1) await create(DEFINITIONS, definitionOf({ labels: { 'e2e-list-test-uuid': 'listed' } }).object);
    const selected = `${DEFINITIONS}?labelSelector=e2e-list-test-uuid%3Dlisted`;
    assert.equal((await get(selected)).items.length, 10);
    await ok('DELETE', selected);
    await until(selected, ({ items }) => items.length === 0);
    await get(`${DEFINITIONS}/${other.name}`);
    await remove(`${DEFINITIONS}/${other.name}`);
  });

  behaviour('CustomResourceDefinition resources Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works', () => withDefinition({}, async ({ name }) => {
    const at = `${DEFINITIONS}/${name}/status`;
    const condition = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set by a test' };
    const now = await get(at);
    now.status.conditions.push(condition);
    const updated = await put(at, now);
    assert.ok(updated.status.conditions.some((each: Body) => each.type === 'StatusUpdate' && each.message === 'Set by a test'));
    const patched = await patch(at, [{ op: 'add', path: '/status/conditions/-', value: { ...condition, type: 'StatusPatched' } }], 'json-patch');
    assert.ok(patched.status.conditions.some((each: Body) => each.type === 'StatusPatched'));
    assert.ok((await get(`${DEFINITIONS}/${name}`)).status.conditions.some((each: Body) => each.type === 'StatusPatched'));
  }));

  behaviour('CustomResourceDefinition resources should include custom resource definition resources in discovery documents', async () => {
    const group = (await get('/apis')).groups.find((each: Body) => each.name === 'apiextensions.k8s.io');
    assert.ok(group.versions.some((each: Body) => each.groupVersion === 'apiextensions.k8s.io/v1'));
    assert.ok((await get('/apis/apiextensions.k8s.io')).versions.some((each: Body) => each.version === 'v1'));
    assert.ok((await get('/apis/apiextensions.k8s.io/v1')).resources.some((each: Body) => each.name === 'customresourcedefinitions'));
  });

  behaviour('CustomResourceDefinition resources custom resource defaulting for requests and from storage works', () => {
    const field = (fallback?: string): Body => ({ type: 'string', ...(fallback === undefined ? {} : { default: fallback }) });
    const schema = (a?: string, b?: string): Body => ({ type: 'object', properties: { a: field(a), b: field(b) } });
    return withDefinition({ schema: schema() }, async ({ name, path, group, kind }) => {
      const space = await namespace();
      const things = path(space);
      const set = (next: Body): Promise<Body> => patch(`${DEFINITIONS}/${name}`, [{ op: 'replace', path: '/spec/versions/0/schema/openAPIV3Schema', value: next }], 'json-patch');
      const make = (called: string): Promise<Body> => create(things, { apiVersion: `${group}/v1`, kind, metadata: { name: called } });
      const bare = await make('bare');
      assert.equal(bare.a, undefined);
      await set(schema('A'));
      await until(`${things}/bare`, ({ a }) => a === 'A');
      assert.equal((await make('defaulted')).a, 'A');
      await set(schema(undefined, 'B'));
      const kept = await until(`${things}/defaulted`, ({ b }) => b === 'B');
      assert.equal(kept.a, 'A');
      assert.equal((await get(`${things}/bare`)).a, undefined);
    });
  });
}
