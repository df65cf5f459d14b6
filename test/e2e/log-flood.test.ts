/**
 * Containers that write as fast as the machine takes it, a thousand lines a millisecond where it can: all that they say is heard, logs stay within what they may have, and nobody
 * else is hurt. How fast it was is told and not asserted, since it is the machine's.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigMap } from '../../src/api/core/config-map.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { bootForPods } from '../fixtures/pods.ts';
import { residentMib } from '../fixtures/processes.ts';

type Container = NonNullable<Pod['spec']>['containers'][number];

/** One that writes and its monitor keep two cores busy: so many write at a time, so many lines each. */
const WRITERS = 2;
const LINES = 6_000_000;
/** As llmos comes, a container's logs take at most 120 MiB (`floodBytes` of src/modules/node/logs), and 40 more while one of them is begun anew. */
const MOST_LOG_BYTES = 160 * 2 ** 20;
const MOST_MIB = 400;
const MOST_MONITOR_MIB = 32;
const TAIL = 1_000;

describe('floods of log lines', { timeout: 400_000 * PATIENCE }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods({ config: 'modules: { node: { readySandboxes: 2 } }' });
  });
  after(() => llmos?.destroy());

  const create = (name: string, containers: Partial<Container>[], spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 0, ...spec, containers: containers.map((container, index) => ({ name: `c${index}`, image: TEST_IMAGE, imagePullPolicy: 'Never', ...container })) },
  });
  const get = (name: string): Promise<Pod> => llmos.client.get(Pod, name, { namespace: 'default' });
  const ready = (name: string): Promise<Pod> => eventually(async () => {
    const pod = await get(name);
    return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && pod;
  }, { what: `${name} is ready`, timeoutMs: 60_000 });

  it('are heard to the end, keep to their room, and leave others be', async (t) => {
    const probe = { exec: { command: ['true'] }, periodSeconds: 1, timeoutSeconds: 10 };
    await create('neighbour', [{ command: ['sleep', '1000000'], readinessProbe: probe, livenessProbe: probe }]);
    await ready('neighbour');
    // Numbers tell what is missing. When it began and was done is by the clock of the kernel.
    const script = `read began _ < /proc/uptime; seq ${LINES}; read ended _ < /proc/uptime; echo $began $ended > /dev/termination-log`;
    const { metadata: { uid } } = await create('loud', Array.from({ length: WRITERS }, () => ({ command: ['sh', '-c', script] })), { restartPolicy: 'Never' });
    const logs = join(llmos.state, 'node/logs', `default_loud_${uid}`);
    function logBytes(): number[] {
      try {
        return readdirSync(logs).map((container) => readdirSync(join(logs, container)).reduce((sum, file) => sum + (statSync(join(logs, container, file), { throwIfNoEntry: false })?.size ?? 0), 0));
      } catch {
        return [0]; // not begun, or set aside at this moment
      }
    }
    await eventually(async () => logBytes().filter((bytes) => bytes > 0).length === WRITERS, { what: 'all write' });
    const follower = spawn('kubectl', ['logs', 'loud', '-c', 'c0', '--follow', '--tail=1'], { env: { ...llmos.env, KUBECONFIG: llmos.kubeconfig }, stdio: 'ignore' });

    const monitors = readdirSync(join(llmos.run, 'node/bundles')).flatMap((id) => { try { return Number(readFileSync(join(llmos.run, 'node/bundles', id, 'conmon.pid'), 'utf8')); } catch { return []; } });
    assert.equal(monitors.length, WRITERS + 1);

    const isOver = async (): Promise<boolean> => ['Succeeded', 'Failed'].includes((await get('loud')).status?.phase ?? '');
    let [mostBytes, mostMib, mostMonitorMib, rounds, slowestMs] = [0, 0, 0, 0, 0];
    while (!(await isOver())) {
      const fromMs = performance.now();
      const name = `beside-${rounds}`;
      assert.equal((await llmos.kubectl('exec', 'neighbour', '--', 'echo', 'unharmed')).stdout, 'unharmed\n');
      await llmos.client.create(ConfigMap, { metadata: { name, namespace: 'default' }, data: { round: String(rounds) } });
      await create(name, [{ command: ['sleep', '1000000'] }]);
      await ready(name);
      await llmos.client.delete(Pod, name, { namespace: 'default' });
      slowestMs = Math.max(slowestMs, performance.now() - fromMs);
      mostBytes = Math.max(mostBytes, ...logBytes());
      mostMib = Math.max(mostMib, residentMib(llmos.pid));
      mostMonitorMib = Math.max(mostMonitorMib, ...monitors.map((pid) => { try { return residentMib(pid); } catch { return 0; } }));
      if (!(await isOver())) rounds += 1;
    }
    follower.kill('SIGKILL');

    const { status } = await eventually(async () => {
      const pod = await get('loud');
      return ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '') && pod;
    }, { what: 'it has said all' });
    const ends = status?.containerStatuses?.map(({ state }) => state?.terminated) ?? [];
    assert.deepEqual(ends.map((end) => end?.exitCode), Array(WRITERS).fill(0));
    const rates = ends.map((end) => (end?.message ?? '').trim().split(' ').map(Number)).map(([began = 0, ended = 0]) => LINES / ((ended - began) * 1_000));
    const total = rates.reduce((sum, rate) => sum + rate, 0);
    t.diagnostic(`${WRITERS} containers offered ${LINES} lines each, ${rates.map((rate) => Math.round(rate)).join(' and ')} a millisecond: ${Math.round(total)} together; ${rounds} rounds of others meanwhile, the slowest in ${Math.round(slowestMs)} ms; ${Math.round(mostBytes / 2 ** 20)} MiB of logs, llmos ${mostMib} MiB, monitors ${mostMonitorMib} MiB at most`);

    assert.ok(rounds > 0, 'others had their turn while it went on');
    assert.ok(mostBytes <= MOST_LOG_BYTES, `${mostBytes} bytes of logs`);
    assert.ok(mostMib < MOST_MIB && mostMonitorMib < MOST_MONITOR_MIB, `${mostMib} MiB of llmos, ${mostMonitorMib} MiB of a monitor`);
    for (let index = 0; index < WRITERS; index += 1) {
      const tail = (await llmos.kubectl('logs', 'loud', '-c', `c${index}`, `--tail=${TAIL}`)).stdout.trim().split('\n').map(Number);
      assert.deepEqual(tail, Array.from({ length: TAIL }, (_, line) => LINES - TAIL + 1 + line), 'its last lines');
    }
    const neighbour = await ready('neighbour');
    assert.deepEqual(neighbour.status?.containerStatuses?.map(({ restartCount }) => restartCount), [0]);
  });
});
