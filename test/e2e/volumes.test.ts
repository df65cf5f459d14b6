/** Volumes of pods that are no claims: images, memory, objects, certificates, paths of the machine; how they are mounted, and what of them can be written to. */
import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { pemBlock } from '../../src/api/certificates/pem.ts';
import { readCertificationRequest } from '../../src/api/certificates/pkcs10.ts';
import { makeAuthority, signRequest } from '../../src/kernel/apiserver/identity/certificates.ts';
import { AUTHORITY_ONE, AUTHORITY_TWO } from '../../src/api/certificates/testing.ts';
import { eventually } from '../fixtures/instance.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { conformance, create, get, gone, kubectl, namespace, patch, podOf, put, refused, remove, running, until, type Body } from '../conformance/cluster.ts';
import { isReady, outputOf, pathOf, scriptPod, start } from '../conformance/node/pod.ts';
import { at, claimSpec, claimsOf, waits } from '../conformance/storage/volume-words.ts';

const MIB = 1024 * 1024;
/** Nothing that llmos mounted for the pod is left. */
const unmounted = (uid: string): Promise<unknown> => eventually(async () => !readFileSync(`/proc/${running().pid}/mountinfo`, 'utf8').includes(uid), { what: 'no mounts of the pod' });
/** What a signer would answer: a certificate for an hour, to be renewed at half of it. */
function issue(requestBase64: string): { chainPem: string; notBefore: string; notAfter: string; beginRefreshAt: string } {
  const { subject, publicKey } = readCertificationRequest(pemBlock('CERTIFICATE REQUEST', Buffer.from(requestBase64, 'base64')));
  const chainPem = signRequest(makeAuthority('signer', Date.now()), { subject, publicKey, usages: ['client auth'], expirationSeconds: 3_600 }, Date.now() + 5 * 60_000); // it begins five minutes before
  const { validFromDate, validToDate } = new X509Certificate(chainPem);
  return { chainPem, notBefore: validFromDate.toISOString(), notAfter: validToDate.toISOString(), beginRefreshAt: new Date((validFromDate.getTime() + validToDate.getTime()) / 2).toISOString() };
}

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
}], { concurrency: 4 });
