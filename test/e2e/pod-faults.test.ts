/** Pods among faults, each caused for real: a runtime that fails at times, monitors that are killed, containers that do not listen or talk without end. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pod } from '../../src/api/core/pod.ts';
import { RuntimeClass } from '../../src/api/node/runtime-class.ts';
import { groupsOf } from '../fixtures/cgroups.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';
import { comesBackTo, holdingsAtRest, type Holdings } from '../fixtures/leaks.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { cpuMs, residentMib } from '../fixtures/processes.ts';

type Container = NonNullable<Pod['spec']>['containers'][number];

/** crun, unless a file says that this verb is to fail, for good (`VERB.always`) or once (`VERB.once`), or to take its time once (`VERB.slow`), or never to end (`VERB.hang`),
 * or to say that all is well and to do nothing (`VERB.garbage`). */
const FLAKY = (folder: string, crun: string): string => `#!/bin/sh
for word in "$@"; do case "$word" in create|start|kill|delete|exec) verb=$word; break ;; esac; done
if [ -e "${folder}/$verb.always" ] || rm "${folder}/$verb.once" 2> /dev/null; then echo "$verb" >> "${folder}/failed"; echo "$verb fails on purpose" >&2; exit 1; fi
if rm "${folder}/$verb.garbage" 2> /dev/null; then
  echo "$verb" >> "${folder}/spoilt"; echo '{"all": [is, well'; echo 'well' >&2
  for word in "$@"; do if [ "$last" = --pid-file ]; then echo nonsense > "$word"; fi; last=$word; done
  exit 0
fi
if rm "${folder}/$verb.slow" 2> /dev/null; then echo "$verb" >> "${folder}/slowed"; sleep 1; fi
if rm "${folder}/$verb.hang" 2> /dev/null; then echo "$verb" >> "${folder}/hung"; while :; do sleep 0.1; done; fi
exec ${crun} "$@"
`;
const WAITS = ['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'];
const PODS = 24;
const KILLS = 4;
const LOG_BYTES = 2 ** 20;
const LOG_FILES = 3;
/** So many times the bytes at which a log is to be set aside it may have for each of its files, and for one more: who sets it aside may be late. */
const FLOOD = 2;
/** In one look at several files, one of which is being set aside or begun anew. */
const SLACK_BYTES = 2 * LOG_BYTES;

describe('pods among faults', { timeout: 480_000 * PATIENCE }, () => {
  let llmos: Instance;
  let folder: string;
  let calm: Holdings;
  const path = process.env['PATH'];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-flaky-'));
    const crun = (path ?? '').split(delimiter).concat('/usr/bin').map((each) => join(each, 'crun')).find((file) => existsSync(file))!;
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin/crun'), FLAKY(folder, crun));
    chmodSync(join(folder, 'bin/crun'), 0o755);
    process.env['PATH'] = `${join(folder, 'bin')}:${path}`;
    writeFileSync(join(folder, 'bin/asked'), `#!/bin/sh\nexec ${join(folder, 'bin/crun')} --cgroup-manager=cgroupfs "$@"\n`);
    chmodSync(join(folder, 'bin/asked'), 0o755);
    llmos = await bootForPods({ config: `modules:\n  node:\n    readySandboxes: 2\n    runtimes: { asked: ${join(folder, 'bin/asked')}, gone: ${join(folder, 'bin/gone')} }\n    containerLogMonitorInterval: 1s\n    containerLogMaxSize: ${LOG_BYTES}\n    containerLogMaxFiles: ${LOG_FILES}\n` });
    mkdirSync(join(llmos.run, 'node/runtime-asked')); // a runtime keeps the folder that it made with its first container
    await create('neighbour', { command: WAITS });
    await ready('neighbour');
    calm = await holdingsAtRest(llmos);
  });
  after(async () => {
    process.env['PATH'] = path;
    await llmos?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  const create = (name: string, container: Partial<Container>, spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 2, ...spec, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: WAITS, ...container }] },
  });
  const get = (name: string): Promise<Pod> => llmos.client.get(Pod, name, { namespace: 'default' });
  const ready = (name: string): Promise<Pod> => eventually(async () => {
    const pod = await get(name);
    return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && pod;
  }, { what: `${name} is ready`, timeoutMs: 60_000 });
  const fail = (verb: string, how: 'once' | 'always' | 'slow' | 'hang' | 'garbage'): void => writeFileSync(join(folder, `${verb}.${how}`), '');
  const failures = (): string[] => (existsSync(join(folder, 'failed')) ? readFileSync(join(folder, 'failed'), 'utf8').trim().split('\n') : []);
  const end = (name: string): Promise<string> => ok(llmos.kubectl('delete', 'pod', name, '--wait', '--timeout=60s'));

  /** Control groups of the pod's containers that run. */
  const runningGroups = (uid: string): string[] => groupsOf(llmos.name, uid, 'pids').filter((group) => {
    try {
      return readFileSync(join(group, 'cgroup.procs'), 'utf8').trim() !== '';
    } catch {
      return false; // it has gone meanwhile
    }
  });

  async function allIsCalm(): Promise<void> {
    await comesBackTo(calm, llmos);
    const neighbour = await get('neighbour');
    assert.deepEqual(neighbour.status?.containerStatuses?.map(({ restartCount, ready: isReady }) => [restartCount, isReady]), [[0, true]]);
  }

  it('a runtime that fails to create is told of, and tried again', async () => {
    fail('create', 'once');
    await create('create', {});
    const pod = await ready('create');
    assert.deepEqual(failures().splice(0), ['create']);
    assert.match(JSON.stringify(pod.status?.containerStatuses?.[0]?.lastState), /create fails on purpose/);
    await end('create');
    await allIsCalm();
  });

  it('one that fails to start ends the attempt, and is tried again by the policy of the pod', async () => {
    rmSync(join(folder, 'failed'), { force: true });
    for (const handler of ['asked', 'gone']) await llmos.client.create(RuntimeClass, { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: handler }, handler });
    fail('start', 'once'); // crun is asked to start only by its command line: a byte into its fifo does so else
    await create('start', {}, { runtimeClassName: 'asked' });
    const { exitCode, reason, message } = (await ready('start')).status?.containerStatuses?.[0]?.lastState?.terminated ?? {};
    assert.deepEqual([exitCode, reason, message], [128, 'StartError', 'OCI runtime start failed: start fails on purpose']);
    assert.deepEqual(failures().splice(0), ['start']);
    fail('start', 'always');
    await create('never', {}, { runtimeClassName: 'asked', restartPolicy: 'Never' });
    await eventually(async () => (await get('never')).status?.phase === 'Failed', { what: 'it has failed for good' });
    rmSync(join(folder, 'start.always'));
    await create('gone', {}, { runtimeClassName: 'gone' });
    await eventually(async () => /Runtime path .*bin\/gone is not valid/.test((await get('gone')).status?.containerStatuses?.[0]?.state?.waiting?.message ?? ''), { what: 'the missing runtime is named' });
    for (const name of ['start', 'never', 'gone']) await end(name);
    await allIsCalm();
  });

  it('one that fails to delete leaves nothing, even when it never does', async () => {
    rmSync(join(folder, 'failed'), { force: true });
    fail('create', 'once'); // such a container is deleted by the runtime
    fail('delete', 'always');
    await create('delete', { command: ['sh', '-c', 'sleep 100000 & sleep 100000'] }, { hostPID: true, terminationGracePeriodSeconds: 1, runtimeClassName: 'asked' }); // crun need not be asked: what it ran is dead by then
    await ready('delete');
    await end('delete');
    rmSync(join(folder, 'delete.always'));
    await allIsCalm();
    assert.ok(failures().includes('delete'), 'it was asked to');
  });

  it('one that is still at it when llmos is killed and starts again is not left behind', async () => {
    fail('create', 'slow');
    await create('slow', {});
    await eventually(async () => existsSync(join(folder, 'slowed')), { what: 'the runtime is at it', everyMs: 10 });
    await llmos.kill();
    await llmos.boot();
    const pod = await ready('slow');
    await sleep(1_200); // the runtime of before would be done by now
    const procs = runningGroups(pod.metadata.uid!);
    assert.equal(procs.length, 1, `one container runs: ${procs.join(' ')}`);
    await end('slow');
    await allIsCalm();
  });

  it('one that hangs is not waited for when its pod goes, and holds up nobody else', async () => {
    fail('create', 'hang');
    await create('hangs', {});
    await eventually(async () => existsSync(join(folder, 'hung')), { what: 'it hangs' });
    rmSync(join(folder, 'hung'));
    fail('start', 'hang');
    await create('hangs-later', {}, { runtimeClassName: 'asked' });
    await eventually(async () => existsSync(join(folder, 'hung')), { what: 'it hangs' });
    await create('beside', {});
    await ready('beside');
    const fromMs = Date.now();
    await Promise.all(['hangs', 'hangs-later', 'beside'].map(end));
    assert.ok(Date.now() - fromMs < 60_000 * PATIENCE, `${Date.now() - fromMs} ms`);
    await allIsCalm();
  });

  it('one that says that all is well and did nothing is not believed', async () => {
    fail('create', 'garbage');
    await create('spoilt', {});
    const { status } = await ready('spoilt');
    assert.deepEqual(readFileSync(join(folder, 'spoilt'), 'utf8'), 'create\n');
    assert.equal(status?.containerStatuses?.[0]?.state?.running !== undefined, true);
    await end('spoilt');
    await allIsCalm();
  });

  it('one that is not there any more is named, and what runs goes on and ends without it', async () => {
    await create('before', {});
    await ready('before');
    const [own, away] = [join(folder, 'bin/crun'), join(folder, 'bin/away')];
    renameSync(own, away);
    await create('without', {});
    await eventually(async () => /crun/.test(JSON.stringify((await get('without')).status?.containerStatuses?.[0])), { what: 'what is missing is named' });
    await end('before');
    renameSync(away, own);
    await ready('without');
    await end('without');
    await allIsCalm();
  });

  it('a monitor that is killed while its container is made, or before it starts, leaves no second one', async () => {
    for (const verb of ['create', 'start']) {
      rmSync(join(folder, 'slowed'), { force: true });
      fail(verb as 'create', 'slow');
      const name = `unwatched-${verb}`;
      const { metadata: { uid } } = await create(name, {}, { runtimeClassName: 'asked' });
      await eventually(async () => existsSync(join(folder, 'slowed')), { what: 'the runtime is at it', everyMs: 10 });
      const bundle = await eventually(async () => readdirSync(join(llmos.run, 'node/bundles')).map((id) => join(llmos.run, 'node/bundles', id)).find((each) => readFileSync(join(each, 'record.json'), 'utf8').includes(uid!)));
      process.kill(Number(readFileSync(join(bundle, 'conmon.pid'), 'utf8')), 'SIGKILL');
      await ready(name);
      await sleep(1_200); // the runtime of before would be done by now
      const procs = runningGroups(uid!);
      assert.equal(procs.length, 1, `one container runs: ${procs.join(' ')}`);
      await end(name);
    }
    await allIsCalm();
  });

  it('one that hangs in a probe fails the probe, and one that hangs as it deletes is not waited for', async () => {
    await create('probed', { readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 1 } });
    await ready('probed');
    fail('exec', 'hang');
    await eventually(async () => (await get('probed')).status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'False'), { what: 'it is not ready', everyMs: 10 });
    await ready('probed');
    fail('create', 'once'); // such a container is deleted by the runtime
    fail('delete', 'hang');
    await create('deleted', {});
    await ready('deleted');
    for (const name of ['probed', 'deleted']) await end(name);
    for (const file of ['delete.hang', 'create.once']) rmSync(join(folder, file), { force: true });
    await allIsCalm();
  });

  it('pods of which many end while llmos is killed again and again all end, and leave nothing', async () => {
    const names = Array.from({ length: PODS }, (_, index) => `many-${index}`);
    await Promise.all(names.map((name, index) => create(name, index % 3 === 0 ? { command: ['sleep', '100000'] } : {}, { terminationGracePeriodSeconds: 1, shareProcessNamespace: index % 2 === 0 })));
    await Promise.all(names.map(ready));
    for (let round = 0; round < KILLS; round += 1) {
      const some = names.filter((_, index) => index % KILLS === round);
      await Promise.all(some.map((name) => llmos.client.delete(Pod, name, { namespace: 'default' })));
      await sleep(round * 150);
      await llmos.kill();
      await llmos.boot();
    }
    await eventually(async () => (await llmos.client.list(Pod, { namespace: 'default' })).items.length === 1, { what: 'all but the neighbour are gone', timeoutMs: 120_000 });
    await allIsCalm();
  });

  it('one that fails to execute says nothing of the container: probes are told of as an event and count for nothing', async () => {
    await create('exec', { readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1, failureThreshold: 2 }, livenessProbe: { exec: { command: ['true'] }, periodSeconds: 1, failureThreshold: 2 } });
    await ready('exec');
    fail('exec', 'always');
    const tried = (): number => readFileSync(join(folder, 'failed'), 'utf8').split('\n').filter((verb) => verb === 'exec').length;
    const before = existsSync(join(folder, 'failed')) ? tried() : 0;
    await eventually(async () => existsSync(join(folder, 'failed')) && tried() > before + 6, { what: 'it was tried more often than may fail' });
    await eventually(async () => (await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=exec')).stdout.includes('exec fails on purpose'), { what: 'events say why' });
    const { status } = await get('exec');
    assert.deepEqual([status?.containerStatuses?.[0]?.restartCount, status?.conditions?.find(({ type }) => type === 'Ready')?.status], [0, 'True']);
    assert.notEqual((await llmos.kubectl('exec', 'exec', '--', 'true')).code, 0);
    rmSync(join(folder, 'exec.always'));
    assert.equal((await llmos.kubectl('exec', 'exec', '--', 'echo', 'again')).stdout, 'again\n');
    await end('exec');
    await allIsCalm();
  });

  describe('of their own making, at the same time', { concurrency: true }, () => {
    after(() => allIsCalm());

    it('a container outlives its monitor, and its end is noticed', async () => {
      // It has said more than its log may hold: nobody is there any more to begin it anew, and others' are.
      await create('orphan', { command: ['sh', '-c', `trap "exit 0" TERM; head -c ${LOG_BYTES + LOG_BYTES / 2} /dev/zero | tr '\\000' x; echo; sleep 100000 & wait`] });
      const { uid } = (await ready('orphan')).metadata;
      const bundles = join(llmos.run, 'node/bundles');
      const records = readdirSync(bundles).map((id) => join(bundles, id, 'record.json')).filter((file) => existsSync(file)); // others come and go
      const record = records.map((file) => JSON.parse(readFileSync(file, 'utf8')) as { bundle: string; pid: number; pod: { uid: string } }).find((each) => each.pod.uid === uid)!;
      process.kill(Number(readFileSync(join(record.bundle, 'conmon.pid'), 'utf8')), 'SIGKILL');
      await sleep(500);
      assert.equal((await llmos.kubectl('exec', 'orphan', '--', 'echo', 'lives')).stdout, 'lives\n');
      process.kill(record.pid, 'SIGKILL');
      const pod = await eventually(async () => {
        const found = await get('orphan');
        return (found.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0 && found.status?.containerStatuses?.[0]?.ready === true && found;
      }, { what: 'it starts again' });
      assert.equal(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137);
      await end('orphan');
    });

    it('a container that does not listen is killed when its grace is over', async () => {
      await create('deaf', { command: ['sh', '-c', 'trap "" TERM; while true; do sleep 1; done'] });
      await ready('deaf');
      const fromMs = Date.now();
      await end('deaf');
      assert.ok(Date.now() - fromMs >= 1_900, 'it had its grace');
    });

    it('a container that talks without end fills no disk and hurts nobody', async () => {
      await create('loud', { command: ['sh', '-c', 'yes 0123456789abcdef0123456789abcdef'], resources: { limits: { cpu: '500m' } } });
      await ready('loud');
      const logs = join(llmos.state, 'node/logs');
      const sizes = (): number[] => readdirSync(logs).filter((each) => each.startsWith('default_loud')).flatMap((each) => readdirSync(join(logs, each, 'main')).map((file) => statSync(join(logs, each, 'main', file), { throwIfNoEntry: false })?.size ?? 0));
      const [fromMs, fromCpuMs] = [performance.now(), cpuMs(llmos.pid)];
      let most = 0;
      await eventually(async () => {
        most = Math.max(most, sizes().reduce((sum, each) => sum + each, 0));
        return sizes().length === LOG_FILES && performance.now() - fromMs > 4_000;
      }, { timeoutMs: 60_000, what: 'its log is set aside' });
      assert.ok(most <= (LOG_FILES + 1) * FLOOD * LOG_BYTES + SLACK_BYTES, `${most} bytes of logs`);
      assert.ok((cpuMs(llmos.pid) - fromCpuMs) / (performance.now() - fromMs) < 0.6, 'llmos has little to do with it');
      assert.ok(residentMib(llmos.pid) < 400);
      // A log that was set aside a moment ago has no two lines yet.
      await eventually(async () => (await llmos.kubectl('logs', 'loud', '--tail=2')).stdout.split('\n')[1] === '0123456789abcdef0123456789abcdef', { what: 'its last lines' });
      assert.equal((await llmos.kubectl('exec', 'neighbour', '--', 'echo', 'unharmed')).stdout, 'unharmed\n');
      await end('loud');
    });
  });
});
