/** What every resource of a group can do: the walk of upstream's "should support X API operations". */
import assert from 'node:assert/strict';
import { eventually } from '../fixtures/instance.ts';
import { call, create, get, ok, patch, put, refused, remove, watch, type Body, type Watch } from './cluster.ts';

export interface ResourceLife {
  group: string;
  version: string;
  plural: string;
  /** Subresources that discovery must name. */
  subresources: readonly string[];
  namespace?: string;
  /** A finalizer holds it until a controller has seen that nobody uses it. */
  isProtected?: boolean;
  /** A new object of a name. */
  make(name: string): Body;
}

/** Discovery, then create, get, list, watch, patch, update, status, delete and deletecollection. */
export async function liveThrough(life: ResourceLife): Promise<void> {
  await discovered(life);
  const { group, version, plural, make } = life;
  const path = `${group === '' ? '/api' : `/apis/${group}`}/${version}${life.namespace === undefined ? '' : `/namespaces/${life.namespace}`}/${plural}`;
  const labels = { 'special-label': 'conformance' };
  const selected = `${path}?labelSelector=special-label%3Dconformance`;
  const labelled = (name: string): Body => {
    const object = make(name);
    return { ...object, metadata: { ...object.metadata, labels } };
  };
  const first = await create(path, labelled('first'));
  await refused(409, 'POST', path, { body: labelled('first') });
  assert.equal((await get(`${path}/first`)).metadata.uid, first.metadata.uid);
  await create(path, labelled('second'));
  await create(path, labelled('third'));
  const list = await get(selected);
  assert.equal(list.items.length, 3);
  const events = await watch(`${selected}&resourceVersion=${list.metadata.resourceVersion}`);
  const patched = await patch(`${path}/first`, { metadata: { annotations: { patched: 'true' } } });
  assert.equal(patched.metadata.annotations.patched, 'true');
  await annotated(events, 'patched');
  await changed(`${path}/first`, ({ metadata, ...rest }) => ({ ...rest, metadata: { ...metadata, annotations: { ...metadata.annotations, updated: 'true' } } }));
  await annotated(events, 'updated');
  if (life.subresources.includes('status')) await statusOf(path);
  await remove(`${path}/first`);
  assert.equal((await events.nextOf('DELETED')).object.metadata.name, 'first');
  events.close();
  await refused(404, 'GET', `${path}/first`);
  assert.equal((await get(selected)).items.length, 2);
  await ok('DELETE', selected);
  if (life.isProtected === true) await eventually(async () => (await get(selected)).items.length === 0);
  assert.equal((await get(selected)).items.length, 0);
}

/** Passes over what controllers write beside. */
async function annotated(events: Watch, key: string): Promise<void> {
  while ((await events.nextOf('MODIFIED')).object.metadata.annotations?.[key] !== 'true');
}

async function discovered({ group, version, plural, subresources }: ResourceLife): Promise<void> {
  if (group !== '') {
    const groups = (await get('/apis')).groups as Body[];
    assert.ok(groups.find((each) => each.name === group)?.versions.some((each: Body) => each.version === version), `/apis names ${group}/${version}`);
    assert.ok((await get(`/apis/${group}`)).versions.some((each: Body) => each.groupVersion === `${group}/${version}`));
  }
  const resources = (await get(group === '' ? `/api/${version}` : `/apis/${group}/${version}`)).resources as Body[];
  for (const name of [plural, ...subresources.map((each) => `${plural}/${each}`)]) assert.ok(resources.some((each) => each.name === name), `discovery names ${name}`);
}

async function statusOf(path: string): Promise<void> {
  const now = await get(`${path}/first/status`);
  const patched = await patch(`${path}/first/status`, { metadata: { annotations: { patchedstatus: 'true' } }, status: now.status ?? {} });
  assert.equal(patched.metadata.name, 'first');
  const { uid } = patched.metadata;
  const updated = await changed(`${path}/first/status`, (object) => object);
  assert.equal(updated.metadata.uid, uid);
}

/** Updates from the newest state until no controller writes in between. */
export function changed(path: string, change: (object: Body) => Body): Promise<Body> {
  return eventually(async () => {
    const { code, body } = await call('PUT', path, { body: change(await get(path)) });
    assert.ok(code === 200 || code === 409, JSON.stringify(body));
    return code === 200 && body;
  }, { timeoutMs: 60_000, what: `an update of ${path}` });
}

export interface ResourceChanges {
  group: string;
  version: string;
  plural: string;
  namespace?: string;
  /** A finalizer holds it until a controller has seen that nobody uses it. */
  isProtected?: boolean;
  /** A new object of a name. */
  make(name: string): Body;
  /** What is changed of each, two levels deep: `{ spec: { field: value } }`. */
  change: Body;
  /** The same of its status, where it has one. */
  status?: Body;
}

/** The walk of upstream's CRUD tests: the same change by update and by every kind of patch, of status too, seen by a watch, then one delete and one of all. */
export async function changesInEveryWay(changes: ResourceChanges): Promise<void> {
  const { group, version, plural, namespace, make, change, status } = changes;
  await discovered({ group, version, plural, subresources: status === undefined ? [] : ['status'], make });
  const path = `/apis/${group}/${version}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}`;
  const selected = `${path}?labelSelector=crud%3D${plural}`;
  const events = await watch(selected);
  const names: string[] = [];
  for (const way of WAYS) {
    const object = make(way);
    const made = await create(path, { ...object, metadata: { ...object.metadata, labels: { crud: plural } } });
    const { name } = made.metadata;
    names.push(name);
    assert.equal((await events.nextOf('ADDED')).object.metadata.name, name);
    await by[way](`${path}/${name}`, made, change);
    const changed = await get(`${path}/${name}`);
    assertHas(changed, change, `${way} of ${plural}`);
    assertHas((await events.nextOf('MODIFIED')).object, change, `the event of ${way}`);
    if (status !== undefined) {
      await by[way](`${path}/${name}/status`, await get(`${path}/${name}/status`), { status });
      assertHas(await get(`${path}/${name}`), { ...change, status }, `${way} of the status of ${plural}`);
    }
    assert.equal((await get(`${path}/${name}`)).metadata.uid, made.metadata.uid);
  }
  assert.deepEqual((await get(selected)).items.map(({ metadata }: Body) => metadata.name).sort(), names.toSorted());
  await remove(`${path}/${names[0]}`);
  assert.equal((await events.nextOf('DELETED')).object.metadata.name, names[0]);
  await ok('DELETE', selected);
  for (const _each of names.slice(1)) await events.nextOf('DELETED');
  assert.deepEqual((await get(selected)).items, []);
  events.close();
}

const WAYS = ['update', 'strategic', 'apply', 'merge', 'json'] as const;

const by: Record<(typeof WAYS)[number], (path: string, object: Body, change: Body) => Promise<unknown>> = {
  update: (path, object, change) => put(path, merged(object, change)),
  strategic: (path, _object, change) => patch(path, change, 'strategic-merge-patch'),
  apply: (path, { apiVersion, kind, metadata: { name, namespace } }, change) =>
    ok('PATCH', `${path}?fieldManager=conformance&force=true`, { body: merged({ apiVersion, kind, metadata: { name, namespace } }, change), contentType: 'application/apply-patch+yaml' }),
  merge: (path, _object, change) => patch(path, change),
  json: (path, object, change) => patch(path, Object.entries<Body>(change).flatMap(([first, fields]) => Object.entries<Body>(fields).map(([second, value]) => ({ op: 'add', path: `/${first}/${second}`, value: merged(object[first]?.[second], value) }))), 'json-patch'),
};

/** As a merge patch does it. */
function merged(object: Body, change: Body): Body {
  if (change === null || typeof change !== 'object' || Array.isArray(change)) return change;
  return { ...object, ...Object.fromEntries(Object.entries(change).map(([key, value]) => [key, merged(object?.[key], value)])) };
}

/** Every field of `wanted` is there, as it stands there. */
function assertHas(object: Body, wanted: Body, what: string): void {
  if (wanted === null || typeof wanted !== 'object') return assert.deepEqual(object, wanted, what);
  if (Array.isArray(wanted)) assert.equal(object?.length, wanted.length, what);
  for (const [key, value] of Object.entries(wanted)) assertHas(object?.[key], value, `${what}: ${key}`);
}
