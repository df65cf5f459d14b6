/** Limits that bite, seen in the kernel's own counters: processes, cpu, memory; on cgroup v1 and v2. What a pod may not take hurts no other. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import { CGROUP_VERSION, cpuUsedNs, groupField, groupsOf } from '../fixtures/cgroups.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';
import { PATIENCE } from '../fixtures/patience.ts';

type Container = NonNullable<Pod['spec']>['containers'][number];
const CALM = ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'];
/** Takes what memory there is. */
const GREEDY = 'x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done';
const PIDS = 40;

describe(`limits (cgroup ${CGROUP_VERSION})`, { timeout: 300_000 * PATIENCE }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods({ config: `modules:\n  node:\n    readySandboxes: 4\n    podPidsLimit: ${PIDS}\n` });
    await create('neighbour', [{ command: CALM }]);
    await ready('neighbour');
  });
  after(() => llmos?.destroy());

  const create = (name: string, containers: Partial<Container>[], spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 1, ...spec, containers: containers.map((container, n) => ({ name: `c${n}`, image: TEST_IMAGE, imagePullPolicy: 'Never' as const, ...container })) },
  });
  const get = (name: string): Promise<Pod> => llmos.client.get(Pod, name, { namespace: 'default' });
  const ready = (name: string): Promise<Pod> => eventually(async () => {
    const pod = await get(name);
    return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && pod;
  }, { what: `${name} is ready` });
  const statusOf = (pod: Pod, container: string) => pod.status!.containerStatuses!.find(({ name }) => name === container)!;
  const groups = (pod: Pod, controller: Parameters<typeof groupsOf>[2]): string[] => groupsOf(llmos.name, pod.metadata.uid!, controller);

  async function neighbourLives(): Promise<void> {
    const { code, stdout, stderr } = await llmos.kubectl('exec', 'neighbour', '--', 'sh', '-c', 'for n in 1 2 3 4 5; do sleep 0.1 & done; wait; echo alive');
    assert.deepEqual([code, stdout], [0, 'alive\n'], stderr);
    assert.deepEqual((await ready('neighbour')).status!.containerStatuses!.map(({ restartCount }) => restartCount), [0]);
  }

  it('forks beyond the limit of the pod are refused', async () => {
    // The inner shell forks until it may not; the outer one needs no further process.
    await create('forks', [{ command: ['sh', '-c', '(while true; do sleep 100000 & echo forked; done); echo "the shell ended"; exec sleep 100000'] }]);
    const log = await eventually(async () => {
      const { stdout } = await llmos.kubectl('logs', 'forks');
      return stdout.includes('the shell ended') && stdout;
    }, { what: 'forks are refused' });
    const forked = log.match(/^forked$/gm)?.length ?? 0;
    assert.match(log, /can't fork: Resource temporarily unavailable/);
    assert.ok(forked < PIDS && forked >= PIDS - 5, `${forked} processes beside two shells, of ${PIDS}`);
    const pod = await ready('forks');
    const refusals = groups(pod, 'pids').reduce((sum, folder) => sum + groupField(folder, 'pids.events', 'max'), 0);
    assert.ok(refusals > 0, 'the kernel counted refusals');
    assert.equal(statusOf(pod, 'c0').restartCount, 0, 'it lives on');
    await neighbourLives();
  });

  it('the containers of a pod share its limit of processes', async () => {
    await create('shares', [{ command: CALM }, { command: CALM }]);
    const pod = await ready('shares');
    const forks = await llmos.kubectl('exec', 'shares', '-c', 'c0', '--', 'sh', '-c', 'while true; do sleep 100000 < /dev/null > /dev/null 2>&1 & done');
    assert.match(forks.stderr, /can't fork: Resource temporarily unavailable/);
    const [whole = '', ...parts] = groups(pod, 'pids');
    const count = (folder: string): number => Number(readFileSync(join(folder, 'pids.current'), 'utf8'));
    assert.equal(parts.length, 2);
    assert.ok(count(whole) >= PIDS - 5 && parts.some((folder) => count(folder) <= 3), `${count(whole)} in the pod, in its containers ${parts.map(count).join(' and ')}`);
    const refused = await llmos.kubectl('exec', 'shares', '-c', 'c1', '--', 'sh', '-c', 'for n in 1 2 3 4 5 6 7 8; do sleep 100000 & done');
    assert.notEqual(refused.code, 0, 'a process of the other container is refused, too');
    await neighbourLives();
  });

  it('cpu beyond the limit is throttled', async () => {
    const SHARE = 0.05;
    await create('busy', [{ command: ['sh', '-c', 'while true; do :; done & while true; do :; done'], resources: { limits: { cpu: `${SHARE * 1_000}m` } } }]);
    const pod = await ready('busy');
    const [, container = ''] = groups(pod, 'cpu');
    const [, accounted = ''] = groups(pod, 'cpuacct');
    const look = (): { periods: number; throttled: number; usedNs: number } => ({ periods: groupField(container, 'cpu.stat', 'nr_periods'), throttled: groupField(container, 'cpu.stat', 'nr_throttled'), usedNs: cpuUsedNs(accounted) });
    const first = look();
    const last = await eventually(async () => {
      const now = look();
      return now.throttled - first.throttled >= 10 && now;
    }, { timeoutMs: 60_000, what: 'the container is throttled' });
    const used = (last.usedNs - first.usedNs) / ((last.periods - first.periods) * 100e6);
    assert.ok(used < SHARE * 3, `two loops got ${(used * 100).toFixed(1)} % of a cpu of their ${SHARE * 100} %`);
    assert.ok(used > SHARE / 5, `two loops got only ${(used * 100).toFixed(1)} %`);
    await neighbourLives();
  });

  it('a container over its memory limit is killed, and the others of its pod are not', async () => {
    await create('hungry', [{ command: ['sh', '-c', GREEDY], resources: { limits: { memory: '32Mi' } } }, { command: CALM, resources: { limits: { memory: '32Mi' } } }], { restartPolicy: 'Never' });
    const pod = await eventually(async () => {
      const found = await get('hungry');
      return found.status?.containerStatuses?.some(({ name, state }) => name === 'c0' && state?.terminated !== undefined) === true && found;
    }, { what: 'it is killed' });
    assert.deepEqual([statusOf(pod, 'c0').state!.terminated!.reason, statusOf(pod, 'c0').state!.terminated!.exitCode], ['OOMKilled', 137]);
    assert.equal((await llmos.kubectl('exec', 'hungry', '-c', 'c1', '--', 'echo', 'calm')).stdout, 'calm\n');
    assert.notEqual(statusOf(await get('hungry'), 'c1').state?.running, undefined);
    await neighbourLives();
  });

  it('a container is killed as a whole when one of its processes takes too much', { skip: CGROUP_VERSION === 'v1' && 'cgroup v1 kills single processes' }, async () => {
    await create('whole', [{ command: ['sh', '-c', `sh -c '${GREEDY}' & while true; do sleep 0.1; done`], resources: { limits: { memory: '32Mi' } } }], { restartPolicy: 'Never' });
    const pod = await eventually(async () => {
      const found = await get('whole');
      return found.status?.containerStatuses?.[0]?.state?.terminated !== undefined && found;
    }, { what: 'it is killed' });
    assert.deepEqual([statusOf(pod, 'c0').state!.terminated!.reason, statusOf(pod, 'c0').state!.terminated!.exitCode], ['OOMKilled', 137]);
  });

  it('what a pod uses is what the kernel counts', async () => {
    await create('holds', [{ command: ['sh', '-c', 'dd if=/dev/zero of=/dev/shm/held bs=1M count=24; exec sleep 100000'], resources: { limits: { memory: '64Mi' } } }]);
    await ready('holds');
    const summary = await eventually(async () => {
      const { stdout } = await llmos.kubectl('get', '--raw', '/api/v1/nodes/node1/proxy/stats/summary');
      const { pods } = JSON.parse(stdout) as { pods: { podRef: { name: string }; containers: { memory: { workingSetBytes: number }; cpu: { usageCoreNanoSeconds: number } }[] }[] };
      const found = pods.find(({ podRef }) => podRef.name === 'holds')?.containers[0];
      return found !== undefined && found.memory.workingSetBytes > 24 * 2 ** 20 && found;
    }, { what: 'the summary tells what the pod holds' });
    assert.ok(summary.memory.workingSetBytes <= 64 * 2 ** 20);
    assert.ok(summary.cpu.usageCoreNanoSeconds > 0);
  });

  it('where memory ends, those go first that asked for least', async () => {
    // Without CAP_SYS_RESOURCE the kernel lets nobody be safer than who starts it.
    const lowest = (wanted: number): number => Number(execFileSync('sh', ['-c', `{ echo ${wanted} > /proc/self/oom_score_adj; } 2> /dev/null; read score < /proc/self/oom_score_adj; echo $score`], { encoding: 'utf8' }));
    const all = { limits: { cpu: '20m', memory: '16Mi' } };
    const scores = { guaranteed: lowest(-997), 'own-users': lowest(-997), critical: lowest(-997), burstable: 999, nothing: 1_000 };
    await create('guaranteed', [{ command: CALM, resources: all }]);
    await create('own-users', [{ command: CALM, resources: all }], { hostUsers: false });
    await create('critical', [{ command: CALM }], { priorityClassName: 'system-node-critical' });
    await create('burstable', [{ command: CALM, resources: { requests: { cpu: '20m' } } }]);
    await create('nothing', [{ command: CALM }]);
    for (const [name, score] of Object.entries(scores)) {
      await ready(name);
      const { stdout, stderr } = await llmos.kubectl('exec', name, '--', 'cat', '/proc/1/oom_score_adj', '/proc/self/oom_score_adj');
      assert.equal(stdout, `${score}\n${score}\n`, `${name}: ${stderr}`);
    }
  });

  it('a limit of memory is not stretched by swap', { skip: CGROUP_VERSION === 'v1' && 'kernels with cgroup v1 seldom count swap' }, async () => {
    const [, container = ''] = groups(await get('holds'), 'memory');
    const most = join(container, 'memory.swap.max');
    assert.equal(existsSync(most) ? readFileSync(most, 'utf8').trim() : '0', '0');
    assert.equal(readFileSync(join(container, 'memory.oom.group'), 'utf8').trim(), '1');
  });

  it('a pod that is gone leaves no group', async () => {
    const names = ['forks', 'shares', 'busy', 'hungry', 'holds'];
    const pods = await Promise.all(names.map(get));
    await ok(llmos.kubectl('delete', 'pod', '--wait', ...names));
    await eventually(async () => pods.every((pod) => (['cpu', 'memory', 'pids'] as const).every((controller) => groups(pod, controller).length === 0)), { what: 'their groups are gone' });
    await neighbourLives();
  });
});
