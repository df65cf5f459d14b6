/** [sig-api-machinery] Watchers */
import assert from 'node:assert/strict';
import { behaviour, create, get, namespace, patch, put, remove, watch, type Watch } from '../cluster.ts';

const config = (name: string, label: string, data?: object): object => ({ metadata: { name, labels: { 'watch-this': label } }, data });

async function maps(): Promise<string> {
  return `/api/v1/namespaces/${await namespace()}/configmaps`;
}

async function sees(watcher: Watch, type: string, name: string, mutation?: string): Promise<string> {
  const event = await watcher.next();
  assert.deepEqual([event.type, event.object.metadata.name, event.object.data?.mutation], [type, name, mutation]);
  return event.object.metadata.resourceVersion;
}

export function watchers(): void {
  behaviour('Watchers should observe add, update, and delete watch notifications on configmaps', async () => {
    const path = await maps();
    const a = await watch(`${path}?labelSelector=watch-this%3Da`);
    const b = await watch(`${path}?labelSelector=watch-this%3Db`);
    const both = await watch(`${path}?labelSelector=watch-this%20in%20(a,b)`);
    await create(path, config('first', 'a'));
    for (const each of [a, both]) await sees(each, 'ADDED', 'first');
    await patch(`${path}/first`, { data: { mutation: '1' } });
    for (const each of [a, both]) await sees(each, 'MODIFIED', 'first', '1');
    await put(`${path}/first`, config('first', 'a', { mutation: '2' }));
    for (const each of [a, both]) await sees(each, 'MODIFIED', 'first', '2');
    await remove(`${path}/first`);
    for (const each of [a, both]) await sees(each, 'DELETED', 'first', '2');
    await create(path, config('second', 'b'));
    for (const each of [b, both]) await sees(each, 'ADDED', 'second');
    await remove(`${path}/second`);
    for (const each of [b, both]) await sees(each, 'DELETED', 'second');
    for (const each of [a, b, both]) {
      assert.deepEqual(await each.rest(), []);
      each.close();
    }
  });

  behaviour('Watchers should be able to start watching from a specific resource version', async () => {
    const path = await maps();
    await create(path, config('one', 'x'));
    const { metadata } = await patch(`${path}/one`, { data: { mutation: '1' } });
    await patch(`${path}/one`, { data: { mutation: '2' } });
    await remove(`${path}/one`);
    const late = await watch(`${path}?resourceVersion=${metadata.resourceVersion}`);
    await sees(late, 'MODIFIED', 'one', '2');
    await sees(late, 'DELETED', 'one', '2');
    late.close();
  });

  behaviour('Watchers should be able to restart watching from the last resource version observed by the previous watch', async () => {
    const path = await maps();
    const before = await watch(`${path}?labelSelector=watch-this`);
    await create(path, config('one', 'x'));
    await sees(before, 'ADDED', 'one');
    await patch(`${path}/one`, { data: { mutation: '1' } });
    const last = await sees(before, 'MODIFIED', 'one', '1');
    before.close();
    await patch(`${path}/one`, { data: { mutation: '2' } });
    await remove(`${path}/one`);
    const again = await watch(`${path}?resourceVersion=${last}`);
    await sees(again, 'MODIFIED', 'one', '2');
    await sees(again, 'DELETED', 'one', '2');
    again.close();
  });

  behaviour('Watchers should observe an object deletion if it stops meeting the requirements of the selector', async () => {
    const path = await maps();
    const watcher = await watch(`${path}?labelSelector=watch-this%3Da`);
    await create(path, config('one', 'a'));
    await sees(watcher, 'ADDED', 'one');
    await patch(`${path}/one`, { data: { mutation: '1' } });
    await sees(watcher, 'MODIFIED', 'one', '1');
    await patch(`${path}/one`, { metadata: { labels: { 'watch-this': 'other' } } });
    await sees(watcher, 'DELETED', 'one', '1');
    await patch(`${path}/one`, { data: { mutation: '2' } });
    assert.deepEqual(await watcher.rest(), []);
    await patch(`${path}/one`, { metadata: { labels: { 'watch-this': 'a' } } });
    await sees(watcher, 'ADDED', 'one', '2');
    await remove(`${path}/one`);
    await sees(watcher, 'DELETED', 'one', '2');
    watcher.close();
  });

  behaviour('Watchers should receive events on concurrent watches in same order', async () => {
    const path = await maps();
    const { metadata } = await get(path);
    const first = await watch(`${path}?resourceVersion=${metadata.resourceVersion}`);
    let writing = true;
    const versions: string[] = [];
    // Never far ahead of who reads: the history from which the next watch goes on is short here, and a busy machine takes long to start one.
    const isAhead = (n: number): boolean => writing && 2 * n > versions.length + 10;
    const writer = (async () => {
      for (let n = 0; writing; n += 1) {
        while (isAhead(n)) await new Promise((settle) => setTimeout(settle, 5));
        await create(path, config(`n-${n}`, 'x'));
        await patch(`${path}/n-${n}`, { data: { mutation: String(n) } });
        if (n % 3 === 0) await remove(`${path}/n-${n}`);
      }
    })();
    const others: Watch[] = [];
    for (let n = 0; n < 40; n += 1) {
      const version = (await first.next()).object.metadata.resourceVersion as string;
      for (const each of others) assert.equal((await each.next()).object.metadata.resourceVersion, version);
      versions.push(version);
      if (others.length < 20) others.push(await watch(`${path}?resourceVersion=${version}`));
    }
    writing = false;
    await writer;
    assert.deepEqual(versions, versions.toSorted((left, right) => Number(left) - Number(right)));
    for (const each of [first, ...others]) each.close();
  });
}
