/**
 * What every body of Client must do, on any cluster. Call `clientConformance(name, open)` in a test file. The suite makes namespaces of
 * its own, `conformance-...`, and deletes them; it needs no controllers: nothing here waits for a Deployment to do anything.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isApiError, type StatusReason } from '../../src/api/errors.ts';
import { defineKind } from '../../src/api/kind.ts';
import { ConfigMap, Deployment, Namespace } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { Client, WatchEvent } from '../../src/sdk/client.ts';

export interface OpenedClient {
  client: Client;
  dispose(): Promise<void>;
}

type Map = Parameters<typeof mapIn>[0];
interface Scale extends KubeObject {
  spec?: { replicas?: number };
  status?: { replicas: number; selector?: string };
}

function mapIn(options: { namespace: string; name?: string; data?: Record<string, string>; labels?: Record<string, string>; metadata?: object }) {
  const { namespace, name, data = {}, labels, metadata } = options;
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, labels, ...metadata }, data };
}

function deploymentIn(namespace: string, name: string) {
  const labels = { app: name };
  const containers = [{ name: 'one', image: 'i:1' }, { name: 'two', image: 'i:2' }];
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace, name }, spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } } };
}

export function clientConformance(title: string, open: () => Promise<OpenedClient>): void {
  describe(`client conformance: ${title}`, () => {
    let client: Client;
    let dispose: () => Promise<void>;
    let namespace = '';

    before(async () => {
      ({ client, dispose } = await open());
      const made = await client.create(Namespace, { metadata: { generateName: 'conformance-' } });
      namespace = made.metadata.name as string;
    });
    after(async () => {
      await client?.delete(Namespace, namespace).catch(() => {});
      await dispose?.();
    });

    const create = (options: Omit<Map, 'namespace'>) => client.create(ConfigMap, mapIn({ namespace, ...options }));
    const names = (list: { items: readonly KubeObject[] }): string[] => list.items.map((each) => each.metadata.name ?? '');

    describe('create and get', () => {
      it('fills in what the server decides, and freezes', async () => {
        const made = await create({ name: 'made', data: { a: '1' } });
        assert.match(made.metadata.uid ?? '', /^[0-9a-f-]{36}$/);
        assert.match(made.metadata.creationTimestamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        assert.match(made.metadata.resourceVersion ?? '', /^[1-9]\d*$/);
        assert.deepEqual([made.apiVersion, made.kind], ['v1', 'ConfigMap']);
        assert.throws(() => { (made.data as Record<string, string>)['a'] = '2'; }, TypeError);
        assert.deepEqual(await client.get(ConfigMap, 'made', { namespace }), made);
      });
      it('does not change the object that it is given', async () => {
        const given = mapIn({ namespace, name: 'given' });
        const copy = structuredClone(given);
        await client.create(ConfigMap, given);
        assert.deepEqual(given, copy);
        given.data['still'] = 'mine';
        assert.equal((await client.get(ConfigMap, 'given', { namespace })).data?.['still'], undefined);
      });
      it('generates names', async () => {
        const [one, two] = await Promise.all([create({ metadata: { generateName: 'gen-' } }), create({ metadata: { generateName: 'gen-' } })]);
        assert.match(one?.metadata.name ?? '', /^gen-[a-z0-9]{5}$/);
        assert.notEqual(one?.metadata.name, two?.metadata.name);
      });
      it('says what is wrong', async () => {
        await create({ name: 'twice' });
        await rejects(create({ name: 'twice' }), 'AlreadyExists', /configmaps "twice" already exists/);
        await rejects(client.get(ConfigMap, 'none', { namespace }), 'NotFound', /configmaps "none" not found/);
        await rejects(create({ name: 'Not_A_Name' }), 'Invalid', /metadata\.name/);
        await rejects(client.create(ConfigMap, mapIn({ namespace: 'conformance-none', name: 'x' })), 'NotFound', /conformance-none/);
        await rejects(client.create(Deployment, { ...deploymentIn(namespace, 'bad'), spec: { ...deploymentIn(namespace, 'bad').spec, replicas: -1 } } as never), 'Invalid', /spec\.replicas/);
        await rejects(client.get(Unserved, 'x', { namespace }), 'NotFound', /could not find the requested resource|does not serve/);
        await rejects(client.get(ConfigMap, 'none'), 'BadRequest', /namespace/);
        const failure = await client.get(ConfigMap, 'none', { namespace }).catch((error: unknown) => error);
        assert.ok(isApiError(failure) && failure.code === 404 && failure.details?.name === 'none' && failure.details.kind === 'configmaps');
      });
      it('tries without writing on a dry run', async () => {
        const tried = await client.create(ConfigMap, mapIn({ namespace, name: 'dry' }), { dryRun: true });
        assert.ok(tried.metadata.uid);
        await rejects(client.get(ConfigMap, 'dry', { namespace }), 'NotFound');
      });
      it('does not begin when its signal has aborted', async () => {
        await rejects(client.create(ConfigMap, mapIn({ namespace, name: 'aborted' }), { signal: AbortSignal.abort() }), 'Timeout');
        await rejects(client.get(ConfigMap, 'aborted', { namespace }), 'NotFound');
      });
    });

    describe('update', () => {
      it('is optimistic with a version, and unconditional without', async () => {
        const first = await create({ name: 'updated', data: { a: '1' } });
        const second = await client.update(ConfigMap, { ...first, data: { a: '2' } });
        assert.ok(Number(second.metadata.resourceVersion) > Number(first.metadata.resourceVersion));
        await rejects(client.update(ConfigMap, { ...first, data: { a: '3' } }), 'Conflict', /modified; please apply your changes to the latest version/);
        const third = await client.update(ConfigMap, mapIn({ namespace, name: 'updated', data: { a: '4' } }));
        assert.deepEqual([third.data, third.metadata.uid, third.metadata.creationTimestamp], [{ a: '4' }, first.metadata.uid, first.metadata.creationTimestamp]);
        await rejects(client.update(ConfigMap, mapIn({ namespace, name: 'no-such' })), 'NotFound');
      });
      it('lets one of many win', async () => {
        const first = await create({ name: 'raced' });
        const tries = await Promise.allSettled([1, 2, 3, 4].map((n) => client.update(ConfigMap, { ...first, data: { n: String(n) } })));
        assert.equal(tries.filter((each) => each.status === 'fulfilled').length, 1);
      });
      it('writes nothing when nothing changes', async () => {
        const first = await create({ name: 'same', data: { a: '1' } });
        assert.equal((await client.update(ConfigMap, structuredClone(first))).metadata.resourceVersion, first.metadata.resourceVersion);
      });
      it('keeps spec and status apart', async () => {
        const made = await client.create(Deployment, deploymentIn(namespace, 'apart') as never);
        assert.equal(made.metadata.generation, 1);
        const told = await client.update(Deployment, { ...made, spec: { ...made.spec, replicas: 9 }, status: { replicas: 2, observedGeneration: 1 } } as never, { subresource: 'status' });
        assert.deepEqual([told.spec?.replicas, told.status?.replicas, told.metadata.generation], [2, 2, 1]);
        const changed = await client.update(Deployment, { ...told, spec: { ...told.spec, replicas: 3 }, status: {} } as never);
        assert.deepEqual([changed.spec?.replicas, changed.status?.replicas, changed.metadata.generation], [3, 2, 2]);
      });
      it('scales', async () => {
        await client.create(Deployment, deploymentIn(namespace, 'scaled') as never);
        const scale = (await client.get(Deployment, 'scaled', { namespace, subresource: 'scale' })) as unknown as Scale;
        assert.deepEqual([scale.kind, scale.spec?.replicas], ['Scale', 2]);
        const set = (await client.update(Deployment, { ...scale, spec: { replicas: 5 } } as never, { subresource: 'scale' })) as unknown as Scale;
        assert.deepEqual([set.kind, set.spec?.replicas], ['Scale', 5]);
        assert.equal((await client.get(Deployment, 'scaled', { namespace })).spec?.replicas, 5);
      });
    });

    describe('list', () => {
      before(async () => {
        for (const [name, app] of [['l1', 'a'], ['l2', 'b'], ['l3', 'a'], ['l4', 'c'], ['l5', 'a']] as const) await create({ name, labels: { app, set: 'list' } });
      });
      it('selects by labels and fields', async () => {
        const select = async (labelSelector: string, fieldSelector?: string): Promise<string[]> => names(await client.list(ConfigMap, { namespace, labelSelector, fieldSelector }));
        assert.deepEqual(await select('set=list'), ['l1', 'l2', 'l3', 'l4', 'l5']);
        assert.deepEqual(await select('set=list,app=a'), ['l1', 'l3', 'l5']);
        assert.deepEqual(await select('set=list,app notin (a,c)'), ['l2']);
        assert.deepEqual(await select('set=list', 'metadata.name=l3'), ['l3']);
        assert.deepEqual(await select('set,!app'), []);
        await rejects(client.list(ConfigMap, { namespace, labelSelector: 'a b' }), 'BadRequest');
      });
      it('says what its items are, over all namespaces too', async () => {
        const list = await client.list(ConfigMap, { labelSelector: 'set=list' });
        assert.equal(list.kind, 'ConfigMapList');
        assert.ok(list.items.every((each) => each.kind === 'ConfigMap' && each.apiVersion === 'v1' && Object.isFrozen(each.metadata)));
        assert.match(list.metadata.resourceVersion ?? '', /^[1-9]\d*$/);
        assert.equal(list.items.length, 5);
      });
      it('comes in chunks that show one moment', async () => {
        const how = { namespace, labelSelector: 'set=list', limit: 2 };
        const first = await client.list(ConfigMap, how);
        assert.deepEqual(names(first), ['l1', 'l2']);
        await client.delete(ConfigMap, 'l4', { namespace });
        const second = await client.list(ConfigMap, { ...how, continue: first.metadata.continue });
        const third = await client.list(ConfigMap, { ...how, continue: second.metadata.continue });
        assert.deepEqual([...names(second), ...names(third)], ['l3', 'l4', 'l5']);
        assert.equal(third.metadata.continue ?? '', '');
        assert.equal(first.metadata.resourceVersion, third.metadata.resourceVersion);
        await rejects(client.list(ConfigMap, { ...how, continue: 'nonsense' }), 'BadRequest');
      });
    });

    describe('patch and apply', () => {
      it('patches by JSON patch, merge patch and strategic merge patch', async () => {
        await create({ name: 'patched', data: { a: '1', b: '2' } });
        const patch = (type: 'json' | 'merge' | 'strategic', body: never) => client.patch(ConfigMap, 'patched', { type, body }, { namespace });
        assert.deepEqual((await patch('json', [{ op: 'replace', path: '/data/a', value: '9' }, { op: 'remove', path: '/data/b' }] as never)).data, { a: '9' });
        assert.deepEqual((await patch('merge', { data: { a: null, c: '3' } } as never)).data, { c: '3' });
        await rejects(patch('json', [{ op: 'test', path: '/data/c', value: 'other' }] as never), 'Invalid');
        await client.create(Deployment, deploymentIn(namespace, 'strategic') as never);
        const body = { spec: { template: { spec: { containers: [{ name: 'two', image: 'i:3' }] } } } };
        const merged = await client.patch(Deployment, 'strategic', { type: 'strategic', body }, { namespace });
        assert.deepEqual(merged.spec?.template.spec?.containers.map((each) => [each.name, each.image]).sort(), [['one', 'i:1'], ['two', 'i:3']]);
        const replaced = await client.patch(Deployment, 'strategic', { type: 'merge', body }, { namespace });
        assert.deepEqual(replaced.spec?.template.spec?.containers.map((each) => each.name), ['two']);
        await rejects(client.patch(ConfigMap, 'no-such', { type: 'merge', body: {} }, { namespace }), 'NotFound');
      });
      it('applies: creates, owns, gives up, and conflicts', async () => {
        const wish = (data: Record<string, string>) => mapIn({ namespace, name: 'applied', data });
        const first = await client.apply(ConfigMap, wish({ a: '1', b: '1' }), { fieldManager: 'one' });
        assert.equal(first.metadata.managedFields?.[0]?.manager, 'one');
        const again = await client.apply(ConfigMap, wish({ a: '1', b: '1' }), { fieldManager: 'one' });
        assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
        assert.deepEqual((await client.apply(ConfigMap, wish({ c: '3' }), { fieldManager: 'two' })).data, { a: '1', b: '1', c: '3' });
        await rejects(client.apply(ConfigMap, wish({ a: '2' }), { fieldManager: 'two' }), 'Conflict', /conflict/);
        assert.deepEqual((await client.apply(ConfigMap, wish({ a: '2' }), { fieldManager: 'two', force: true })).data, { a: '2', b: '1' });
        assert.deepEqual((await client.apply(ConfigMap, wish({}), { fieldManager: 'one' })).data, { a: '2' });
      });
    });

    describe('delete', () => {
      it('deletes, with preconditions', async () => {
        const made = await create({ name: 'deleted' });
        await rejects(client.delete(ConfigMap, 'deleted', { namespace, preconditions: { uid: 'other' } }), 'Conflict');
        await client.delete(ConfigMap, 'deleted', { namespace, dryRun: true });
        await client.delete(ConfigMap, 'deleted', { namespace, preconditions: { uid: made.metadata.uid, resourceVersion: made.metadata.resourceVersion } });
        await rejects(client.get(ConfigMap, 'deleted', { namespace }), 'NotFound');
        await rejects(client.delete(ConfigMap, 'deleted', { namespace }), 'NotFound');
      });
      it('waits for finalizers', async () => {
        await create({ name: 'held', metadata: { finalizers: ['example.com/hold'] } });
        await client.delete(ConfigMap, 'held', { namespace });
        const held = await client.get(ConfigMap, 'held', { namespace });
        assert.ok(held.metadata.deletionTimestamp);
        await client.update(ConfigMap, { ...held, metadata: { ...held.metadata, finalizers: [] } });
        await rejects(client.get(ConfigMap, 'held', { namespace }), 'NotFound');
      });
      it('deletes collections by label', async () => {
        for (const name of ['c1', 'c2', 'c3']) await create({ name, labels: { set: name === 'c2' ? 'keep' : 'drop' } });
        await client.deleteCollection(ConfigMap, { namespace, labelSelector: 'set=drop' });
        assert.deepEqual(names(await client.list(ConfigMap, { namespace, labelSelector: 'set in (drop,keep)' })), ['c2']);
      });
    });

    describe('watch', () => {
      const told = (event: WatchEvent): string => `${event.type} ${event.object.metadata.name ?? ''}`;
      /** Reads in the background until `count` events other than bookmarks are there. */
      function watching(options: Parameters<Client['watch']>[1], count: number): Promise<WatchEvent[]> {
        const ending = new AbortController();
        const limit = setTimeout(() => ending.abort(), 10_000);
        const read = async (): Promise<WatchEvent[]> => {
          const events: WatchEvent[] = [];
          for await (const event of client.watch(ConfigMap, { namespace, signal: ending.signal, ...options })) {
            if (event.type !== 'BOOKMARK') events.push(event);
            if (events.length >= count) break;
          }
          return events;
        };
        return read().finally(() => clearTimeout(limit));
      }
      const revision = async (): Promise<string> => (await client.list(ConfigMap, { namespace, limit: 1 })).metadata.resourceVersion as string;

      it('gives every change after a revision, in order, frozen', async () => {
        const from = await revision();
        const events = watching({ resourceVersion: from }, 3);
        const made = await create({ name: 'watched' });
        const changed = await client.update(ConfigMap, { ...made, data: { a: '2' } });
        await client.delete(ConfigMap, 'watched', { namespace });
        const seen = await events;
        assert.deepEqual(seen.map(told), ['ADDED watched', 'MODIFIED watched', 'DELETED watched']);
        assert.deepEqual(seen[0]?.object, made);
        assert.equal(seen[1]?.object.metadata.resourceVersion, changed.metadata.resourceVersion);
        assert.ok(Number(seen[2]?.object.metadata.resourceVersion) > Number(changed.metadata.resourceVersion));
        assert.ok(Object.isFrozen(seen[2]?.object.metadata));
        assert.deepEqual((await watching({ resourceVersion: from }, 3)).map(told), seen.map(told));
        assert.deepEqual((await watching({ resourceVersion: made.metadata.resourceVersion }, 2)).map(told), ['MODIFIED watched', 'DELETED watched']);
      });
      it('turns a change into or out of the selection into ADDED and DELETED', async () => {
        const events = watching({ resourceVersion: await revision(), labelSelector: 'in=yes' }, 3);
        const out = await create({ name: 'moving' });
        const into = await client.update(ConfigMap, { ...out, metadata: { ...out.metadata, labels: { in: 'yes' } } });
        const more = await client.update(ConfigMap, { ...into, data: { a: '1' } });
        const gone = await client.update(ConfigMap, { ...more, metadata: { ...more.metadata, labels: {} } });
        const seen = await events;
        assert.deepEqual(seen.map(told), ['ADDED moving', 'MODIFIED moving', 'DELETED moving']);
        assert.equal(seen[2]?.object.metadata.resourceVersion, gone.metadata.resourceVersion);
        assert.deepEqual(seen[2]?.object.metadata.labels, { in: 'yes' });
      });
      it('begins with what is there when no revision is named', async () => {
        await create({ name: 'there-1', labels: { there: 'yes' } });
        await create({ name: 'there-2', labels: { there: 'yes' } });
        assert.deepEqual((await watching({ labelSelector: 'there=yes' }, 2)).map(told).sort(), ['ADDED there-1', 'ADDED there-2']);
      });
      it('marks the end of the initial events when asked', async () => {
        await create({ name: 'initial', labels: { initial: 'yes' } });
        const seen: string[] = [];
        for await (const event of client.watch(ConfigMap, { namespace, labelSelector: 'initial=yes', sendInitialEvents: true, signal: AbortSignal.timeout(10_000) })) {
          seen.push(event.type);
          if (event.object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true') break;
        }
        assert.deepEqual(seen, ['ADDED', 'BOOKMARK']);
      });
      it('follows one object by name', async () => {
        const events = watching({ resourceVersion: await revision(), fieldSelector: 'metadata.name=only' }, 1);
        await create({ name: 'only-not' });
        await create({ name: 'only' });
        assert.deepEqual((await events).map(told), ['ADDED only']);
      });
      it('ends with its signal, without an error', async () => {
        const ending = new AbortController();
        setTimeout(() => ending.abort(), 50);
        for await (const event of client.watch(ConfigMap, { namespace, resourceVersion: await revision(), signal: ending.signal })) assert.equal(event.type, 'BOOKMARK');
      });
      it('keeps up with a thousand changes', async () => {
        const from = await revision();
        const events = watching({ resourceVersion: from, labelSelector: 'many=yes' }, 1_000);
        for (let batch = 0; batch < 20; batch++) await Promise.all(Array.from({ length: 50 }, (_, index) => create({ name: `many-${batch * 50 + index}`, labels: { many: 'yes' } })));
        const seen = await events;
        assert.equal(new Set(seen.map((each) => each.object.metadata.name)).size, 1_000);
        const revisions = seen.map((each) => Number(each.object.metadata.resourceVersion));
        assert.ok(revisions.every((each, index) => index === 0 || each > (revisions[index - 1] as number)));
      });
      it('says Expired for what is forgotten, or refuses what is not made yet', async () => {
        await rejects(watching({ resourceVersion: '999999999999' }, 1), 'Timeout', /Too large resource version/);
        await rejects(watching({ resourceVersion: 'abc' }, 1), 'BadRequest');
      });
    });
  });
}

const Unserved = defineKind({ group: 'none.example.com', version: 'v1', kind: 'Unserved', plural: 'unserveds', namespaced: true, schema: () => ({ type: 'object' }) });

async function rejects(promise: Promise<unknown>, reason: StatusReason, message = /./): Promise<void> {
  await assert.rejects(promise, (error) => (isApiError(error, reason) && message.test(error.message)) || assert.fail(`expected ${reason} ${message}, got ${String(error)} ${isApiError(error) ? error.reason : ''}`));
}
