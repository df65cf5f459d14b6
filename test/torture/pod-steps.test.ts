/**
 * SIGKILL of llmos at every step of a pod's life, from the create to the last file that goes. A life is recorded once by strace(1): each call of llmos' main
 * thread that changes the machine (folders, files, processes, signals) is a step. Then a pod lives again and again, and at one step after the other
 * strace kills llmos as it enters the call; nothing in llmos knows of it. After the next boot the pod must become what the API says, end when it is
 * told to, and leave nothing. Other moments, in which llmos waits for somebody, are found by what containers and hooks leave in a folder.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigMap } from '../../src/api/core/config-map.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { ServiceAccount } from '../../src/api/core/service-account.ts';
import { isApiError } from '../../src/api/errors.ts';
import { CGROUP_VERSION, groupsOf } from '../fixtures/cgroups.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { differences, holdingsAtRest, holdingsOf, type Holdings } from '../fixtures/leaks.ts';
import { budget } from './random.ts';

/** How many of the recorded steps are tried, evenly spread; all of them in the long run. */
const STEPS = Number(process.env['LLMOS_STEPS'] ?? budget(5, 10_000));
/** The first that is tried, as a share of all: to go on where a run ended. */
const FROM = Number(process.env['LLMOS_STEPS_FROM'] ?? 0);
/** What changes the machine, beside writes: those of the store are what kill.test.ts is for. */
const CALLS = ['mkdir', 'unlink', 'unlinkat', 'rmdir', 'rename', 'symlink', 'chmod', 'clone', 'clone3', 'vfork', 'kill'];
const LATE = 180_000;
/** What the main container begins with, and what it gets while it runs. */
const SMALL = { limits: { memory: '32Mi', cpu: '500m' } };
const LARGE = { limits: { memory: '48Mi', cpu: '500m' }, requests: { memory: '48Mi', cpu: '500m' } };
/** Then of it and of its pod. */
const LARGE_BYTES = [48 * 2 ** 20, 56 * 2 ** 20];

/** A call of the main thread since strace was attached: the `nth` of its name. */
interface Step {
  call: string;
  nth: number;
  /** As strace wrote it. */
  text: string;
}

describe('llmos is killed at every step of a pod', { timeout: 3 * 3_600_000 }, () => {
  let llmos: Instance;
  let marks: string;
  let calm: Holdings;
  let lives = 0;

  before(async () => {
    marks = mkdtempSync(join(tmpdir(), 'llmos-marks-'));
    llmos = await bootInstance({ config: 'modules:\n  node:\n    readySandboxes: 2\n' });
    importTestImage(llmos);
    await llmos.client.create(ConfigMap, { metadata: { name: 'words', namespace: 'default' }, data: { word: 'one' } } as ConfigMap);
    await eventually(async () => (await llmos.client.list(ServiceAccount, { namespace: 'default' })).items.length > 0);
    await live(); // what only the first pod makes is there then
    calm = await holdingsAtRest(llmos);
  });
  after(async () => {
    await llmos?.destroy();
    rmSync(marks, { recursive: true, force: true });
  });

  /** Of every sort that a step is for: addresses, ports of the machine, mounts of volumes and images, init containers, sidecars, hooks, probes, processes that are shared. */
  const podOf = (name: string): Pod => ({
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: {
      terminationGracePeriodSeconds: 5, shareProcessNamespace: true,
      volumes: [
        { name: 'memory', emptyDir: { medium: 'Memory' } }, { name: 'words', configMap: { name: 'words' } }, { name: 'image', image: { reference: TEST_IMAGE, pullPolicy: 'Never' } },
        { name: 'marks', hostPath: { path: marks, type: 'Directory' } },
      ],
      initContainers: [
        { name: 'init', image: TEST_IMAGE, imagePullPolicy: 'Never', resources: { limits: { memory: '32Mi' } }, command: ['sh', '-c', `test -s /words/word && ${marking('init')}`], volumeMounts: [{ name: 'words', mountPath: '/words' }, { name: 'marks', mountPath: '/marks' }] },
        { name: 'beside', image: TEST_IMAGE, imagePullPolicy: 'Never', restartPolicy: 'Always', resources: { limits: { memory: '8Mi' } }, command: ['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'] },
      ],
      containers: [{
        name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', resources: SMALL, command: ['sh', '-c', `trap '${marking('term')}; exit 0' TERM; sleep 100000 & wait`], ports: [{ containerPort: 8080, hostPort: 18_080 }],
        volumeMounts: [{ name: 'memory', mountPath: '/memory' }, { name: 'image', mountPath: '/image' }, { name: 'marks', mountPath: '/marks' }],
        lifecycle: { postStart: { exec: { command: ['sh', '-c', marking('post-start')] } }, preStop: { exec: { command: ['sh', '-c', marking('pre-stop')] } } },
        readinessProbe: { exec: { command: ['sh', '-c', marking('probe')] }, periodSeconds: 1 },
      }],
    },
  } as Pod);
  /** Leaves a mark; and is still at it a while, once, when the test wants so. */
  const marking = (mark: string): string => `touch /marks/${mark}; if rmdir /marks/slow-${mark} 2> /dev/null; then sleep 0.8; fi`;

  const isAlive = (): boolean => {
    try {
      return process.kill(llmos.pid, 0);
    } catch {
      return false;
    }
  };

  /** Does it in spite of kills: boots llmos again and repeats. */
  async function insist<T>(work: () => Promise<T>): Promise<T> {
    for (const endMs = Date.now() + LATE; ; ) {
      try {
        if (!isAlive()) await llmos.boot();
        return await work();
      } catch (error) {
        if (Date.now() > endMs) throw error;
        await sleep(20);
      }
    }
  }

  const limitOf = (group: string): number => Number(readFileSync(join(group, CGROUP_VERSION === 'v1' ? 'memory.limit_in_bytes' : 'memory.max'), 'utf8'));
  /** The groups of a pod and of its containers that may use so much memory as is asked for. */
  const largeGroups = ({ metadata }: Pod): string[] => groupsOf(llmos.name, metadata.uid!, 'memory').filter((group) => LARGE_BYTES.includes(limitOf(group)));
  const enlarge = ({ metadata: { name, namespace } }: Pod): Promise<unknown> => llmos.client.patch(Pod, name!, { type: 'strategic', body: { spec: { containers: [{ name: 'main', resources: LARGE }] } } }, { namespace, subresource: 'resize' });

  /** More memory for the main container, which is not to notice. */
  async function resize(pod: Pod, onAsked: () => Promise<void>): Promise<void> {
    const { restartCount } = pod.status!.containerStatuses![0]!;
    await insist(() => enlarge(pod));
    await onAsked();
    await insist(async () => {
      const { status } = await llmos.client.get(Pod, pod.metadata.name!, { namespace: 'default' });
      assert.deepEqual([status?.containerStatuses?.[0]?.resources?.limits?.['memory'], status?.containerStatuses?.[0]?.allocatedResources?.['memory']], ['48Mi', '48Mi'], 'the status tells what is in force');
      assert.equal(status?.conditions?.some(({ type }) => type.startsWith('PodResize')), false, 'the resize is over');
      assert.equal(status?.containerStatuses?.[0]?.restartCount, restartCount, 'nothing starts again for it');
      assert.equal(largeGroups(pod).length, LARGE_BYTES.length, 'the kernel has it');
    });
  }

  async function live({ onReady = async () => {}, onResize = async () => {} }: { onReady?: (pod: Pod) => Promise<void>; onResize?: (pod: Pod) => Promise<void> } = {}): Promise<void> {
    const name = `p${(lives += 1)}`;
    await insist(() => llmos.client.create(Pod, podOf(name)).catch((error: unknown) => {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }));
    const pod = await insist(async () => {
      const found = await llmos.client.get(Pod, name, { namespace: 'default' });
      assert.ok(found.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'), `${name} is ${JSON.stringify(found.status?.containerStatuses?.map(({ state }) => state))}`);
      return found;
    });
    assert.ok((pod.status?.containerStatuses?.[0]?.restartCount ?? 0) <= 1, 'what was being started began once more at most');
    const processes = (folder: string): number => readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).length;
    const busy = groupsOf(llmos.name, pod.metadata.uid!, 'pids').filter((folder) => processes(folder) > 0);
    const [own, others] = [busy.filter((folder) => folder.endsWith('/process-namespace')), busy.filter((folder) => !folder.endsWith('/process-namespace'))];
    assert.equal(others.length, 2, `a ready pod has its two containers and no third: ${busy.join(' ')}`);
    assert.deepEqual(own.map(processes), [1], 'one process holds the namespace that they share');
    await onReady(pod);
    await resize(pod, () => onResize(pod));
    await insist(() => llmos.client.delete(Pod, name, { namespace: 'default' }).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
    }));
    await insist(async () => assert.equal((await llmos.client.list(Pod, { namespace: 'default', fieldSelector: `metadata.name=${name}` })).items.length, 0, `${name} is gone`));
  }

  async function nothingIsLeft(when: string): Promise<void> {
    if (!isAlive()) await llmos.boot(); // killed after the last word
    await eventually(async () => {
      const left = differences(calm, holdingsOf(llmos));
      assert.deepEqual(left, [], `killed ${when}`);
      return true;
    }, { timeoutMs: 20_000, everyMs: 250 });
  }

  /** Attaches to the main thread alone, and settles when the kernel has done so. */
  async function trace(...args: string[]): Promise<ChildProcess> {
    const child = spawn('strace', ['-p', String(llmos.pid), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    await new Promise<void>((settled, failed) => {
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => { if ((said += chunk.toString()).includes('attached')) settled(); });
      child.once('exit', () => failed(new Error(`strace: ${said}`)));
    });
    return child;
  }

  async function detach(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((settled) => child.once('exit', settled));
    child.kill('SIGINT');
    await ended;
  }

  async function recordLife(): Promise<Step[]> {
    const file = join(marks, 'strace');
    const child = await trace('-o', file, '-e', `trace=${CALLS.join(',')}`);
    await live();
    await sleep(500);
    await detach(child);
    const seen = new Map<string, number>();
    const steps = readFileSync(file, 'utf8').split('\n').flatMap((text): Step[] => {
      const call = /^(\w+)\(/.exec(text)?.[1];
      if (call === undefined) return [];
      seen.set(call, (seen.get(call) ?? 0) + 1);
      return [{ call, nth: seen.get(call)!, text: text.slice(0, 160) }];
    });
    rmSync(file);
    return steps;
  }

  it('by the calls that llmos makes', async () => {
    const steps = await recordLife();
    assert.ok(steps.length > 50, `only ${steps.length} steps`);
    const count = Math.min(STEPS, steps.length);
    let kills = 0;
    const first = Math.floor(FROM * count);
    for (let index = first; index < count; index += 1) {
      const { call, nth, text } = steps[Math.floor((index * steps.length) / count)] as Step;
      const bootMs = llmos.pid;
      const child = await trace('-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${nth}`);
      await live();
      await sleep(100);
      await detach(child);
      if (!isAlive() || llmos.pid !== bootMs) kills += 1;
      await nothingIsLeft(`at step ${index} of ${count}, ${text}`);
    }
    console.log(`pod-steps: ${steps.length} steps, ${count} tried, ${kills} kills`);
    assert.ok(kills >= (count - first) * 0.7, `only ${kills} of ${count - first} kills`);
  });

  for (const moment of ['init', 'post-start', 'probe', 'pre-stop', 'term']) {
    it(`while it waits: ${moment}`, async () => {
      const marked = (): boolean => existsSync(join(marks, moment));
      for (const file of readdirSync(marks)) rmSync(join(marks, file), { recursive: true });
      mkdirSync(join(marks, `slow-${moment}`));
      const killing = (async () => {
        while (!marked()) await sleep(10);
        await llmos.kill();
      })();
      await live();
      await killing;
      await nothingIsLeft(`during ${moment}`);
    });
  }

  for (const [moment, groups] of [['it is asked for', 0], ['the pod has it', 1], ['the container has it', 2]] as const) {
    it(`while it is resized: ${moment}`, async () => {
      await live({
        async onResize(pod) {
          for (const endMs = Date.now() + LATE; largeGroups(pod).length < groups && Date.now() < endMs;) await sleep(1);
          await llmos.kill();
        },
      });
      await nothingIsLeft(`while it was resized: ${moment}`);
    });
  }

  it('while it runs, and before the next of its name', async () => {
    await live({ onReady: () => llmos.kill() });
    await live();
    await nothingIsLeft('while it ran');
  });
});
