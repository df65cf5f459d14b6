/** What a whole instance does to control groups while containers run, on v1 and v2: limits that a resize moves, seen to bite; an option of the machine that is there as long as llmos is up. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import type { Json } from '../../src/api/meta.ts';
import { treeOptions } from '../../src/modules/node/cgroup/favor-moves.ts';
import { CGROUP_VERSION, groupsOf } from '../fixtures/cgroups.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { bootForPods } from '../fixtures/pods.ts';

type Container = NonNullable<Pod['spec']>['containers'][number];
type Limits = Record<string, string>;

const MIB = 2 ** 20;
/** The option is the machine's, which other instances may set or take back at any time; in the guest there are none. */
const OF_THE_MACHINE = process.env['LLMOS_TEST_GUEST'] === '1' ? false : "it is the whole machine's: tried in the guest";
const CALM = ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'];

/** Whether the machine's tree of cgroup v2 has the option. */
function favors(): boolean {
  return treeOptions(readFileSync('/proc/1/mounts', 'utf8'), { favoring: true }) === undefined;
}

describe(`control groups (cgroup ${CGROUP_VERSION}) of a whole instance`, { timeout: 300_000 * PATIENCE }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods({ config: 'modules: { node: { readySandboxes: 2 } }' });
  });
  after(() => llmos?.destroy());

  const create = (name: string, container: Partial<Container>, spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 1, ...spec, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: CALM, ...container }] },
  });
  const until = (name: string, what: string, holds: (pod: Pod) => boolean): Promise<Pod> => eventually(async () => {
    const pod = await llmos.client.get(Pod, name, { namespace: 'default' });
    return holds(pod) && pod;
  }, { what: `${name} ${what}`, timeoutMs: 60_000 });
  const ready = (name: string): Promise<Pod> => until(name, 'is ready', ({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true);
  const resize = (name: string, spec: { [field: string]: Json }): Promise<Pod> => llmos.client.patch(Pod, name, { type: 'strategic', body: { spec } }, { namespace: 'default', subresource: 'resize' });
  const resizeTo = (name: string, limits: Limits): Promise<Pod> => resize(name, { containers: [{ name: 'main', resources: { requests: limits, limits } }] });
  const resized = (name: string, limits: Limits): Promise<Pod> => until(name, `has ${JSON.stringify(limits)}`, ({ status }) => Object.entries(limits).every(([resource, amount]) => status?.containerStatuses?.[0]?.resources?.limits?.[resource] === amount) && !status!.conditions!.some(({ type }) => type.startsWith('PodResize')));
  const exec = async (name: string, script: string): Promise<{ code: number; stdout: string }> => llmos.kubectl('exec', name, '--', 'sh', '-c', script);

  /** What the kernel keeps to, of the pod's own group and then of its container's: bytes of memory, and µs of cpu in 100 ms. */
  function keptTo(pod: Pod): number[][] {
    const [memory, cpu] = CGROUP_VERSION === 'v2' ? ['memory.max', 'cpu.max'] : ['memory.limit_in_bytes', 'cpu.cfs_quota_us'];
    const of = (controller: 'memory' | 'cpu', file: string): number[] => groupsOf(llmos.name, pod.metadata.uid!, controller).slice(0, 2).map((group) => parseInt(readFileSync(join(group, file), 'utf8'), 10));
    const [bytes, quotas] = [of('memory', memory), of('cpu', cpu)];
    return bytes.map((each, index) => [each / MIB, quotas[index]!]);
  }

  it('let moves between groups be quick while it is up, on a machine whose kernel can', { skip: OF_THE_MACHINE }, async () => {
    const mark = join(llmos.run, 'node/favordynmods');
    await eventually(async () => favors() && readFileSync(mark, 'utf8') === 'set', { what: 'the option is set, and marked' });
    await create('first', {});
    await ready('first');
    await llmos.kill();
    assert.equal(favors(), true, 'who is killed leaves it');
    await llmos.boot();
    await create('second', {});
    await ready('second');
    assert.deepEqual([favors(), readFileSync(mark, 'utf8')], [true, 'set']);
  });

  it('are resized while containers run: what was refused is given, what was given is refused', async () => {
    await create('sized', { resources: { limits: { cpu: '100m', memory: '32Mi' } } });
    const first = await ready('sized');
    assert.deepEqual(keptTo(first), [[32, 10_000], [32, 10_000]]);
    const greedy = 'dd if=/dev/zero of=/dev/null bs=48M count=1 2> /dev/null && echo had || echo had not';
    assert.equal((await exec('sized', greedy)).stdout.includes('had\n'), false, 'not beyond its limit');
    // v2 kills a container that is out of memory as a whole, as kubelet wants it; v1 the process that wanted more.
    const ends = CGROUP_VERSION === 'v2' ? 1 : 0;
    const before = await until('sized', 'runs on, or again', ({ status }) => status?.containerStatuses?.[0]?.ready === true && status.containerStatuses[0].restartCount === ends);
    assert.equal(before.status?.containerStatuses?.[0]?.lastState?.terminated?.reason, ends === 0 ? undefined : 'OOMKilled');
    await resizeTo('sized', { cpu: '300m', memory: '96Mi' });
    const more = await resized('sized', { cpu: '300m', memory: '96Mi' });
    assert.deepEqual(keptTo(more), [[96, 30_000], [96, 30_000]]);
    assert.equal((await exec('sized', greedy)).stdout, 'had\n');
    await resizeTo('sized', { cpu: '200m', memory: '64Mi' });
    const less = await resized('sized', { cpu: '200m', memory: '64Mi' });
    assert.deepEqual(keptTo(less), [[64, 20_000], [64, 20_000]]);
    const { containerID, restartCount } = less.status!.containerStatuses![0]!;
    assert.deepEqual([containerID, restartCount], [before.status!.containerStatuses![0]!.containerID, before.status!.containerStatuses![0]!.restartCount], 'the same container all the while');
  });

  it('of a pod are not as they should be before its own group is, too', { skip: CGROUP_VERSION === 'v2' && 'nothing within holds up a smaller quota there' }, async () => {
    const pod = await resizeTo('sized', { cpu: '300m', memory: '96Mi' }).then(() => resized('sized', { cpu: '300m', memory: '96Mi' }));
    const [group] = groupsOf(llmos.name, pod.metadata.uid!, 'cpu');
    const within = join(group!, 'within');
    mkdirSync(within);
    try {
      writeFileSync(join(within, 'cpu.cfs_quota_us'), '30000');
      await resizeTo('sized', { cpu: '200m', memory: '64Mi' });
      await until('sized', 'is told why not', ({ status }) => status?.conditions?.some(({ type, reason, message }) => type === 'PodResizeInProgress' && reason === 'Error' && /EINVAL/.test(message ?? '')) === true);
      assert.deepEqual(keptTo(pod).map(([, quota]) => quota), [30_000, 20_000]);
    } finally {
      rmdirSync(within);
    }
    assert.deepEqual(keptTo(await resized('sized', { cpu: '200m', memory: '64Mi' })), [[64, 20_000], [64, 20_000]]);
  });

  it('are not made smaller than what is in use, until it is not', async () => {
    await exec('sized', 'dd if=/dev/zero of=/dev/shm/held bs=1M count=24 2> /dev/null');
    await resizeTo('sized', { cpu: '200m', memory: '16Mi' });
    const held = await until('sized', 'is told why not', ({ status }) => status?.conditions?.some(({ type, reason, message }) => type === 'PodResizeInProgress' && reason === 'Error' && /below current usage/.test(message ?? '')) === true);
    assert.deepEqual(keptTo(held)[1], [64, 20_000]);
    await exec('sized', 'rm /dev/shm/held; true');
    const done = await resized('sized', { cpu: '200m', memory: '16Mi' });
    assert.deepEqual(keptTo(done), [[16, 20_000], [16, 20_000]]);
  });

  it('of a pod as a whole are resized, and a resize that llmos did not live to see is done by the next', async () => {
    const more = { cpu: '250m', memory: '80Mi' };
    await create('whole', {}, { resources: { limits: { cpu: '200m', memory: '48Mi' } } });
    assert.deepEqual(keptTo(await ready('whole'))[0], [48, 20_000]);
    await resize('whole', { resources: { requests: more, limits: more } });
    await llmos.kill();
    await llmos.boot();
    const pod = await until('whole', 'is resized', ({ status }) => status?.resources?.limits?.['memory'] === '80Mi' && status.resources.limits['cpu'] === '250m');
    assert.deepEqual(keptTo(pod)[0], [80, 25_000]);
    assert.equal(pod.status!.containerStatuses![0]!.restartCount, 0);
  });

  it('are all gone after it went down', async () => {
    const uids = (await llmos.client.list(Pod, { namespace: 'default' })).items.map(({ metadata }) => metadata.uid!);
    await llmos.destroy();
    assert.deepEqual(uids.flatMap((uid) => groupsOf(llmos.name, uid, 'memory')), []);
  });

  it('move as the kernel has it, after it went down', { skip: OF_THE_MACHINE }, () => assert.equal(favors(), false));
});
