import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { it } from 'node:test';
import { pemBlock } from '../../src/api/certificates/pem.ts';
import { readCertificationRequest } from '../../src/api/certificates/pkcs10.ts';
import { makeAuthority, signRequest } from '../../src/kernel/apiserver/identity/certificates.ts';
import { AUTHORITY_ONE, AUTHORITY_TWO } from '../../src/api/certificates/testing.ts';
import { eventually } from '../fixtures/instance.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { conformance, create, get, gone, kubectl, namespace, patch, podOf, put, refused, remove, running, until, type Body } from '../conformance/cluster.ts';
import { isReady, outputOf, pathOf, scriptPod, start } from '../conformance/node/pod.ts';

const MIB = 1024 * 1024;
const at = (name: string, mountPath: string, more: object = {}): object => ({ name, mountPath, ...more });
const claimSpec = (more: object = {}): Body => ({ accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...more });
const claimsOf = (space: string): string => `/api/v1/namespaces/${space}/persistentvolumeclaims`;
const conditionOf = (pod: Body, type: string): Body => pod.status.conditions?.find((each: Body) => each.type === type);
const waits = (space: string, name: string, message: RegExp): Promise<Body> => until(pathOf(space, name), (pod) => message.test(conditionOf(pod, 'PodScheduled')?.message ?? ''));
/** Nothing that llmos mounted for the pod is left. */
const unmounted = (uid: string): Promise<unknown> => eventually(async () => !readFileSync(`/proc/${running().pid}/mountinfo`, 'utf8').includes(uid), { what: 'no mounts of the pod' });

/** What a signer would answer: a certificate for an hour, to be renewed at half of it. */
function issue(requestBase64: string): { chainPem: string; notBefore: string; notAfter: string; beginRefreshAt: string } {
  const { subject, publicKey } = readCertificationRequest(pemBlock('CERTIFICATE REQUEST', Buffer.from(requestBase64, 'base64')));
  const chainPem = signRequest(makeAuthority('signer', Date.now()), { subject, publicKey, usages: ['client auth'], expirationSeconds: 3_600 }, Date.now() + 5 * 60_000); // it begins five minutes before
  const { validFromDate, validToDate } = new X509Certificate(chainPem);
  return { chainPem, notBefore: validFromDate.toISOString(), notAfter: validToDate.toISOString(), beginRefreshAt: new Date((validFromDate.getTime() + validToDate.getTime()) / 2).toISOString() };
}

/** Loop devices of files whose path has the text. */
const loops = (text: string): number => execFileSync('losetup', ['-nO', 'BACK-FILE'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(text)).length;

conformance('volumes', [() => {
  it('an image is a volume that can be read only, whole or in part', async () => {
    const space = await namespace();
    const pod = scriptPod('p', 'cat /v/etc/group; touch /v/etc/x 2>&1; /v/bin/true 2>&1; ls /part', { volumeMounts: [at('v', '/v'), at('v', '/part', { subPath: 'etc' })] }, { volumes: [{ name: 'v', image: { reference: TEST_IMAGE, pullPolicy: 'Never' } }], restartPolicy: 'Never' });
    const text = await outputOf(space, pod);
    assert.match(text, /nogroup:x:65534:/);
    assert.match(text, /Read-only file system/);
    assert.match(text, /Permission denied/, 'nothing in it is run');
    assert.match(text, /group\npasswd$/);
    const { uid } = (await get(pathOf(space, 'p'))).metadata;
    await remove(pathOf(space, 'p'));
    await gone(pathOf(space, 'p'));
    await unmounted(uid);
    await create(`/api/v1/namespaces/${space}/pods`, { ...pod, metadata: { name: 'none' }, spec: { ...pod.spec, volumes: [{ name: 'v', image: { reference: 'localhost/none:1', pullPolicy: 'Never' } }] } });
    await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.reason === 'FailedMount' && /ErrImageNeverPull/.test(each.message)), { what: 'an event that says what is missing' });
    await until(pathOf(space, 'none'), ({ status }) => status.containerStatuses?.[0]?.state.waiting?.reason === 'ErrImageNeverPull');
  });

  it('an image that is no container\'s volume is not asked for, until one comes that looks at it; a path that it lacks is told', async () => {
    const space = await namespace();
    const volumes = [{ name: 'none', image: { reference: 'localhost/none:1', pullPolicy: 'Never' } }, { name: 'v', image: { reference: TEST_IMAGE, pullPolicy: 'Never' } }];
    await start(space, podOf('p', { spec: { volumes } }));
    const debug = { name: 'd', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['cat', '/v/etc/group'], volumeMounts: [at('v', '/v')] };
    await patch(`${pathOf(space, 'p')}/ephemeralcontainers`, { spec: { ephemeralContainers: [debug] } }, 'strategic-merge-patch');
    await until(pathOf(space, 'p'), ({ status }) => status.ephemeralContainerStatuses?.[0]?.state.terminated?.exitCode === 0);
    await create(`/api/v1/namespaces/${space}/pods`, podOf('part', { spec: { volumes }, container: { volumeMounts: [at('v', '/v', { subPath: 'not/there' })] } }));
    await until(pathOf(space, 'part'), ({ status }) => status.containerStatuses?.[0]?.state.waiting?.reason === 'CreateContainerError');
  });

  it('a pod sees the authorities that it may trust, by name and by signer, and what becomes of them', async () => {
    const space = await namespace();
    const all = '/apis/certificates.k8s.io/v1beta1/clustertrustbundles';
    const signerName = `example.com/${space}`;
    const named = (name: string): string => `example.com:${space}:${name}`;
    await refused(422, 'POST', all, { body: { metadata: { name: 'elsewhere' }, spec: { signerName, trustBundle: AUTHORITY_ONE } } });
    await create(all, { metadata: { name: named('one'), labels: { alive: 'true' } }, spec: { signerName, trustBundle: AUTHORITY_ONE } });
    const source = (clusterTrustBundle: object): object => ({ clusterTrustBundle });
    const volume = (...sources: object[]): object => ({ volumes: [{ name: 'trust', projected: { sources } }] });
    const mounted = { volumeMounts: [at('trust', '/trust')] };
    const pod = podOf('p', { spec: volume(source({ name: named('one'), path: 'named.pem' }), source({ signerName, labelSelector: { matchLabels: { alive: 'true' } }, path: 'alive.pem' }), source({ signerName, path: 'none.pem', optional: true })), container: mounted });
    await start(space, pod);
    const read = (file: string): Promise<string> => kubectl('-n', space, 'exec', 'p', '--', 'cat', `/trust/${file}`);
    assert.equal(await read('named.pem'), AUTHORITY_ONE);
    assert.equal(await read('none.pem'), '', 'no selector selects nothing');
    await create(all, { metadata: { name: named('two'), labels: { alive: 'true' } }, spec: { signerName, trustBundle: AUTHORITY_TWO } });
    await eventually(async () => (await read('alive.pem')).length === AUTHORITY_ONE.length + AUTHORITY_TWO.length, { what: 'both are there' });
    await create(`/api/v1/namespaces/${space}/pods`, podOf('waits', { spec: volume(source({ name: 'nobody', path: 'a.pem' })), container: mounted }));
    await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.reason === 'FailedMount' && /clustertrustbundle "nobody" not found/.test(each.message)), { what: 'an event that says what is missing' });
    for (const name of ['one', 'two']) await remove(`${all}/${named(name)}`);
  });

  it('a pod gets a certificate from the signer that it names, with a key that stays on the node', async () => {
    const space = await namespace();
    const requests = `/apis/certificates.k8s.io/v1beta1/namespaces/${space}/podcertificaterequests`;
    const source = { podCertificate: { signerName: `example.com/${space}`, keyType: 'ECDSAP256', credentialBundlePath: 'bundle.pem', keyPath: 'key.pem' } };
    const podWith = (name: string): Body => podOf(name, { spec: { volumes: [{ name: 'identity', projected: { sources: [source] } }] }, container: { volumeMounts: [at('identity', '/identity')] } });
    const asked = async (podName: string): Promise<Body> => eventually(async () => (await get(requests)).items.find((each: Body) => each.spec.podName === podName && each.status.conditions === undefined), { what: 'a request' });
    const answer = async (request: Body, status: Body): Promise<Body> => put(`${requests}/${request.metadata.name}/status`, { ...request, status });
    const condition = (type: string): Body[] => [{ type, status: 'True', reason: 'Tested', message: 'by a test', lastTransitionTime: new Date().toISOString() }];

    await create(`/api/v1/namespaces/${space}/pods`, podWith('p'));
    const request = await asked('p');
    assert.deepEqual([request.spec.podUID, request.spec.serviceAccountName, request.spec.maxExpirationSeconds], [(await get(pathOf(space, 'p'))).metadata.uid, 'default', 86_400]);
    await refused(422, 'PUT', `${requests}/${request.metadata.name}/status`, { body: { ...request, status: { conditions: condition('Issued'), certificateChain: AUTHORITY_ONE, notBefore: new Date().toISOString(), notAfter: new Date().toISOString(), beginRefreshAt: new Date().toISOString() } } });
    const { chainPem, ...times } = issue(request.spec.stubPKCS10Request);
    await answer(request, { ...times, certificateChain: chainPem, conditions: condition('Issued') });
    await isReady(space, 'p');
    const bundle = await kubectl('-n', space, 'exec', 'p', '--', 'cat', '/identity/bundle.pem');
    assert.ok(bundle.endsWith(chainPem) && bundle.startsWith('-----BEGIN PRIVATE KEY-----\n'), bundle);
    assert.ok(createPublicKey(bundle).equals(new X509Certificate(chainPem).publicKey), 'the key is that of the certificate');
    await refused(422, 'PUT', `${requests}/${request.metadata.name}/status`, { body: { ...(await get(`${requests}/${request.metadata.name}`)), status: { conditions: condition('Denied') } } });

    await create(`/api/v1/namespaces/${space}/pods`, podWith('refused'));
    await answer(await asked('refused'), { conditions: condition('Denied') });
    await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.reason === 'FailedMount' && /was denied, reason="Tested", message="by a test"/.test(each.message)), { what: 'an event that says so' });
  });

  it('a volume in memory has a size, that of the pod where it says none', async () => {
    const space = await namespace();
    const size = (mounts: Body): Body => ({ volumeMounts: mounts, resources: { limits: { memory: '64Mi' } } });
    const text = await outputOf(space, scriptPod('p', "df -k /a /b | awk 'NR>1 {print $2}'; dd if=/dev/zero of=/a/f bs=1M count=20 2>&1 | grep -o 'No space left'", size([at('a', '/a'), at('b', '/b')]), {
      volumes: [{ name: 'a', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } }, { name: 'b', emptyDir: { medium: 'Memory' } }],
    }));
    assert.deepEqual(text.split('\n'), [String((8 * MIB) / 1024), String((64 * MIB) / 1024), 'No space left']);
  });

  it('what is mounted in a volume is seen by those who ask for it', async () => {
    const space = await namespace();
    const mounts = [{ name: 'v', emptyDir: {} }];
    const container = (name: string, mountPropagation: string | undefined, script: string, privileged = false): Body => ({ ...podOf(name).spec.containers[0], name, command: ['sh', '-c', script], volumeMounts: [at('v', '/v', { mountPropagation })], securityContext: { privileged } });
    const pod = podOf('p', { spec: { volumes: mounts, containers: [
      container('sees', 'HostToContainer', 'sleep 1000000'), container('blind', undefined, 'sleep 1000000'),
      container('mounts', 'Bidirectional', 'mkdir -p /v/in && mount -t tmpfs tmpfs /v/in && echo there > /v/in/file; sleep 1000000', true),
    ] } });
    const { metadata } = await start(space, pod);
    const read = (name: string): Promise<string> => kubectl('-n', space, 'exec', 'p', '-c', name, '--', 'sh', '-c', 'cat /v/in/file 2>&1 || true');
    await eventually(async () => (await read('sees')) === 'there\n', { what: 'the mount of the other container' });
    assert.match(await read('blind'), /No such file/);
    await remove(pathOf(space, 'p'));
    await gone(pathOf(space, 'p'));
    await unmounted(metadata.uid);
    await refused(422, 'POST', `/api/v1/namespaces/${space}/pods`, { body: podOf('q', { spec: { volumes: mounts }, container: { volumeMounts: [at('v', '/v', { mountPropagation: 'Bidirectional' })] } }) });
  });

  it('a mount is read-only with all beneath it when that is asked for', async () => {
    const space = await namespace();
    const pod = scriptPod('p', 'for each in /plain /deep; do touch $each/shm/llmos-$$ 2>/dev/null && echo written || echo refused; rm -f $each/shm/llmos-$$; done; sleep 1000000', {
      volumeMounts: [at('dev', '/plain', { readOnly: true }), at('dev', '/deep', { readOnly: true, recursiveReadOnly: 'Enabled' })],
    }, { volumes: [{ name: 'dev', hostPath: { path: '/dev' } }] });
    const { status } = await start(space, pod);
    assert.deepEqual(status.containerStatuses[0].volumeMounts.map((each: Body) => each.recursiveReadOnly).slice(0, 2), ['Disabled', 'Enabled']);
    await until(`${pathOf(space, 'p')}/log`, (log) => String(log) === 'written\nrefused\n');
    await refused(422, 'POST', `/api/v1/namespaces/${space}/pods`, { body: podOf('q', { spec: { volumes: [{ name: 'v', emptyDir: {} }] }, container: { volumeMounts: [at('v', '/v', { recursiveReadOnly: 'Enabled' })] } }) });
  });

  it('files that come from objects, and claims that are read-only, cannot be written to', async () => {
    const space = await namespace();
    await create(`/api/v1/namespaces/${space}/configmaps`, { metadata: { name: 'c' }, data: { key: 'value' } });
    await create(claimsOf(space), { metadata: { name: 'data' }, spec: claimSpec() });
    const text = await outputOf(space, scriptPod('p', 'for each in c data; do echo x > /$each/x; done; true', { volumeMounts: [at('c', '/c'), at('data', '/data')] }, { volumes: [{ name: 'c', configMap: { name: 'c' } }, { name: 'data', persistentVolumeClaim: { claimName: 'data', readOnly: true } }] }));
    assert.equal(text.match(/Read-only file system/g)?.length, 2, text);
  });

  it('an ephemeral volume is a claim that goes with its pod', async () => {
    const space = await namespace();
    const spec = { volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { of: 'pod' } }, spec: claimSpec() } } }] };
    const { metadata } = await start(space, podOf('p', { spec, container: { volumeMounts: [at('scratch', '/scratch')] } }));
    const claim = await get(`${claimsOf(space)}/p-scratch`);
    assert.deepEqual([claim.metadata.ownerReferences[0].uid, claim.metadata.labels, claim.status.phase], [metadata.uid, { of: 'pod' }, 'Bound']);
    await kubectl('-n', space, 'exec', 'p', '--', 'sh', '-c', 'echo kept > /scratch/file');
    await remove(pathOf(space, 'p'));
    await gone(`${claimsOf(space)}/p-scratch`);
    await gone(`/api/v1/persistentvolumes/${claim.spec.volumeName}`);
    await create(claimsOf(space), { metadata: { name: 'q-scratch' }, spec: claimSpec() });
    await create(`/api/v1/namespaces/${space}/pods`, podOf('q', { spec, container: { volumeMounts: [at('scratch', '/scratch')] } }));
    await waits(space, 'q', /was not created for pod/);
  });

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

  it('a path of the machine is what its type says, or the pod waits and says so', async () => {
    const space = await namespace();
    const folder = `${running().state}/host-paths`;
    const cases: [type: string, path: string, fits: boolean][] = [
      ['', `${folder}/any`, true], ['DirectoryOrCreate', `${folder}/made/deep`, true], ['FileOrCreate', `${folder}/file`, true], ['File', '/etc/hostname', true], ['Directory', '/etc', true], ['CharDevice', '/dev/null', true],
      ['Directory', `${folder}/none`, false], ['File', '/etc', false], ['Socket', '/etc/hostname', false], ['BlockDevice', '/dev/null', false], ['CharDevice', '/etc', false],
    ];
    await outputOf(space, scriptPod('make', 'true', { volumeMounts: [at('v', '/v')] }, { volumes: [{ name: 'v', hostPath: { path: folder, type: 'DirectoryOrCreate' } }] }));
    const pod = ([type, path]: (typeof cases)[number], index: number): Body => scriptPod(`p${index}`, 'test -e /v', { volumeMounts: [at('v', '/v')] }, { volumes: [{ name: 'v', hostPath: { path, type } }] });
    await Promise.all(cases.map((each, index) => create(`/api/v1/namespaces/${space}/pods`, pod(each, index))));
    for (const [index, [type, path, fits]] of cases.entries()) {
      if (fits) await until(pathOf(space, `p${index}`), ({ status }) => status.phase === 'Succeeded');
      else await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.involvedObject.name === `p${index}` && each.reason === 'FailedMount' && each.message.includes(`hostPath type check failed: ${path}`)), { what: `${type} ${path} refused` });
    }
    await refused(422, 'POST', `/api/v1/namespaces/${space}/pods`, { body: pod(['Folder', '/etc', false], 99) });
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
