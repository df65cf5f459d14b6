/** What several managers leave of one object, write after write; the behaviours are those that structured-merge-diff tests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiError } from '../../errors.ts';
import type { Json, KubeObject } from '../../meta.ts';
import type { Schema } from '../../schema/schema.ts';
import { applyObject, updateManagedFields, type InVersion } from './index.ts';
import { showPath } from './field-set.ts';

const text: Schema = { type: 'string' };
const number: Schema = { type: 'number' };
const keyed = (item: Schema, ...keys: string[]): Schema => ({ type: 'array', items: item, xListType: 'map', xListMapKeys: keys });
const port: Schema = { type: 'object', properties: { name: text, port: number, protocol: { ...text, default: 'TCP' }, note: text } };

const SPEC: Schema = {
  type: 'object',
  properties: {
    size: number, note: text, set: { type: 'array', items: number, xListType: 'set' }, atomic: { type: 'array', items: number },
    list: keyed({ type: 'object', properties: { name: text, a: number, b: number, inner: { type: 'array', items: text, xListType: 'set' } } }, 'name'),
    ports: keyed(port, 'port', 'protocol'), deep: { type: 'object', properties: { x: number, y: number } }, map: { type: 'object', additionalProperties: number }, free: { type: 'object', xPreserveUnknownFields: true },
  },
};

interface Step {
  by: string;
  /** Default: an update. */
  apply?: boolean | 'force';
  version?: string;
  spec: Json;
  /** Paths in conflict, with their owners; the object stays as it was. */
  conflicts?: string[];
  refused?: RegExp;
  /** From here on. */
  schema?: Schema;
}

interface Expected { spec: Json; owned: Record<string, string[]> }

function run(steps: readonly Step[], start: Schema = SPEC, inVersion?: InVersion): KubeObject & { spec?: Json } {
  let live: KubeObject | undefined;
  let spec = start;
  for (const step of steps) {
    spec = step.schema ?? spec;
    const apiVersion = step.version ?? 'v1';
    const sent = { apiVersion, kind: 'Thing', metadata: { name: 'x' }, spec: structuredClone(step.spec) } as unknown as KubeObject;
    const now = inVersion === undefined || live === undefined || live.apiVersion === apiVersion ? live : inVersion(live, apiVersion).object;
    const common = { schema: objectOf(spec), live: now, manager: step.by, apiVersion, now: '2026-01-01T00:00:00Z', ...(inVersion === undefined ? {} : { inVersion }) };
    const work = (): KubeObject => {
      if (step.apply !== undefined) return applyObject({ ...common, applied: sent as unknown as Json, force: step.apply === 'force' });
      updateManagedFields({ ...common, next: sent });
      return sent;
    };
    if (step.conflicts !== undefined) {
      assert.throws(work, (error: ApiError) => {
        assert.deepEqual((error.details as { causes: { message: string; field: string }[] }).causes.map(({ message, field }) => `${/"(.*?)"/.exec(message)![1]} ${field}`), step.conflicts);
        return true;
      });
      continue;
    }
    if (step.refused !== undefined) {
      assert.throws(work, { message: step.refused });
      continue;
    }
    live = work();
    live.metadata.uid = 'u';
  }
  return live as KubeObject & { spec?: Json };
}

function objectOf(spec: Schema): Schema {
  return { type: 'object', properties: { apiVersion: text, kind: text, metadata: { type: 'object', xPreserveUnknownFields: true }, spec } };
}

/** Each path once, from the spec on: `.list[name="a"].b`. */
function pathsOf(fields: Json, path: string[] = []): string[] {
  return Object.entries(fields as Record<string, Json>).flatMap(([key, child]) => {
    if (key === '.') return path.length < 2 ? [] : [showPath(path.slice(1))];
    const here = [...path, key];
    return Object.keys(child as object).length === 0 ? [showPath(here.slice(1))] : pathsOf(child, here);
  });
}

function check(object: KubeObject & { spec?: Json }, { spec, owned }: Expected): void {
  assert.deepEqual(object.spec, spec);
  const found = Object.fromEntries((object.metadata.managedFields ?? []).map(({ manager, fieldsV1 }) => [manager, pathsOf(fieldsV1!).filter((path) => path !== '').sort()]));
  assert.deepEqual(found, Object.fromEntries(Object.entries(owned).map(([manager, paths]) => [manager, paths.sort()])));
}

const a1 = { name: 'a', a: 1 };
const table: [string, Step[], Expected][] = [
  ['each applier takes back its own elements', [
    { by: 'one', apply: true, spec: { list: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] } }, { by: 'two', apply: true, spec: { list: [{ name: 'c' }, { name: 'd' }] } }, { by: 'one', apply: true, spec: { list: [{ name: 'a' }] } },
  ], { spec: { list: [{ name: 'a' }, { name: 'c' }, { name: 'd' }] }, owned: { one: ['.list[name="a"]', '.list[name="a"].name'], two: ['.list[name="c"]', '.list[name="c"].name', '.list[name="d"]', '.list[name="d"].name'] } }],
  ['an element goes with what a controller added to it, when its last applier drops it', [
    { by: 'one', apply: true, spec: { list: [{ name: 'a' }, { name: 'b', inner: ['c'] }] } }, { by: 'controller', spec: { list: [{ name: 'a' }, { name: 'b', inner: ['c', 'd'] }] } }, { by: 'one', apply: true, spec: { list: [{ name: 'a' }] } },
  ], { spec: { list: [{ name: 'a' }] }, owned: { one: ['.list[name="a"]', '.list[name="a"].name'] } }],
  ['it stays while another applier names it, less what was only the first one\'s', [
    { by: 'one', apply: true, spec: { list: [{ name: 'b', inner: ['c'] }] } }, { by: 'two', apply: true, spec: { list: [{ name: 'b', inner: ['d'] }] } }, { by: 'one', apply: true, spec: {} },
  ], { spec: { list: [{ name: 'b', inner: ['d'] }] }, owned: { one: [], two: ['.list[name="b"]', '.list[name="b"].name', '.list[name="b"].inner[="d"]'] } }],
  ['a value of one list that changes is one conflict', [
    { by: 'one', apply: true, spec: { atomic: [1, 2], size: 1 } }, { by: 'two', apply: true, spec: { atomic: [2], size: 1 }, conflicts: ['one .spec.atomic'] }, { by: 'two', apply: 'force', spec: { atomic: [2], size: 1 } },
  ], { spec: { atomic: [2], size: 1 }, owned: { one: ['.size'], two: ['.atomic', '.size'] } }],
  ['null says nothing of the parts of a map or a list', [
    { by: 'controller', spec: { deep: { x: 1 }, list: [a1], map: { k: 1 } } }, { by: 'one', apply: true, spec: { deep: null, list: null, map: null } },
  ], { spec: { deep: { x: 1 }, list: [a1], map: { k: 1 } }, owned: { controller: ['.deep', '.deep.x', '.list', '.list[name="a"]', '.list[name="a"].a', '.list[name="a"].name', '.map', '.map.k'], one: ['.deep', '.list', '.map'] } }],
  ['where there is no schema too', [
    { by: 'controller', spec: { free: { k: { x: 1 }, one: 1 } } }, { by: 'one', apply: 'force', spec: { free: { k: null, one: null } } },
  ], { spec: { free: { k: { x: 1 }, one: null } }, owned: { controller: ['.free', '.free.k', '.free.k.x'], one: ['.free.k', '.free.one'] } }],
  ['a list that becomes an empty map is another value', [
    { by: 'one', apply: true, spec: { free: { k: [1] } } }, { by: 'two', spec: { free: { k: {} } } },
  ], { spec: { free: { k: {} } }, owned: { two: ['.free.k'] } }],
  ['an element that leaves a key out is another than those that have it', [
    { by: 'one', apply: true, spec: { ports: [{ port: 1 }, { note: 'any' }, { port: 1, protocol: 'UDP' }] } }, { by: 'two', apply: true, spec: { ports: [{ note: 'any', protocol: 'TCP' }] } },
  ], { spec: { ports: [{ port: 1 }, { note: 'any', protocol: 'TCP' }, { port: 1, protocol: 'UDP' }] }, owned: {
    one: ['.ports[port=1,protocol="TCP"]', '.ports[port=1,protocol="TCP"].port', '.ports[protocol="TCP"]', '.ports[protocol="TCP"].note', '.ports[port=1,protocol="UDP"]', '.ports[port=1,protocol="UDP"].port', '.ports[port=1,protocol="UDP"].protocol'],
    two: ['.ports[protocol="TCP"]', '.ports[protocol="TCP"].note', '.ports[protocol="TCP"].protocol'],
  } }],
  ['an element that stands twice is owned as one, by who wrote it the second time', [
    { by: 'one', spec: { list: [a1, { name: 'b', a: 3 }] } }, { by: 'two', spec: { list: [a1, { name: 'a', b: 3 }, { name: 'b', a: 3 }] } },
  ], { spec: { list: [a1, { name: 'a', b: 3 }, { name: 'b', a: 3 }] }, owned: { one: ['.list', '.list[name="b"]', '.list[name="b"].a', '.list[name="b"].name'], two: ['.list[name="a"]'] } }],
  ['who makes one of two owns it in full', [
    { by: 'one', spec: { set: [1, 1, 3], list: [a1, { name: 'a', a: 2 }] } }, { by: 'two', spec: { set: [1, 3], list: [a1] } },
  ], { spec: { set: [1, 3], list: [a1] }, owned: { one: ['.list', '.set', '.set[=3]'], two: ['.list[name="a"]', '.list[name="a"].a', '.list[name="a"].name', '.set[=1]'] } }],
  ['an apply of what stands twice is a conflict, and makes it one', [
    { by: 'one', spec: { list: [a1, { name: 'a', a: 2 }, { name: 'b', a: 3 }] } }, { by: 'two', apply: true, spec: { list: [{ name: 'a', a: 2 }] }, conflicts: ['one .spec.list[name="a"]'] }, { by: 'two', apply: 'force', spec: { list: [{ name: 'a', a: 3 }] } },
  ], { spec: { list: [{ name: 'a', a: 3 }, { name: 'b', a: 3 }] }, owned: { one: ['.list', '.list[name="b"]', '.list[name="b"].a', '.list[name="b"].name'], two: ['.list[name="a"]', '.list[name="a"].a', '.list[name="a"].name'] } }],
  ['an applied list has each element once, and each with a key', [
    { by: 'one', apply: true, spec: { set: [1, 1] }, refused: /\.spec\.set: duplicate entries for key \[=1\]/ }, { by: 'one', apply: true, spec: { list: [{ a: 1 }] }, refused: /element 0: associative list with keys has an element that omits all key fields \["name"\] \(and doesn't have default values for any key fields\)/ },
    { by: 'one', apply: true, spec: { size: 1 } },
  ], { spec: { size: 1 }, owned: { one: ['.size'] } }],
  ['when a map becomes one value, who owned a part owns the whole', [
    { by: 'one', apply: true, spec: { deep: { x: 1 } } }, { by: 'two', apply: true, spec: { deep: { y: 1 } }, schema: { ...SPEC, properties: { ...SPEC.properties, deep: { ...SPEC.properties!['deep'] as Schema, xMapType: 'atomic' } } }, conflicts: ['one .spec.deep'] },
    { by: 'two', apply: 'force', spec: { deep: { y: 1 } } },
  ], { spec: { deep: { y: 1 } }, owned: { two: ['.deep'] } }],
  ['and so with a list, also when somebody updates something else', [
    { by: 'one', apply: true, spec: { list: [a1] } }, { by: 'two', spec: { list: [a1], size: 1 }, schema: { ...SPEC, properties: { ...SPEC.properties, list: { ...SPEC.properties!['list'] as Schema, xListType: 'atomic' } } } },
  ], { spec: { list: [a1], size: 1 }, owned: { one: ['.list'], two: ['.size'] } }],
  ['what was one value and is a map now stays its owner\'s', [
    { by: 'one', apply: true, spec: { deep: { x: 1 } }, schema: { ...SPEC, properties: { ...SPEC.properties, deep: { ...SPEC.properties!['deep'] as Schema, xMapType: 'atomic' } } } }, { by: 'two', apply: true, spec: { deep: { y: 1 } }, schema: SPEC },
  ], { spec: { deep: { x: 1, y: 1 } }, owned: { one: ['.deep'], two: ['.deep.y'] } }],
];

for (const [name, steps, expected] of table) test(name, () => check(run(steps), expected));

/** Two versions that say one field by other names: `size1` in v1 is `size2` in v2. */
const versioned = (version: string): Schema => ({ type: 'object', properties: { note: text, [`size${version.slice(1)}`]: number, [`deep${version.slice(1)}`]: { type: 'object', properties: { x: number } } } });
const renaming: InVersion = (object, apiVersion) => {
  const spec = Object.fromEntries(Object.entries((object as KubeObject & { spec?: object }).spec ?? {}).map(([key, value]) => [key.replace(/\d$/, apiVersion.slice(1)), value]));
  return { object: { ...object, apiVersion, spec } as KubeObject, schema: objectOf(versioned(apiVersion)) };
};

const acrossVersions: [string, Step[], Expected][] = [
  ['what was applied in one version goes when it is left out in another', [
    { by: 'one', apply: true, version: 'v1', spec: { note: 'a', size1: 1, deep1: { x: 1 } } }, { by: 'one', apply: true, version: 'v2', spec: { note: 'a' } },
  ], { spec: { note: 'a' }, owned: { one: ['.note'] } }],
  ['it stays when somebody owns it by its other name', [
    { by: 'one', apply: true, version: 'v1', spec: { note: 'a', size1: 1 } }, { by: 'two', apply: true, version: 'v2', spec: { size2: 1 } }, { by: 'one', apply: true, version: 'v1', spec: { note: 'a' } },
  ], { spec: { note: 'a', size1: 1 }, owned: { one: ['.note'], two: ['.size2'] } }],
  ['an updater is somebody too', [
    { by: 'updater', version: 'v2', spec: { note: 'a', deep2: { x: 1 } } }, { by: 'one', apply: true, version: 'v1', spec: { note: 'a', deep1: { x: 1 } } }, { by: 'one', apply: true, version: 'v2', spec: { note: 'a' } },
  ], { spec: { note: 'a', deep2: { x: 1 } }, owned: { updater: ['.deep2', '.deep2.x', '.note'], one: ['.note'] } }],
  ['a change in one version is taken from its owner in another', [
    { by: 'one', apply: true, version: 'v1', spec: { note: 'a', size1: 1 } }, { by: 'two', apply: true, version: 'v2', spec: { size2: 2 }, conflicts: ['one .spec.size1'] }, { by: 'updater', version: 'v2', spec: { note: 'a', size2: 2 } },
  ], { spec: { note: 'a', size2: 2 }, owned: { one: ['.note'], updater: ['.size2'] } }],
];

for (const [name, steps, expected] of acrossVersions) test(`across versions, ${name}`, () => check(run(steps.map((step) => ({ ...step, schema: versioned(step.version!) })), undefined, renaming), expected));
