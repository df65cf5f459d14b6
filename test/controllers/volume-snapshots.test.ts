/** Snapshots that take over a copy which is there already: broken off at any write, what is left goes with the snapshot. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isApiError } from '../../src/api/errors.ts';
import { VolumeSnapshot, VolumeSnapshotContent } from '../../src/api/storage/volume-snapshot.ts';
import { realClock } from '../../src/base/clock.ts';
import core from '../../src/modules/core/module.ts';
import { snapshotController } from '../../src/modules/local-path/snapshots.ts';
import { defineModule, type Client, type ReconcileContext } from '../../src/sdk/index.ts';
import { startWorld, type World } from './world.ts';

let world: World;
let folder: string;
before(async () => {
  world = await startWorld([core, defineModule({ name: 'snapshots', description: 'The kinds', kinds: [VolumeSnapshot, VolumeSnapshotContent] })]);
  folder = mkdtempSync(join(tmpdir(), 'llmos-snapshots-'));
});
after(async () => {
  await world.stop();
  rmSync(folder, { recursive: true });
});

const controller = snapshotController(() => folder);
const reconcile = async (name: string, client: Client): Promise<void> => {
  const snapshot = await world.client.get(VolumeSnapshot, name, { namespace: 'default' });
  await controller.reconcile(`default/${name}`, snapshot, { client, clock: realClock, events: { event() {} } } as unknown as ReconcileContext);
};
/** Is killed when it has written so often. */
function dying(writes: number): Client {
  let left = writes;
  return { ...world.client, update: (kind, object, options) => {
    if (left === 0) throw new Error('killed');
    left -= 1;
    return world.client.update(kind, object, options);
  } };
}
const gone = async (work: Promise<unknown>): Promise<boolean> => work.then(() => false, (error: unknown) => isApiError(error, 'NotFound'));

for (const writes of [0, 1, 2, 3, 4]) {
  test(`killed after ${writes} writes, and deleted: no content is kept by it`, async () => {
    const [name, content, handle] = [`taken-${writes}`, `by-hand-${writes}`, `snapshot-abc${writes}`];
    mkdirSync(join(folder, handle));
    await world.client.create(VolumeSnapshotContent, { metadata: { name: content }, spec: { deletionPolicy: 'Delete', driver: 'llmos.dev/local-path', source: { snapshotHandle: handle }, volumeSnapshotRef: { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshot', namespace: 'default', name } } });
    await world.client.create(VolumeSnapshot, { metadata: { name, namespace: 'default' }, spec: { source: { volumeSnapshotContentName: content } } });
    await reconcile(name, dying(writes)).catch(() => {});
    await world.client.delete(VolumeSnapshot, name, { namespace: 'default' });
    const isBound = (await world.client.get(VolumeSnapshotContent, content)).spec.volumeSnapshotRef.uid !== undefined;
    if (!(await gone(world.client.get(VolumeSnapshot, name, { namespace: 'default' })))) await reconcile(name, world.client);
    assert.ok(await gone(world.client.get(VolumeSnapshot, name, { namespace: 'default' })));
    if (!isBound) await world.client.delete(VolumeSnapshotContent, content); // nobody's, and so the administrator's
    assert.ok(await gone(world.client.get(VolumeSnapshotContent, content)), 'the content stays');
    assert.equal(existsSync(join(folder, handle)), !isBound);
    assert.equal(isBound, writes >= 2);
  });
}
