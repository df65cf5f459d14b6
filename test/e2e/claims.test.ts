/** Claims: where pods with them go, how large they are and become, whom they belong to. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { it } from 'node:test';
import { eventually } from '../fixtures/instance.ts';
import { conformance, create, get, gone, kubectl, namespace, patch, podOf, refused, remove, running, until, type Body } from '../conformance/cluster.ts';
import { outputOf, pathOf, scriptPod, start } from '../conformance/node/pod.ts';
import { at, claimSpec, claimsOf, loops, waits } from '../conformance/storage/volume-words.ts';

conformance('claims', [() => {
  it('a pod waits for its claims, and goes where their volumes are', async () => {
    const space = await namespace();
    const node = (await get('/api/v1/nodes')).items[0].metadata.name;
    const user = (name: string, claimName: string): Body => podOf(name, { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] }, container: { volumeMounts: [at('data', '/data')] } });
    const pods = `/api/v1/namespaces/${space}/pods`;
    await create(pods, user('none', 'none'));
    await waits(space, 'none', /persistentvolumeclaim "none" not found/);
    await create(claimsOf(space), { metadata: { name: 'stuck' }, spec: claimSpec({ storageClassName: `none-${space}` }) });
    await create(pods, user('stuck', 'stuck'));
    await waits(space, 'stuck', /pod has unbound immediate PersistentVolumeClaims/);

    // Two volumes without a provisioner, the smaller one on a node that there is not.
    await create('/apis/storage.k8s.io/v1/storageclasses', { metadata: { name: space }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' });
    const on = (hostname: string): object => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [hostname] }] }] } });
    for (const [name, storage, hostname] of [['far', '1Gi', 'elsewhere'], ['near', '2Gi', node]] as const) {
      await create('/api/v1/persistentvolumes', { metadata: { name: `${name}-${space}` }, spec: { storageClassName: space, capacity: { storage }, accessModes: ['ReadWriteOnce'], local: { path: '/tmp' }, nodeAffinity: on(hostname) } });
    }
    for (const name of ['data', 'more']) await create(claimsOf(space), { metadata: { name }, spec: claimSpec({ storageClassName: space }) });
    await start(space, user('data', 'data'));
    assert.equal((await get(`${claimsOf(space)}/data`)).spec.volumeName, `near-${space}`);
    await create(pods, user('more', 'more'));
    await waits(space, 'more', /didn't find available persistent volumes to bind/);
    await patch(`${claimsOf(space)}/more`, { metadata: { annotations: { looked: 'at' } } });
    await remove(`/api/v1/persistentvolumes/near-${space}`);
    await new Promise((settle) => setTimeout(settle, 300));
    assert.ok((await get(`/api/v1/persistentvolumes/near-${space}`)).metadata.deletionTimestamp !== undefined, 'a volume that a claim has stays');
    await remove(pathOf(space, 'data'));
    await remove(`${claimsOf(space)}/data`);
    await gone(`/api/v1/persistentvolumes/near-${space}`);
    await remove(`/api/v1/persistentvolumes/far-${space}`);
    await remove(`/apis/storage.k8s.io/v1/storageclasses/${space}`);
  });

  it('a claim for one pod alone holds the second back until the first is gone', async () => {
    const space = await namespace();
    await create(claimsOf(space), { metadata: { name: 'alone' }, spec: claimSpec({ accessModes: ['ReadWriteOncePod'] }) });
    const user = (name: string): Body => podOf(name, { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'alone' } }] }, container: { volumeMounts: [at('data', '/data')] } });
    await start(space, user('first'));
    await create(`/api/v1/namespaces/${space}/pods`, user('second'));
    await waits(space, 'second', /ReadWriteOncePod access mode/);
    // One that was bound without the scheduler waits on the node.
    const { nodeName } = (await get(pathOf(space, 'first'))).spec;
    const bound = user('bound');
    await create(`/api/v1/namespaces/${space}/pods`, { ...bound, spec: { ...bound.spec, nodeName } });
    await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.involvedObject.name === 'bound' && each.reason === 'FailedMount' && /volume uses the ReadWriteOncePod access mode and is already in use by another pod/.test(each.message)), { what: 'an event that says why it waits' });
    assert.equal((await get(pathOf(space, 'bound'))).status.phase, 'Pending');
    await remove(pathOf(space, 'first'));
    await until(pathOf(space, 'bound'), ({ status }) => status.phase === 'Running');
    await remove(pathOf(space, 'bound'));
    await until(pathOf(space, 'second'), ({ status }) => status.phase === 'Running');
  });

  /** At once, or when the pod starts again, where the kernel lets no mounted file system grow. */
  async function grown(space: string, name: string, storage: string): Promise<void> {
    const claim = await until(`${claimsOf(space)}/${name}`, ({ status }) => status.capacity.storage === storage || status.conditions?.[0].type === 'FileSystemResizePending');
    if (claim.status.capacity.storage === storage) return;
    const pod = await get(pathOf(space, 'p'));
    await remove(pathOf(space, 'p'));
    await gone(pathOf(space, 'p'));
    await start(space, { ...pod, metadata: { name: 'p' }, status: undefined, spec: { ...pod.spec, nodeName: undefined } });
    await until(`${claimsOf(space)}/${name}`, ({ status }) => status.capacity.storage === storage && status.conditions === undefined);
  }

  it('a claim holds as much as it asked for, and more when it has grown', async () => {
    const space = await namespace();
    const run = (script: string): Promise<string> => kubectl('exec', '-n', space, 'p', '--', 'sh', '-c', script);
    await create(claimsOf(space), { metadata: { name: 'data' }, spec: claimSpec({ resources: { requests: { storage: '32Mi' } } }) });
    const { metadata } = await start(space, podOf('p', { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] }, container: { volumeMounts: [at('data', '/data')] } }));
    assert.equal(await run('ls -A /data; echo kept > /data/kept; dd if=/dev/zero of=/data/much bs=1M count=40 2>&1 | grep -o "No space left"'), 'No space left\n');
    await patch(`${claimsOf(space)}/data`, { spec: { resources: { requests: { storage: '96Mi' } } } });
    await grown(space, 'data', '96Mi');
    assert.equal(await run('dd if=/dev/zero of=/data/much bs=1M count=64 2>/dev/null && cat /data/kept'), 'kept\n');
    const { spec } = await get(`${claimsOf(space)}/data`);
    await remove(pathOf(space, 'p'));
    await remove(`${claimsOf(space)}/data`);
    await gone(`/api/v1/persistentvolumes/${spec.volumeName}`);
    await eventually(async () => !readFileSync(`/proc/${running().pid}/mountinfo`, 'utf8').includes(spec.volumeName) && loops(spec.volumeName) === 0, { what: `nothing of ${spec.volumeName} and ${metadata.uid}` });
  });

  it('a small claim grows while a pod has it, and is told what it has', async () => {
    const space = await namespace();
    await create(claimsOf(space), { metadata: { name: 'data' }, spec: claimSpec({ resources: { requests: { storage: '5Mi' } } }) });
    const { metadata } = await start(space, podOf('p', { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] }, container: { volumeMounts: [at('data', '/data')] } }));
    const { status: before } = await get(`${claimsOf(space)}/data`);
    assert.ok(['5Mi', '16Mi'].includes(before.capacity.storage), 'as asked for, or what the file system has at least');
    await patch(`${claimsOf(space)}/data`, { spec: { resources: { requests: { storage: '40Mi' } } } });
    await until(`${claimsOf(space)}/data`, ({ status }) => status.capacity.storage === '40Mi' && status.conditions === undefined);
    assert.equal(await kubectl('exec', '-n', space, 'p', '--', 'sh', '-c', 'dd if=/dev/zero of=/data/much bs=1M count=25 2>/dev/null && echo fits'), 'fits\n');
    assert.equal((await get(pathOf(space, 'p'))).metadata.uid, metadata.uid);
  });

  it('a claim grows where its class allows it, and only there', async () => {
    const space = await namespace();
    await create(claimsOf(space), { metadata: { name: 'data' }, spec: claimSpec() });
    await start(space, podOf('p', { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] }, container: { volumeMounts: [at('data', '/data')] } }));
    await patch(`${claimsOf(space)}/data`, { spec: { resources: { requests: { storage: '3Gi' } } } });
    await grown(space, 'data', '3Gi');
    const { spec } = await get(`${claimsOf(space)}/data`);
    assert.equal((await get(`/api/v1/persistentvolumes/${spec.volumeName}`)).spec.capacity.storage, '3Gi');
    await refused(422, 'PATCH', `${claimsOf(space)}/data`, { body: { spec: { resources: { requests: { storage: '1Gi' } } } }, contentType: 'application/merge-patch+json' });
    await create('/api/v1/persistentvolumes', { metadata: { name: `fixed-${space}` }, spec: { storageClassName: '', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/tmp' }, claimRef: { namespace: space, name: 'fixed' }, persistentVolumeReclaimPolicy: 'Delete' } });
    await create(claimsOf(space), { metadata: { name: 'fixed' }, spec: claimSpec({ storageClassName: '' }) });
    await until(`${claimsOf(space)}/fixed`, ({ status }) => status.phase === 'Bound');
    await refused(403, 'PATCH', `${claimsOf(space)}/fixed`, { body: { spec: { resources: { requests: { storage: '2Gi' } } } }, contentType: 'application/merge-patch+json' });
    await remove(`${claimsOf(space)}/fixed`);
    await until(`/api/v1/persistentvolumes/fixed-${space}`, ({ status }) => status.phase === 'Failed' && /made by hand/.test(status.message));
    await remove(`/api/v1/persistentvolumes/fixed-${space}`);
  });

  it('a claim that asked for more than there can be is told so, and may ask for less, but for more than it has', async () => {
    const space = await namespace();
    const path = `${claimsOf(space)}/data`;
    const asks = (storage: string): object => ({ spec: { resources: { requests: { storage } } } });
    await create(claimsOf(space), { metadata: { name: 'data' }, spec: claimSpec({ resources: { requests: { storage: '20Mi' } } }) });
    await start(space, podOf('p', { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] }, container: { volumeMounts: [at('data', '/data')] } }));
    if (!(await outputOf(space, scriptPod('q', 'df /data', { volumeMounts: [at('data', '/data')] }, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] }))).includes('/dev/loop')) return; // a folder grows by itself
    await patch(path, asks('10000Ti'));
    const { status } = await until(path, (claim) => claim.status.conditions?.some((each: Body) => each.type === 'ControllerResizeError' && /to 10000Ti failed: .*File too large/.test(each.message)));
    assert.deepEqual([status.capacity, status.allocatedResources, status.allocatedResourceStatuses], [{ storage: '20Mi' }, { storage: '10000Ti' }, { storage: 'ControllerResizeInfeasible' }]);
    await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.reason === 'VolumeResizeFailed'), { what: 'an event' });
    for (const less of ['20Mi', '10Mi']) await refused(422, 'PATCH', path, { body: asks(less), contentType: 'application/merge-patch+json' });
    await patch(path, asks('40Mi'));
    const { status: after } = await grown(space, 'data', '40Mi').then(() => get(path));
    assert.deepEqual([after.conditions, after.allocatedResources, after.allocatedResourceStatuses], [undefined, undefined, undefined]);
  });

  it('a class says how its volumes are mounted, and a claim hears of what cannot be', async () => {
    const space = await namespace();
    const classes = '/apis/storage.k8s.io/v1/storageclasses';
    for (const [name, option] of [['good', 'noatime'], ['bad', 'nonsense']] as const) await create(classes, { metadata: { name: `${name}-${space}` }, provisioner: 'llmos.dev/local-path', volumeBindingMode: 'Immediate', mountOptions: [option] });
    await create(claimsOf(space), { metadata: { name: 'data' }, spec: claimSpec({ storageClassName: `good-${space}`, resources: { requests: { storage: '32Mi' } } }) });
    const text = await outputOf(space, scriptPod('p', 'grep " /data " /proc/mounts', { volumeMounts: [at('data', '/data')] }, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] }));
    assert.match(text, / rw,noatime/);
    await create(claimsOf(space), { metadata: { name: 'bad' }, spec: claimSpec({ storageClassName: `bad-${space}` }) });
    await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.reason === 'ProvisioningFailed' && each.count > 1 && /bad option/.test(each.message)), { what: 'an event, each time' });
    assert.equal((await get(`${claimsOf(space)}/bad`)).status.phase, 'Pending');
    await remove(`${claimsOf(space)}/bad`);
    for (const name of ['good', 'bad']) await remove(`${classes}/${name}-${space}`);
  });

  it('a volume by hand that is to be recycled is emptied, and free for the next claim', async () => {
    const space = await namespace();
    const path = `${running().state}/recycled`;
    mkdirSync(`${path}/.hidden`, { recursive: true });
    symlinkSync('/etc', `${path}/link`);
    const spec = { storageClassName: `hand-${space}`, accessModes: ['ReadWriteOnce'] };
    await create('/api/v1/persistentvolumes', { metadata: { name: space }, spec: { ...spec, capacity: { storage: '1Gi' }, hostPath: { path }, persistentVolumeReclaimPolicy: 'Recycle' } });
    for (const name of ['first', 'second']) {
      await create(claimsOf(space), { metadata: { name }, spec: claimSpec(spec) });
      await until(`${claimsOf(space)}/${name}`, ({ status }) => status.phase === 'Bound');
      await remove(`${claimsOf(space)}/${name}`);
      await until(`/api/v1/persistentvolumes/${space}`, (volume) => volume.status.phase === 'Available' && volume.spec.claimRef === undefined);
      assert.deepEqual(readdirSync(path), []);
    }
    assert.ok(statSync('/etc').isDirectory());
    await remove(`/api/v1/persistentvolumes/${space}`);
  });

  it('the group of a pod owns what it finds in a claim', async () => {
    const space = await namespace();
    await create(claimsOf(space), { metadata: { name: 'data' }, spec: claimSpec() });
    const volumes = { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] };
    const mounts = { volumeMounts: [at('data', '/data')] };
    await outputOf(space, scriptPod('root', 'mkdir -m 700 /data/in && echo x > /data/in/file && chmod 600 /data/in/file', mounts, volumes));
    assert.equal(await outputOf(space, scriptPod('user', 'echo y >> /data/in/file && cat /data/in/file && stat -c %g /data/in/file', mounts, { ...volumes, securityContext: { runAsUser: 1000, fsGroup: 2000 } })), 'x\ny\n2000');
    // What somebody else put there meanwhile is given to the group with the next pod, unless its policy is content with the folder itself.
    const late = (policy?: string): Promise<string> => outputOf(space, scriptPod(`late-${policy ?? 'default'}`.toLowerCase(), 'stat -c "%g %a" /data/late /data', mounts, { ...volumes, securityContext: { runAsUser: 1000, fsGroup: 2000, ...(policy === undefined ? {} : { fsGroupChangePolicy: policy }) } }));
    await outputOf(space, scriptPod('stranger', 'echo z > /data/late && chown 0:0 /data/late && chmod 700 /data/late', mounts, volumes));
    assert.equal(await late('OnRootMismatch'), '0 700\n2000 2777');
    assert.equal(await late(), '2000 760\n2000 2777');
    // A volume made by hand of a path of the machine keeps its owners, whatever a pod asks for.
    const path = `${running().state}/by-hand`;
    mkdirSync(`${path}/in`, { recursive: true, mode: 0o750 });
    await create('/api/v1/persistentvolumes', { metadata: { name: `hand-${space}` }, spec: { storageClassName: '', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path }, claimRef: { namespace: space, name: 'hand' } } });
    await create(claimsOf(space), { metadata: { name: 'hand' }, spec: claimSpec({ storageClassName: '' }) });
    await until(`${claimsOf(space)}/hand`, ({ status }) => status.phase === 'Bound');
    await outputOf(space, scriptPod('hand', 'true', mounts, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'hand' } }], securityContext: { fsGroup: 2000 } }));
    assert.deepEqual([statSync(path).gid, statSync(`${path}/in`).gid, statSync(`${path}/in`).mode & 0o777], [0, 0, 0o750]);
    await remove(`${claimsOf(space)}/hand`);
    await remove(`/api/v1/persistentvolumes/hand-${space}`);
  });
}], { concurrency: 4 });
