/** What of a claim is kept in snapshots and copies, and block volumes, which come from them too. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { it } from 'node:test';
import { eventually } from '../fixtures/instance.ts';
import { conformance, create, get, gone, kubectl, namespace, patch, podOf, remove, running, until, type Body } from '../conformance/cluster.ts';
import { outputOf, pathOf, scriptPod, start } from '../conformance/node/pod.ts';
import { at, claimSpec, claimsOf, loops } from '../conformance/storage/volume-words.ts';

const MIB = 1024 * 1024;

conformance('volume copies', [() => {
  it('a snapshot keeps what was there, and a claim can begin with it, or with another claim', async () => {
    const space = await namespace();
    const snapshots = `/apis/snapshot.storage.k8s.io/v1/namespaces/${space}/volumesnapshots`;
    const user = (name: string, claimName: string, script: string): Body => scriptPod(name, script, { volumeMounts: [at('data', '/data')] }, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] });
    await create(snapshots, { metadata: { name: 'early' }, spec: { source: { persistentVolumeClaimName: 'none' } } });
    await until(`${snapshots}/early`, (each) => /"none" not found/.test(each.status?.error?.message ?? ''));
    await create(claimsOf(space), { metadata: { name: 'data' }, spec: claimSpec() });
    await outputOf(space, user('first', 'data', 'echo one > /data/file && chmod 640 /data/file && ln -s file /data/link'));
    await create(snapshots, { metadata: { name: 'before' }, spec: { source: { persistentVolumeClaimName: 'data' } } });
    const { status } = await until(`${snapshots}/before`, (each) => each.status?.readyToUse === true);
    assert.equal(status.restoreSize, '1Gi');
    await outputOf(space, user('second', 'data', 'echo two > /data/file'));
    await create(claimsOf(space), { metadata: { name: 'restored' }, spec: claimSpec({ dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'before' } }) });
    await create(claimsOf(space), { metadata: { name: 'narrow' }, spec: claimSpec({ dataSource: { kind: 'PersistentVolumeClaim', name: 'data' }, resources: { requests: { storage: '500Mi' } } }) });
    await create(`/api/v1/namespaces/${space}/pods`, user('narrow', 'narrow', 'true'));
    await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.reason === 'ProvisioningFailed' && /asks for less than the claim "data" needs: 1Gi/.test(each.message)), { what: 'a copy must not be smaller' });
    await create(claimsOf(space), { metadata: { name: 'cloned' }, spec: claimSpec({ dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'data' } }) });
    assert.equal(await outputOf(space, user('third', 'restored', 'cat /data/link; stat -c %a /data/file')), 'one\n640');
    assert.equal(await outputOf(space, user('fourth', 'cloned', 'cat /data/file')), 'two');
    assert.match(await kubectl('-n', space, 'get', 'volumesnapshot'), /before\s+true\s+data\s+1Gi\s+snapcontent-/);
    const content = `/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents/${status.boundVolumeSnapshotContentName}`;
    await remove(`${snapshots}/before`);
    for (const path of [`${snapshots}/before`, content]) await gone(path);
    await create(claimsOf(space), { metadata: { name: 'late' }, spec: claimSpec({ dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'before' } }) });
    await create(`/api/v1/namespaces/${space}/pods`, user('fifth', 'late', 'true'));
    await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.reason === 'ProvisioningFailed' && /"before" not found/.test(each.message)), { what: 'an event that says what is missing' });
  });

  it('a copy lasts as long as its policy says, whoever is deleted first', async () => {
    const space = await namespace();
    const [snapshots, contents, classes] = [`/apis/snapshot.storage.k8s.io/v1/namespaces/${space}/volumesnapshots`, '/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents', '/apis/snapshot.storage.k8s.io/v1/volumesnapshotclasses'];
    const driver = 'llmos.dev/local-path';
    const take = async (name: string, spec: object): Promise<Body> => {
      await create(snapshots, { metadata: { name }, spec });
      const { status } = await until(`${snapshots}/${name}`, (each) => each.status?.readyToUse === true);
      return get(`${contents}/${status.boundVolumeSnapshotContentName}`);
    };
    const copyOf = ({ status }: Body): string => `${running().state}/local-path/snapshots/${status.snapshotHandle}`;
    await create(claimsOf(space), { metadata: { name: 'data' }, spec: claimSpec() });
    await outputOf(space, scriptPod('first', 'echo one > /data/file', { volumeMounts: [at('data', '/data')] }, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] }));
    const content = await take('snap', { source: { persistentVolumeClaimName: 'data' } });
    await remove(`${contents}/${content.metadata.name}`);
    assert.notEqual((await get(`${contents}/${content.metadata.name}`)).metadata.deletionTimestamp, undefined, 'a snapshot has it');
    assert.ok(existsSync(copyOf(content)));
    await remove(`${snapshots}/snap`);
    await gone(`${contents}/${content.metadata.name}`);
    assert.equal(existsSync(copyOf(content)), false);
    // Kept, taken over by a content of another name, and deleted with its snapshot.
    await create(classes, { metadata: { name: `keep-${space}` }, driver, deletionPolicy: 'Retain' });
    const kept = await take('kept', { volumeSnapshotClassName: `keep-${space}`, source: { persistentVolumeClaimName: 'data' } });
    await remove(`${snapshots}/kept`);
    await gone(`${snapshots}/kept`);
    await remove(`${contents}/${kept.metadata.name}`);
    await gone(`${contents}/${kept.metadata.name}`);
    assert.ok(existsSync(copyOf(kept)));
    await create(contents, { metadata: { name: `again-${space}` }, spec: { deletionPolicy: 'Delete', driver, source: { snapshotHandle: kept.status.snapshotHandle }, volumeSnapshotRef: { namespace: space, name: 'again' } } });
    const again = await take('again', { source: { volumeSnapshotContentName: `again-${space}` } });
    assert.deepEqual([again.status.restoreSize, again.status.creationTime], [kept.status.restoreSize, kept.status.creationTime]);
    assert.equal((await get(`${snapshots}/again`)).status.restoreSize, String(2 ** 30));
    await create(claimsOf(space), { metadata: { name: 'small' }, spec: claimSpec({ resources: { requests: { storage: '20Mi' } }, dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'again' } }) });
    await create(`/api/v1/namespaces/${space}/pods`, scriptPod('small', 'true', { volumeMounts: [at('data', '/data')] }, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'small' } }] }));
    await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.reason === 'ProvisioningFailed' && /asks for less than the snapshot "again" needs/.test(each.message)), { what: 'a claim that is too small is told so' });
    await remove(`${snapshots}/again`);
    await gone(`${contents}/again-${space}`);
    assert.equal(existsSync(copyOf(kept)), false);
    await remove(`${classes}/keep-${space}`);
  });
}], { concurrency: 4, alone: [() => {
  it('a block volume is a device in its pod, keeps what is written, and comes from a snapshot', async () => {
    const space = await namespace();
    const block = (more: object = {}): Body => claimSpec({ volumeMode: 'Block', resources: { requests: { storage: '16Mi' } }, ...more });
    const user = (name: string, claimName: string, more: object = {}): Body => podOf(name, { spec: { volumes: [{ name: 'disk', persistentVolumeClaim: { claimName, ...more } }] }, container: { volumeDevices: [{ name: 'disk', devicePath: '/dev/xvda' }] } });
    const run = async (name: string, script: string): Promise<string> => (await running().kubectl('exec', '-n', space, name, '--', 'sh', '-c', script)).stdout.trim();
    await create(claimsOf(space), { metadata: { name: 'disk' }, spec: block() });
    await start(space, user('one', 'disk'));
    assert.equal(await run('one', 'test -b /dev/xvda && blockdev --getsize64 /dev/xvda; echo first > /dev/xvda; head -c 5 /dev/xvda'), `${16 * MIB}\nfirst`);
    await start(space, user('two', 'disk', { readOnly: true }));
    assert.equal(await run('two', 'head -c 5 /dev/xvda; echo second > /dev/xvda'), 'first');
    await remove(pathOf(space, 'one'));
    await gone(pathOf(space, 'one'));
    assert.equal(await run('two', 'head -c 5 /dev/xvda'), 'first');
    await patch(`${claimsOf(space)}/disk`, { spec: { resources: { requests: { storage: '24Mi' } } } });
    const { spec } = await until(`${claimsOf(space)}/disk`, ({ status }) => status.capacity.storage === '24Mi');
    assert.equal(await run('two', 'blockdev --getsize64 /dev/xvda'), String(24 * MIB));
    await running().kill();
    await running().boot();
    const snapshots = `/apis/snapshot.storage.k8s.io/v1/namespaces/${space}/volumesnapshots`;
    await create(snapshots, { metadata: { name: 'disk' }, spec: { source: { persistentVolumeClaimName: 'disk' } } });
    await until(`${snapshots}/disk`, (each) => each.status?.readyToUse === true);
    await create(claimsOf(space), { metadata: { name: 'copy' }, spec: block({ dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'disk' }, resources: { requests: { storage: '32Mi' } } }) });
    const wrong = user('wrong', 'copy');
    await create(`/api/v1/namespaces/${space}/pods`, { ...wrong, spec: { ...wrong.spec, containers: [{ ...wrong.spec.containers[0], volumeDevices: undefined, volumeMounts: [at('disk', '/disk')] }] } });
    await until(pathOf(space, 'wrong'), ({ status }) => /a block volume, which wants volumeDevices/.test(status.containerStatuses?.[0].state.waiting?.message ?? ''));
    await start(space, user('three', 'copy'));
    assert.equal(await run('three', 'blockdev --getsize64 /dev/xvda; head -c 5 /dev/xvda'), `${32 * MIB}\nfirst`);
    const copy = (await get(`${claimsOf(space)}/copy`)).spec.volumeName;
    for (const name of ['two', 'three', 'wrong']) await remove(pathOf(space, name));
    await remove(`${snapshots}/disk`);
    for (const name of ['disk', 'copy']) await remove(`${claimsOf(space)}/${name}`);
    await gone(`/api/v1/persistentvolumes/${spec.volumeName}`);
    await eventually(async () => loops(spec.volumeName) === 0 && loops(copy) === 0, { what: 'no loop devices' });
  });
}] });
