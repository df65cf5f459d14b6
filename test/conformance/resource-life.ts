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
  await eventually(async () => {
    const { metadata, ...rest } = await get(`${path}/first`);
    const { code } = await call('PUT', `${path}/first`, { body: { ...rest, metadata: { ...metadata, annotations: { ...metadata.annotations, updated: 'true' } } } });
    return code === 200; // a controller may have written in between
  }, { timeoutMs: 5_000 });
  await annotated(events, 'updated');
  if (life.subresources.includes('status')) await statusOf(path);
  await remove(`${path}/first`);
  assert.equal((await events.nextOf('DELETED')).object.metadata.name, 'first');
  events.close();
  await refused(404, 'GET', `${path}/first`);
  assert.equal((await get(selected)).items.length, 2);
  await ok('DELETE', selected);
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
  const { uid, ...metadata } = patched.metadata;
  delete metadata.resourceVersion;
  assert.equal((await put(`${path}/first/status`, { ...patched, metadata })).metadata.uid, uid);
}
