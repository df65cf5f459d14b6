/** A node that is short of something: conditions, taints, who must go, who may come. Thresholds are set so that a little is already short. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Node } from '../../src/api/core/node.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { ServiceAccount } from '../../src/api/core/service-account.ts';
import { observe } from '../../src/modules/node/pressure/observe.ts';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';

type Spec = NonNullable<Pod['spec']>;
const MIB = 2 ** 20;
const SERVE = ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'];

let llmos: Instance;
const boot = async (config: string, folder?: string): Promise<void> => {
  llmos = await bootInstance({ config, folder });
  importTestImage(llmos);
  await eventually(async () => (await llmos.client.list(ServiceAccount, { namespace: 'default' })).items.length > 0);
};
const create = (name: string, spec: Partial<Spec>, container: Partial<Spec['containers'][number]> = {}): Promise<Pod> => llmos.client.create(Pod, {
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
  spec: { terminationGracePeriodSeconds: 1, restartPolicy: 'Always', ...spec, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: SERVE, ...container }] },
});
const until = (name: string, holds: (pod: Pod) => boolean): Promise<Pod> => eventually(async () => {
  const pod = await llmos.client.get(Pod, name, { namespace: 'default' });
  return holds(pod) && pod;
}, { timeoutMs: 60_000, what: `${name}: ${holds}` });
const failed = (name: string): Promise<Pod> => until(name, ({ status }) => status?.phase === 'Failed');
const running = (name: string): Promise<Pod> => until(name, ({ status }) => status?.phase === 'Running');
const pressed = async (type: string, status: string): Promise<Node> => eventually(async () => {
  const node = await llmos.client.get(Node, 'node1');
  return node.status?.conditions?.find((each) => each.type === type)?.status === status && node;
}, { timeoutMs: 120_000, what: `${type} is ${status}` });

/** More than other programs of the machine take or give back meanwhile. */
const MARGIN_MIB = 2_000;
/** Holds twice the margin: two of them, because one read gives 2 GiB at most (read(2)). */
const HOLD = `dd if=/dev/zero bs=${MARGIN_MIB}M count=1 | sleep 1000`;

describe('a node short of memory', { skip: totalmem() < 8 * 2 ** 30 ? 'needs a machine of 8 GiB' : false }, () => {
  before(async () => {
    const free = observe({ memoryBytes: totalmem(), nodeFolder: '/', imageFolder: '/' })['memory.available']!.available;
    await boot(`modules: { node: { evictionEverySeconds: 1, evictionHard: { memory.available: ${Math.floor(free / MIB) - MARGIN_MIB}Mi }, evictionPressureTransitionPeriod: 8s, readySandboxes: 4 } }`);
  });
  after(() => llmos.destroy());

  it('evicts the pod that is far above its request, and takes no new one that asks for nothing', async () => {
    await create('modest', {}, { resources: { requests: { memory: '200Mi' } } });
    await running('modest');
    await create('greedy', {}, { command: ['sh', '-c', `${HOLD} & ${HOLD}`], resources: { requests: { memory: '10Mi' } } });
    const node = await pressed('MemoryPressure', 'True');
    await create('best-effort', { nodeName: 'node1' }); // while there is pressure, which may soon be over
    const tainted = eventually(async () => (await llmos.client.get(Node, 'node1')).spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/memory-pressure'), { timeoutMs: 60_000, what: 'the taint' });
    const [{ status }, refused] = await Promise.all([failed('greedy'), failed('best-effort'), tainted]);
    assert.equal(status?.reason, 'Evicted');
    assert.match(status?.message ?? '', /^The node was low on resource: memory\. Threshold quantity: .*, available: .*\. Container main was using \d+Ki, request is 10Mi, has larger consumption of memory\. $/);
    const target = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.deepEqual([target?.status, target?.reason], ['True', 'TerminationByKubelet']);
    assert.deepEqual([refused.status?.reason, refused.status?.message], ['Evicted', 'Pod was rejected: The node had condition: [MemoryPressure]. ']);
    assert.equal(node.status?.conditions?.find(({ type }) => type === 'MemoryPressure')?.reason, 'KubeletHasInsufficientMemory');
    assert.equal((await llmos.client.get(Pod, 'modest', { namespace: 'default' })).status?.phase, 'Running');
    assert.match((await llmos.kubectl('get', 'events', '--field-selector', 'reason=Evicted')).stdout, /pod\/greedy/);
  });
  it('and all is well again after the time of transition', async () => {
    await pressed('MemoryPressure', 'False');
    await eventually(async () => !(await llmos.client.get(Node, 'node1')).spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/memory-pressure'));
    await create('later', {});
    await running('later');
  });
});

describe('a node with a small disk', () => {
  before(() => boot('modules: { node: { evictionEverySeconds: 1, readySandboxes: 4, systemReserved: { cpu: 200m, memory: 100Mi } } }'));
  after(() => llmos.destroy());

  it('evicts pods above limits of their own', async () => {
    const write = (file: string): string[] => ['sh', '-c', `dd if=/dev/urandom of=${file} bs=1M count=4; sleep 1000`];
    const limits = { resources: { limits: { 'ephemeral-storage': '2Mi' } } };
    await create('volume', { volumes: [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }] }, { command: write('/cache/file'), volumeMounts: [{ name: 'cache', mountPath: '/cache' }] });
    await create('layer', {}, { command: write('/file'), ...limits });
    await create('whole', { volumes: [{ name: 'cache', emptyDir: {} }] }, { command: write('/cache/file'), volumeMounts: [{ name: 'cache', mountPath: '/cache' }], ...limits });
    await create('log', {}, { command: ['sh', '-c', 'yes | head -c 4000000; sleep 1000'], ...limits });
    await create('within', {}, { command: ['sh', '-c', 'dd if=/dev/urandom of=/file bs=1M count=1; sleep 1000'], ...limits });
    const messages = await Promise.all(['volume', 'layer', 'whole', 'log'].map(async (name) => (await failed(name)).status?.message));
    assert.deepEqual(messages, [
      'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ', 'Container main exceeded its local ephemeral storage limit "2Mi". ',
      'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ', 'Container main exceeded its local ephemeral storage limit "2Mi". ',
    ]);
    assert.equal((await running('within')).status?.phase, 'Running');
  });
  it('keeps a part of itself from pods, and refuses what does not fit', async () => {
    const { status } = await llmos.client.get(Node, 'node1');
    const millis = (text = ''): number => (text.endsWith('m') ? Number.parseInt(text, 10) : Number(text) * 1_000);
    const kib = (text = ''): number => Number.parseInt(text, 10);
    assert.equal(millis(status?.capacity?.['cpu']) - millis(status?.allocatable?.['cpu']), 200);
    assert.equal(kib(status?.capacity?.['memory']) - kib(status?.allocatable?.['memory']), 200 * 1_024);
    assert.ok(kib(status?.allocatable?.['ephemeral-storage']) < kib(status?.capacity?.['ephemeral-storage']));
    const v1 = existsSync('/sys/fs/cgroup/memory');
    const whole = Number(readFileSync(v1 ? `/sys/fs/cgroup/memory/${llmos.name}/memory.limit_in_bytes` : `/sys/fs/cgroup/${llmos.name}/memory.max`, 'utf8'));
    assert.ok(Math.abs(whole - (totalmem() - 100 * MIB)) < MIB, `${whole}`);
    await create('asks', {}, { resources: { requests: { cpu: '500m' } } });
    await running('asks');
    const shares = (name: string): number => Number(readFileSync(v1 ? `/sys/fs/cgroup/cpu/${llmos.name}/${name}/cpu.shares` : `/sys/fs/cgroup/${llmos.name}/${name}/cpu.weight`, 'utf8'));
    assert.ok(shares('besteffort') <= 2 && shares('burstable') > 10 * shares('besteffort'), `${shares('besteffort')} and ${shares('burstable')}`);
    await create('too-much', { nodeName: 'node1' }, { resources: { requests: { cpu: '1000' } } });
    assert.equal((await failed('too-much')).status?.reason, 'OutOfcpu');
  });
});

describe('a node whose disk is full', () => {
  before(() => boot('modules: { node: { evictionEverySeconds: 1, evictionHard: { nodefs.available: 100%, pid.available: 100% }, readySandboxes: 4 } }'));
  after(() => llmos.destroy());

  it('says so, and takes no pod', async () => {
    const node = await pressed('DiskPressure', 'True');
    assert.equal(node.status?.conditions?.find(({ type }) => type === 'PIDPressure')?.status, 'True');
    await eventually(async () => {
      const keys = (await llmos.client.get(Node, 'node1')).spec?.taints?.map(({ key }) => key) ?? [];
      return keys.includes('node.kubernetes.io/disk-pressure') && keys.includes('node.kubernetes.io/pid-pressure');
    });
    await create('late', { nodeName: 'node1' }, { resources: { requests: { memory: '1Mi' } } });
    assert.match((await failed('late')).status?.message ?? '', /The node had condition: \[.*DiskPressure.*\]/);
  });
});

describe('a disk that fills up', () => {
  let disk: string;
  before(async () => {
    disk = mkdtempSync(join(tmpdir(), 'llmos-test-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m', 'tmpfs', disk]);
    await boot('modules: { node: { evictionEverySeconds: 1, evictionHard: { nodefs.available: 40% }, evictionPressureTransitionPeriod: 3s, readySandboxes: 4 } }', disk);
  });
  after(async () => {
    await llmos.destroy();
    execFileSync('umount', ['-l', disk]);
    rmdirSync(disk);
  });

  it('loses the pod that filled it, with what it wrote, and is well again', async () => {
    await create('quiet', { volumes: [{ name: 'cache', emptyDir: {} }] }, { command: ['sh', '-c', 'dd if=/dev/zero of=/cache/file bs=1M count=5; sleep 1000'], volumeMounts: [{ name: 'cache', mountPath: '/cache' }], resources: { requests: { 'ephemeral-storage': '20Mi' } } });
    await running('quiet');
    const pressure = pressed('DiskPressure', 'True'); // it is soon over
    await create('filler', { volumes: [{ name: 'cache', emptyDir: {} }] }, { command: ['sh', '-c', 'dd if=/dev/zero of=/cache/file bs=1M count=300; sleep 1000'], volumeMounts: [{ name: 'cache', mountPath: '/cache' }] });
    const [{ status }] = await Promise.all([failed('filler'), pressure]);
    assert.match(status?.message ?? '', /^The node was low on resource: ephemeral-storage\. Threshold quantity: /);
    await pressed('DiskPressure', 'False');
    assert.equal((await llmos.client.get(Pod, 'quiet', { namespace: 'default' })).status?.phase, 'Running');
    await create('after', {}, {});
    await running('after');
  });
});
