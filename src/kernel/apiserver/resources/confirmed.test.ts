/** Nobody is told what is not on the disk: a refusal waits for the write that it stands on. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, it } from 'node:test';
import { ConfigMap, Namespace } from '../../../api/kinds.ts';
import { isApiError } from '../../../api/errors.ts';
import { openDoor, type OpenDoor } from '../testing/open-door.ts';

let door: OpenDoor;
const KEY = '/core/configmaps/default/one';
const at = { namespace: 'default' };
const configMap = (data: Record<string, string> = {}): ConfigMap => ({ metadata: { name: 'one', namespace: 'default' }, data });

beforeEach(async () => {
  door = await openDoor({ kinds: [Namespace, ConfigMap] });
});
afterEach(() => door.close());

const stale = (): ConfigMap => ({ ...configMap({ a: '1' }), metadata: { ...configMap().metadata, resourceVersion: '1' } });

/** Writes straight into the store, so that they are under way for sure when the request comes. */
const cases: [string, boolean, (door: OpenDoor) => Promise<unknown>, string][] = [
  ['that it exists', true, ({ client }) => client.create(ConfigMap, configMap()), 'AlreadyExists'],
  ['that it is another version', true, ({ client }) => client.update(ConfigMap, stale()), 'Conflict'],
  ['that it is gone', false, ({ client }) => client.delete(ConfigMap, 'one', at), 'NotFound'],
];
for (const [what, there, refused, reason] of cases) {
  it(`says ${what} when that can be read`, async () => {
    const { store } = door;
    const making = store.create(KEY, { apiVersion: 'v1', kind: 'ConfigMap', ...configMap() });
    if (!there) await making;
    const writing = there ? making : store.delete(KEY);
    const readable = refused(door).then(() => assert.fail('it was not refused'), (error: unknown) => {
      assert.ok(isApiError(error, reason as 'Conflict'), String(error));
      return store.get(KEY) !== undefined;
    });
    assert.equal(await readable, there);
    await writing;
  });
}

it('says that nothing changed when what it found is on the disk', async () => {
  const { store, client } = door;
  const making = store.create(KEY, { apiVersion: 'v1', kind: 'ConfigMap', ...configMap({ a: '1' }) });
  const patched = await client.patch(ConfigMap, 'one', { type: 'merge', body: { data: { a: '1' } } }, at);
  assert.equal(store.get(KEY)?.object.metadata.resourceVersion, patched.metadata.resourceVersion);
  await making;
});
