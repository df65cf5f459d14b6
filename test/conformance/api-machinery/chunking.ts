/** [sig-api-machinery] Servers with support for API chunking */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, call, create, get, KEEP_SECONDS, namespace, patch, type Body } from '../cluster.ts';

const COUNT = 120;
const LIMIT = 50;

async function templates(): Promise<string> {
  const path = `/api/v1/namespaces/${await namespace()}/podtemplates`;
  const make = (n: number): Promise<Body> => create(path, { metadata: { name: `template-${String(n).padStart(4, '0')}` }, template: { spec: { containers: [{ name: 'test', image: 'test2' }] } } });
  await Promise.all(Array.from({ length: COUNT }, (_each, n) => make(n)));
  return path;
}

/** The names of all chunks from a token on; each chunk says the version and how many remain. */
async function walk(path: string, from: Body): Promise<string[]> {
  const names = from.items.map((each: Body) => each.metadata.name) as string[];
  let list = from;
  while (list.metadata.continue !== undefined && list.metadata.continue !== '') {
    assert.equal(list.metadata.remainingItemCount, COUNT - names.length);
    list = await get(`${path}?limit=${LIMIT}&continue=${encodeURIComponent(list.metadata.continue)}`);
    assert.ok(list.items.length <= LIMIT);
    assert.equal(list.metadata.resourceVersion, from.metadata.resourceVersion);
    names.push(...list.items.map((each: Body) => each.metadata.name));
  }
  assert.equal(list.metadata.remainingItemCount, undefined);
  return names;
}

export function chunking(): void {
  behaviour('Servers with support for API chunking should return chunks of results for list calls', async () => {
    const path = await templates();
    const names = await walk(path, await get(`${path}?limit=${LIMIT}`));
    assert.equal(new Set(names).size, COUNT);
    assert.deepEqual(names, names.toSorted());
    assert.equal((await get(path)).items.length, COUNT);
  });

  behaviour('Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent', async () => {
    const path = await templates();
    const first = await get(`${path}?limit=${LIMIT}`);
    const answer = await eventually(async () => {
      await patch(`${path}/template-0119`, { metadata: { annotations: { moved: String(Date.now()) } } });
      const late = await call('GET', `${path}?limit=${LIMIT}&continue=${encodeURIComponent(first.metadata.continue)}`);
      return late.code !== 200 && late;
    }, { timeoutMs: 4 * KEEP_SECONDS * 1_000, everyMs: 500, what: 'the end of the history' });
    assert.equal(answer.code, 410, JSON.stringify(answer.body));
    assert.equal(answer.body.reason, 'Expired');
    const again = answer.body.metadata.continue as string;
    assert.ok(again !== undefined && again !== '', 'the failure gives a token to go on with');
    const second = await get(`${path}?limit=${LIMIT}&continue=${encodeURIComponent(again)}`);
    assert.equal(second.items.length, LIMIT);
    assert.equal(second.metadata.remainingItemCount, COUNT - 2 * LIMIT);
    const third = await get(`${path}?limit=${LIMIT}&continue=${encodeURIComponent(second.metadata.continue)}`);
    assert.equal(third.metadata.resourceVersion, second.metadata.resourceVersion);
    const names = [first, second, third].flatMap((list) => list.items.map((each: Body) => each.metadata.name)) as string[];
    assert.equal(new Set(names).size, COUNT);
  });
}
