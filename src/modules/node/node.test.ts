/** The node from a Pod object to its process and back, with the machine's own crun and conmon. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Container, Pod, PodSpec } from '../../api/generated/core-v1.ts';
import { ConfigMapKind, PodKind } from './kinds.ts';
import { listRecords } from './lifecycle/record.ts';
import { inNamespaces, TEST_IMAGE, testNode, type TestNode } from './testing/test-node.ts';
import { eventually } from '../../sdk/testing/eventually.ts';

const pod = (name: string, container: Partial<Container>, spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
  spec: { nodeName: 'n1', restartPolicy: 'Always', terminationGracePeriodSeconds: 1, ...spec, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', ...container }] },
});
const SERVE = ['/bin/sh', '-c', 'trap "exit 0" TERM; echo ready; while true; do sleep 0.1; done'];
const once = { restartPolicy: 'Never' } as const;
const phase = (wanted: string) => (each: Pod | undefined): boolean => each?.status?.phase === wanted;
const ready = (each: Pod | undefined): boolean => each?.status?.conditions?.find((condition) => condition.type === 'Ready')?.status === 'True';
const gone = (each: Pod | undefined): boolean => each === undefined;
const waiting = (reason: string) => (each: Pod | undefined): boolean => each?.status?.containerStatuses?.[0]?.state?.waiting?.reason === reason;

if (await inNamespaces(import.meta.filename)) {
  let node: TestNode;
  before(async () => {
    node = await testNode({ quiet: process.env['LLMOS_TEST_SHOW'] !== '1' });
    node.start();
  });
  after(() => node.remove());

  const run = (wanted: Pod, test: (each: Pod | undefined) => boolean, timeoutMs?: number): Promise<Pod> => {
    node.cluster.put(PodKind, wanted);
    return node.cluster.until(PodKind, `default/${wanted.metadata.name}`, test, timeoutMs) as Promise<Pod>;
  };
  const remove = (name: string, graceSeconds = 1): Promise<unknown> => {
    node.cluster.remove(PodKind, `default/${name}`, graceSeconds);
    return node.cluster.until(PodKind, `default/${name}`, gone);
  };
  const logOf = (each: Pod): string => {
    const folder = join(node.folder, 'node/logs', `default_${each.metadata.name}_${each.metadata.uid}`, 'main');
    return readdirSync(folder).sort().map((file) => readFileSync(join(folder, file), 'utf8')).join('');
  };
  const done = async (name: string, script: string, container: Partial<Container> = {}, spec: Partial<PodSpec> = {}): Promise<string> => {
    const ended = await run(pod(name, { command: ['/bin/sh', '-c', script], ...container }, { ...once, ...spec }), (each) => phase('Succeeded')(each) || phase('Failed')(each));
    const text = logOf(ended).split('\n').map((line) => line.split(' ').slice(3).join(' ')).join('\n').trim();
    assert.equal(ended.status!.phase, 'Succeeded', `${text} ${JSON.stringify(ended.status!.containerStatuses)}`);
    return text;
  };

  test('runs, gets an address, ends, is deleted', async () => {
    const running = await run(pod('first', { command: SERVE }), ready);
    assert.match(running.status!.podIP!, /^10\.199\.0\./);
    await remove('first');
    assert.deepEqual(node.events.filter((event) => event.about === 'first').map((event) => event.reason), ['Pulled', 'Created', 'Started', 'Killing']);
  });

  test('environment, user, hostname, files', async () => {
    node.cluster.put(ConfigMapKind, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'default' }, data: { colour: 'blue' } });
    const text = await done('files', 'echo $A $(id -u):$(id -g) $(hostname) $(cat /conf/colour) $(cat /data/x/y 2>/dev/null); touch /data/z && grep -c files /etc/hosts; head -1 /etc/resolv.conf', {
      env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } }], securityContext: { runAsUser: 33 },
      volumeMounts: [{ name: 'conf', mountPath: '/conf' }, { name: 'data', mountPath: '/data' }],
    }, { volumes: [{ name: 'conf', configMap: { name: 'settings' } }, { name: 'data', emptyDir: {} }] });
    assert.equal(text, 'blue 33:33 files blue\n1\nsearch default.svc.cluster.local svc.cluster.local cluster.local');
  });

  test('a command that does not exist', async () => {
    const failed = await run(pod('bad', { command: ['/bin/none'] }, once), phase('Failed'));
    const ended = failed.status!.containerStatuses![0]!.state!.terminated!;
    assert.deepEqual([ended.exitCode, ended.reason], [128, 'StartError']);
    assert.match(ended.message!, /\/bin\/none.*not found/);
  });

  test('crashes, starts again at once, then backs off', async () => {
    const looping = await run(pod('crash', { command: ['/bin/sh', '-c', 'echo out of luck > /dev/termination-log; exit 3'] }), waiting('CrashLoopBackOff'));
    const status = looping.status!.containerStatuses![0]!;
    assert.equal(status.restartCount, 1);
    assert.equal(status.lastState!.terminated!.exitCode, 3);
    assert.equal(status.lastState!.terminated!.message, 'out of luck\n');
    assert.match(status.state!.waiting!.message!, /^back-off 10s restarting failed container=main pod=crash_default/);
    node.cluster.put(PodKind, { ...looping, spec: { ...looping.spec!, containers: [{ ...looping.spec!.containers[0]!, image: 'localhost/test' }] } });
    const mended = await node.cluster.until(PodKind, 'default/crash', (each) => each?.status?.containerStatuses?.[0]?.restartCount === 2 && waiting('CrashLoopBackOff')(each)) as Pod;
    assert.match(mended.status!.containerStatuses![0]!.state!.waiting!.message!, /^back-off 10s/, 'another image starts at once, and backs off from the beginning');
    await remove('crash');
  });

  test('what is missing is said, and waited for', async () => {
    await run(pod('needy', { command: ['/bin/true'], envFrom: [{ configMapRef: { name: 'later' } }] }, once), waiting('CreateContainerConfigError'));
    node.cluster.put(ConfigMapKind, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later', namespace: 'default' }, data: {} });
    await node.cluster.until(PodKind, 'default/needy', phase('Succeeded'));
  });

  test('images that cannot be had', async () => {
    await run(pod('never', { image: 'localhost/none', imagePullPolicy: 'Never' }), waiting('ErrImageNeverPull'));
    await run(pod('wrong', { image: 'Not An Image' }), waiting('InvalidImageName'));
    await run(pod('absent', { image: '127.0.0.1:1/none:1' }), (each) => waiting('ErrImagePull')(each) || waiting('ImagePullBackOff')(each));
    await node.cluster.until(PodKind, 'default/absent', waiting('ImagePullBackOff'));
    for (const name of ['never', 'wrong', 'absent']) await remove(name);
  });

  test('limits bite: memory, then processes', async () => {
    const killed = await run(pod('hungry', { command: ['/bin/sh', '-c', 'dd if=/dev/zero of=/dev/null bs=200M count=1'], resources: { limits: { memory: '32Mi' } } }, once), phase('Failed'));
    assert.equal(killed.status!.containerStatuses![0]!.state!.terminated!.reason, 'OOMKilled');
  });

  test('init containers run first, in order', async () => {
    const init = (name: string): Container => ({ name, image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['/bin/sh', '-c', `echo ${name} >> /data/order`], volumeMounts: [{ name: 'data', mountPath: '/data' }] });
    assert.equal(await done('ordered', 'cat /data/order', { volumeMounts: [{ name: 'data', mountPath: '/data' }] }, { initContainers: [init('one'), init('two')], volumes: [{ name: 'data', emptyDir: {} }] }), 'one\ntwo');
  });

  test('probes: ready when the probe says so, restarted when it dies', async () => {
    const probed = await run(pod('probed', { command: ['/bin/sh', '-c', 'sleep 0.3; touch /tmp/up; while true; do sleep 0.1; done'], readinessProbe: { exec: { command: ['/bin/sh', '-c', 'test -e /tmp/up && test $(cat /proc/self/oom_score_adj) = 1000'] }, periodSeconds: 1 }, livenessProbe: { exec: { command: ['/bin/test', '!', '-e', '/tmp/dead'] }, periodSeconds: 1, failureThreshold: 1 } }), ready);
    assert.ok(probed.status!.containerStatuses![0]!.ready);
    const closed = await run(pod('closed', { command: SERVE, livenessProbe: { tcpSocket: { port: 81 }, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 1 } }), (each) => (each?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
    assert.ok(closed);
    for (const name of ['probed', 'closed']) await remove(name, 0);
  });

  test('a probe that hangs has failed when its time is over, and a hook may leave a process behind', async () => {
    const probe = { exec: { command: ['/bin/sh', '-c', 'sleep 1000; true'] }, periodSeconds: 1, failureThreshold: 1 };
    await run(pod('hanging', { command: SERVE, livenessProbe: probe }), (each) => (each?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
    await run(pod('daemon', { command: SERVE, lifecycle: { postStart: { exec: { command: ['/bin/sh', '-c', 'sleep 1000 &'] } } } }), ready); // it holds the output of the hook
    for (const name of ['hanging', 'daemon']) await remove(name);
  });

  test('containers outlive llmos and are adopted', async () => {
    const first = await run(pod('lasting', { command: SERVE }), ready);
    await run(pod('leaving', { command: SERVE }), ready);
    await run(pod('orphan', { command: SERVE }), ready);
    await node.stop();
    node.cluster.remove(PodKind, 'default/leaving', 1);
    await node.cluster.client.delete(PodKind, 'orphan', { namespace: 'default' });
    node.start();
    await node.cluster.until(PodKind, 'default/leaving', gone);
    const still = node.cluster.find(PodKind, 'default/lasting')!;
    assert.equal(still.status!.containerStatuses![0]!.containerID, first.status!.containerStatuses![0]!.containerID);
    assert.equal(still.status!.containerStatuses![0]!.restartCount, 0);
    await remove('lasting');
    const left = (): string[] => listRecords(join(node.context.machine.runFolder, 'bundles')).records.map((record) => record.pod.name);
    await eventually(async () => !['leaving', 'orphan', 'lasting'].some((name) => left().includes(name)), { what: 'the end of their records' });
  });

  test('a node that cannot mark what it sets on the machine leaves it, and runs pods all the same', async () => {
    await node.stop();
    const mark = join(node.context.machine.runFolder, 'favordynmods');
    rmSync(mark, { force: true });
    mkdirSync(mark);
    node.start();
    await run(pod('unmarked', { command: SERVE }), ready);
    await remove('unmarked');
    await node.stop();
    rmdirSync(mark);
    node.start();
  });
} else test('inside namespaces', () => {});
