/** Pods on a disk without room: what cannot be done is told, what runs goes on, llmos starts all the same, and all converges when there is room again. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigMap } from '../../src/api/core/config-map.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { isApiError } from '../../src/api/errors.ts';
import { startFaultyRegistry, type FaultyRegistry } from '../fixtures/faulty-registry.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';
import { comesBackTo, holdingsAtRest, type Holdings } from '../fixtures/leaks.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const KIB = 1024;

describe('pods on a full disk', { timeout: 170_000 * PATIENCE }, () => {
  let llmos: Instance;
  let calm: Holdings;
  let filler: string;
  let registry: FaultyRegistry;

  before(async () => {
    registry = await startFaultyRegistry(8 * KIB * KIB);
    // Nobody is evicted: what is tried here comes before, and where there is nobody to evict. Logs are small: those of a fast container would take the room that is made.
    llmos = await bootForPods({ stateOptions: 'size=48m,nr_inodes=4000', config: `modules:\n  node:\n    readySandboxes: 2\n    evictionHard: { memory.available: 1Mi }\n    containerLogMaxSize: 32Ki\n    containerLogMaxFiles: 2\n    containerLogMonitorInterval: 1s\n    registries: [{ location: ${registry.host}, caFile: ${registry.caFile} }]\n` });
    filler = join(llmos.state, 'filler');
    await create('neighbour');
    await ready('neighbour');
    calm = await holdingsAtRest(llmos);
  });
  after(async () => {
    if (filler !== undefined) makeRoom();
    await llmos?.destroy();
    await registry?.stop();
  });

  const create = (name: string, container: object = {}): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 1, volumes: [{ name: 'data', emptyDir: {} }], containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'], volumeMounts: [{ name: 'data', mountPath: '/data' }], ...container }] },
  });
  const ready = (name: string): Promise<Pod> => eventually(async () => {
    const pod = await llmos.client.get(Pod, name, { namespace: 'default' });
    return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && pod;
  }, { what: `${name} is ready`, timeoutMs: 60_000 });
  const end = (name: string): Promise<string> => ok(llmos.kubectl('delete', 'pod', name, '--timeout=60s'));
  const allIsCalm = (): Promise<void> => comesBackTo(calm, llmos);
  const untilFull = (step: (index: number) => void): void => {
    for (let index = 0; ; index += 1) try { step(index); } catch (error) { return assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC'); }
  };
  const fill = (): void => { for (const bytes of [KIB * KIB, KIB, 1]) untilFull(() => appendFileSync(join(filler, 'bytes'), Buffer.alloc(bytes))); };
  /** Leaves so many bytes. */
  const fillTo = (bytes: number): void => {
    fill();
    if (bytes > 0) truncateSync(join(filler, 'bytes'), statSync(join(filler, 'bytes')).size - bytes);
  };
  const makeRoom = (): void => rmSync(filler, { recursive: true, force: true });
  const lives = async (): Promise<void> => assert.equal((await llmos.kubectl('exec', 'neighbour', '--', 'echo', 'unharmed')).stdout, 'unharmed\n');

  it('a pod that finds no room for its files waits, says so, and runs when there is', async () => {
    mkdirSync(filler);
    untilFull((index) => writeFileSync(join(filler, `${index}`), ''));
    await create('late');
    await eventually(async () => /no space left on device/.test((await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=late')).stdout), { what: 'an event tells of it' });
    await lives();
    makeRoom();
    await ready('late');
    await end('late');
    await allIsCalm();
  });

  it('an image that finds no room is told of, leaves nothing, and comes when there is', async () => {
    mkdirSync(filler);
    fillTo(4 * KIB * KIB);
    const images = (): string[] => readdirSync(join(llmos.state, 'images')).filter((name) => name.startsWith('pull-'));
    await create('large', { image: `${registry.host}/large:1`, imagePullPolicy: 'IfNotPresent' });
    await eventually(async () => {
      const { reason = '', message = '' } = (await llmos.client.get(Pod, 'large', { namespace: 'default' })).status?.containerStatuses?.[0]?.state?.waiting ?? {};
      return /^(ErrImagePull|ImagePullBackOff)$/.test(reason) && /no space left on device/.test(message);
    }, { what: 'it says that there is no room', timeoutMs: 60_000 });
    assert.deepEqual(images(), []);
    await lives();
    makeRoom();
    await ready('large');
    await end('large');
    await allIsCalm();
  });

  it('what a container writes finds no more room than there is, and what it says is lost and does not hold it up', async () => {
    await create('greedy', { command: ['sh', '-c', `i=0; while :; do echo "0123456789abcdef $i" >> /data/file 2> /dev/null; ${'echo word;'.repeat(100)} i=$((i+1)); echo $i > /dev/shm/rounds; done`], resources: { limits: { cpu: '500m' } } });
    await ready('greedy');
    mkdirSync(filler);
    fillTo(0);
    const rounds = async (): Promise<number> => Number((await llmos.kubectl('exec', 'greedy', '--', 'cat', '/dev/shm/rounds')).stdout.trim() || Number.NaN);
    const before = await eventually(async () => { const now = await rounds(); return now > 0 && now; });
    await eventually(async () => { fillTo(0); return (await rounds()) > before + 50; }, { what: 'it goes on' });
    await lives();
    makeRoom();
    await eventually(async () => (await llmos.kubectl('logs', 'greedy', '--tail=1')).stdout === 'word\n', { what: 'it is heard again' });
    assert.equal((await llmos.client.get(Pod, 'greedy', { namespace: 'default' })).status?.containerStatuses?.[0]?.restartCount, 0);
    await end('greedy');
    await allIsCalm();
  });

  it('with not a byte left the door says so and llmos starts again; what runs goes on, and what was asked for is done when there is room', async () => {
    await create('last');
    await ready('last');
    mkdirSync(filler);
    await eventually(async () => {
      fill();
      const refusal = await llmos.client.create(ConfigMap, { metadata: { generateName: 'more-', namespace: 'default' }, data: { text: 'x'.repeat(500 * KIB) } } as ConfigMap).then(() => undefined, (error: unknown) => error);
      return isApiError(refusal) && /the disk of the store is full: .*free some space/.test(refusal.message);
    }, { what: 'the door says that there is no room', everyMs: 1 });
    fill();
    await lives();
    await llmos.kill();
    await llmos.boot();
    await lives();
    const asked = llmos.kubectl('delete', 'pod', 'last', '--timeout=60s');
    await sleep(1_000);
    makeRoom();
    const { code, stderr } = await asked;
    assert.equal(code, 0, stderr);
    await create('fresh');
    await ready('fresh');
    assert.equal((await llmos.kubectl('delete', 'pod', 'fresh', '--timeout=60s')).code, 0);
    await allIsCalm();
  });

  it('what fills the disk is got rid of by kubectl delete alone, while it takes every byte that comes free; a kill in between loses nothing', async () => {
    const takesAll = ['sh', '-c', 'while :; do head -c 65536 /dev/zero >> /data/file; head -c 1 /dev/zero >> /data/file; done 2> /dev/null'];
    const container = { name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: takesAll, resources: { limits: { cpu: '200m' } }, volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const template = { metadata: { labels: { app: 'hoard' } }, spec: { terminationGracePeriodSeconds: 1, volumes: [{ name: 'data', emptyDir: {} }], containers: [container] } };
    const kept = Array.from({ length: 20 }, (_, index) => `kept-${index}`);
    for (const name of kept) await llmos.client.create(ConfigMap, { metadata: { name, namespace: 'default' }, data: { name } } as ConfigMap);
    const apply = (...objects: object[]): Promise<string> => applyTo(llmos, ...objects);
    // Taken back at once where there is room: it is not to fill the disk.
    const grow = async (): Promise<unknown> => {
      try {
        const { metadata } = await llmos.client.create(ConfigMap, { metadata: { generateName: 'more-', namespace: 'default' }, data: { text: 'x'.repeat(100 * KIB) } } as ConfigMap);
        return void (await llmos.client.delete(ConfigMap, metadata.name ?? '', { namespace: 'default' }));
      } catch (error) {
        return error;
      }
    };
    const isFull = (): Promise<unknown> => eventually(async () => {
      const refusal = await grow();
      return isApiError(refusal) && /the disk of the store is full: .*free some space/.test(refusal.message);
    }, { what: 'the door says that there is no room', timeoutMs: 60_000, everyMs: 50 });
    const isRoomy = (): Promise<unknown> => eventually(async () => (await grow()) === undefined, { what: 'what grows is written again', timeoutMs: 60_000 });
    const isGone = (...what: string[]): Promise<string> => ok(llmos.kubectl('delete', ...what, '--timeout=90s'));

    await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'hoard', namespace: 'default' }, spec: { ...template.spec, restartPolicy: 'Never' } });
    await isFull();
    await llmos.kill();
    await llmos.boot();
    await isFull();
    await isGone('pod', 'hoard');
    await isRoomy();

    await apply({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'hoard', namespace: 'default' }, spec: { replicas: 2, selector: { matchLabels: { app: 'hoard' } }, template } });
    await isFull();
    await isGone('deployment', 'hoard');
    await eventually(async () => (await llmos.client.list(Pod, { namespace: 'default', labelSelector: 'app=hoard' })).items.length === 0, { what: 'its pods are gone', timeoutMs: 90_000 });
    await isRoomy();

    const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'hoard', namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
    await apply(claim, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'hoard', namespace: 'default' }, spec: { ...template.spec, volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'hoard' } }] } });
    await isFull();
    await isGone('pod/hoard', 'pvc/hoard');
    await isRoomy();

    const names = new Set((await llmos.client.list(ConfigMap, { namespace: 'default' })).items.map(({ metadata }) => metadata.name));
    assert.deepEqual(kept.filter((name) => !names.has(name)), []);
    await lives();
    await allIsCalm();
  });
});
