/** What the documentation of Kubernetes promises of a pod and no conformance test asks for: startup probes, thresholds and graces of probes, gates of readiness, hooks that ask or sleep, contexts of security. With kubectl, as a user would. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Event } from '../../src/api/core/event.ts';
import { Node } from '../../src/api/core/node.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { importImageWith, TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const STAYS = 'trap "exit 0" TERM; sleep 100000 & wait';
/** Answers every request with 200, and notes its first line. */
const SERVES = (port: number): string => `while :; do printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n' | nc -l -p ${port} | head -n 1 >> /notes/requests; done`;

describe('a pod, as it is promised', { timeout: 170_000 * PATIENCE }, () => {
  let llmos: Instance;
  const notes = mkdtempSync(join(tmpdir(), 'llmos-notes-'));
  before(async () => {
    llmos = await bootForPods();
  });
  after(async () => {
    await llmos?.destroy();
    rmSync(notes, { recursive: true, force: true });
  });

  const kubectl = (...args: string[]): Promise<string> => ok(llmos.kubectl(...args));
  async function apply(name: string, script: string, container: object = {}, spec: object = {}): Promise<void> {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', script], ...container }], ...spec } };
    await applyTo(llmos, pod);
  }
  const get = (name: string): Promise<Pod> => llmos.client.get(Pod, name, { namespace: 'default' });
  const status = async (name: string) => (await get(name)).status?.containerStatuses?.[0];
  const until = (name: string, what: string, holds: (pod: Pod) => boolean): Promise<unknown> => eventually(async () => holds(await get(name)), { what: `${name} ${what}`, timeoutMs: 60_000 });
  const isReady = ({ status }: Pod): boolean => status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true;
  const says = (name: string, reason: string, message: RegExp): Promise<unknown> => eventually(async () =>
    (await llmos.client.list(Event, { namespace: 'default', fieldSelector: `involvedObject.name=${name}` })).items.some((each) => each.reason === reason && message.test(each.message ?? '')), { what: `${name} is said to be ${reason}: ${message}`, timeoutMs: 60_000 });
  const inside = (name: string, command: string): Promise<string> => kubectl('exec', name, '--', 'sh', '-c', command);

  it('is not started until its startup probe says so, and other probes wait for that', async () => {
    await apply('slow', STAYS, {
      startupProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1, failureThreshold: 1_000 },
      livenessProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1, failureThreshold: 1 },
      readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
    });
    await says('slow', 'Unhealthy', /^Startup probe failed/);
    assert.deepEqual(await status('slow').then((each) => [each?.started, each?.ready, each?.restartCount]), [false, false, 0]);
    await inside('slow', 'touch /tmp/up');
    await until('slow', 'is ready', isReady);
    assert.deepEqual(await status('slow').then((each) => [each?.started, each?.restartCount]), [true, 0]);
  });

  it('a volume hides nothing that lies deeper: its termination message within one that is shared with the machine, its names and addresses in one at /etc', async () => {
    const spec = { restartPolicy: 'Never', volumes: [{ name: 'v', emptyDir: {} }] };
    await apply('within', 'echo tok > /cache/log.txt', { terminationMessagePath: '/cache/log.txt', securityContext: { privileged: true }, volumeMounts: [{ name: 'v', mountPath: '/cache', mountPropagation: 'Bidirectional' }] }, spec);
    await apply('at-etc', 'cat /etc/hosts /etc/resolv.conf /etc/hostname; ls /etc; mount | grep -c " /etc/deep "', { volumeMounts: [{ name: 'v', mountPath: '/etc/deep/', subPath: 'deep' }, { name: 'v', mountPath: '/etc' }] }, spec);
    for (const name of ['within', 'at-etc']) await until(name, 'has ended', ({ status }) => status?.phase === 'Succeeded');
    assert.equal((await status('within'))?.state?.terminated?.message, 'tok\n');
    assert.match(await kubectl('logs', 'at-etc'), /Kubernetes-managed hosts file[^]*\sat-etc\n[^]*nameserver[^]*\nat-etc\ndeep\nhostname\nhosts\nresolv\.conf\n1\n$/);
    // What the runtime mounted in the shared volume is gone with the pod, or that would not end.
    await kubectl('delete', 'pod', 'within', 'at-etc', '--timeout=60s');
  });

  it('begins again when it does not start, after the grace of the probe and not of the pod', async () => {
    await apply('never', 'trap "" TERM; while :; do sleep 1; done', { startupProbe: { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 2, terminationGracePeriodSeconds: 1 } }, { terminationGracePeriodSeconds: 3_600 });
    await says('never', 'Killing', /failed startup probe, will be restarted/);
    await until('never', 'is restarted', (pod) => (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
    assert.equal((await status('never'))?.lastState?.terminated?.exitCode, 137);
    await kubectl('delete', 'pod', 'never', '--grace-period=1', '--timeout=60s');
  });

  it('is ready after as many successes, and not after as many failures, as it says; a port that listens is enough', async () => {
    await apply('port', `while :; do if [ -e /tmp/open ]; then nc -l -p 8080 < /dev/null > /dev/null; else sleep 0.2; fi; done`, { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, successThreshold: 2, failureThreshold: 2 } });
    await says('port', 'Unhealthy', /^Readiness probe failed: dial tcp [\d.]+:8080: connect: connection refused/);
    await inside('port', 'touch /tmp/open');
    await until('port', 'is ready', isReady);
    await inside('port', 'rm /tmp/open; nc 127.0.0.1 8080 < /dev/null; true');
    await until('port', 'is not ready', (pod) => !isReady(pod));
    assert.equal((await status('port'))?.restartCount, 0);
  });

  it('with a gate is ready when the gate is open too', async () => {
    await apply('gated', STAYS, {}, { readinessGates: [{ conditionType: 'example.com/open' }] });
    await until('gated', 'waits for its gate', ({ status }) => status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'False' && each.reason === 'ReadinessGatesNotReady') === true && status.conditions.some((each) => each.type === 'ContainersReady' && each.status === 'True'));
    assert.match(await kubectl('get', 'pod', 'gated', '-o', 'wide'), /READINESS GATES\n.*0\/1/);
    await kubectl('patch', 'pod', 'gated', '--subresource=status', '-p', '{"status":{"conditions":[{"type":"example.com/open","status":"True"}]}}');
    await until('gated', 'is ready', isReady);
    assert.match(await kubectl('get', 'pod', 'gated', '-o', 'wide'), /1\/1/);
    await kubectl('patch', 'pod', 'gated', '--subresource=status', '-p', '{"status":{"conditions":[{"type":"example.com/open","status":"False"}]}}');
    await until('gated', 'is not ready again', (pod) => !isReady(pod));
  });

  it('asks by HTTP when it begins and ends, and may sleep before it ends', async () => {
    const requests = (): string => readFileSync(join(notes, 'requests'), 'utf8');
    await apply('asking', `${SERVES(8080)} & ${STAYS}`, {
      lifecycle: { postStart: { httpGet: { port: 8081, path: '/began' } }, preStop: { httpGet: { port: 8080, path: '/ends', httpHeaders: [{ name: 'X-Why', value: 'test' }] } } }, volumeMounts: [{ name: 'notes', mountPath: '/notes' }],
    }, { terminationGracePeriodSeconds: 30, volumes: [{ name: 'notes', hostPath: { path: notes } }], initContainers: [{ name: 'server', image: TEST_IMAGE, imagePullPolicy: 'Never', restartPolicy: 'Always', command: ['sh', '-c', `${SERVES(8081)} & ${STAYS}`], startupProbe: { tcpSocket: { port: 8081 }, periodSeconds: 1 }, volumeMounts: [{ name: 'notes', mountPath: '/notes' }] }] });
    await until('asking', 'is ready', isReady);
    assert.match(requests(), /^GET \/began HTTP\/1\.1/m);
    await kubectl('delete', 'pod', 'asking', '--timeout=60s');
    assert.match(requests(), /^GET \/ends HTTP\/1\.1/m);

    await apply('sleeper', STAYS, { lifecycle: { preStop: { sleep: { seconds: 3 } } } }, { terminationGracePeriodSeconds: 30 });
    await until('sleeper', 'is ready', isReady);
    const begunMs = Date.now();
    await kubectl('delete', 'pod', 'sleeper', '--timeout=60s');
    assert.ok(Date.now() - begunMs >= 3_000, `${Date.now() - begunMs} ms`);
  });

  it('is what its context of security says, and what has no effect is told', async () => {
    await apply('plain', STAYS);
    await apply('open', STAYS, { securityContext: { seccompProfile: { type: 'Unconfined' }, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] }, allowPrivilegeEscalation: false } });
    await apply('bare', STAYS, { securityContext: { procMount: 'Unmasked' } }, { hostUsers: false });
    await apply('labelled', STAYS, {}, { securityContext: { seLinuxOptions: { level: 's0:c1,c2' } } });
    for (const name of ['plain', 'open', 'bare', 'labelled']) await until(name, 'is ready', isReady);
    const facts = async (name: string): Promise<string[]> => (await inside(name, "sed -n 's/^\\(Seccomp\\|NoNewPrivs\\|CapEff\\):\\s*//p' /proc/1/status")).trim().split('\n');
    assert.deepEqual(await facts('open'), ['0000000000000400', '1', '0']);
    assert.equal((await facts('plain')).at(-1), '2', 'RuntimeDefault is the default');
    const covered = async (name: string): Promise<boolean> => / \/proc\/(kcore|sys) /.test(await inside(name, 'cat /proc/self/mounts'));
    assert.deepEqual([await covered('plain'), await covered('bare')], [true, false]);
    assert.match(await inside('plain', '(echo 1 > /proc/sys/kernel/panic) 2>&1 || true'), /Read-only/);
    await eventually(async () => /seLinuxOptions have no effect/.test(await kubectl('describe', 'pod', 'labelled')), { what: 'it is told that labels have no effect' });
    const { code, stderr } = await llmos.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'refused' }, spec: { containers: [{ name: 'main', image: TEST_IMAGE, securityContext: { procMount: 'Unmasked' } }] } }), 'apply', '-f', '-');
    assert.deepEqual([code, /hostUsers/.test(stderr)], [1, true], stderr);
  });

  it('is in the groups that it names, and in those that the image gives its user unless it wants none', async () => {
    importImageWith(llmos, 'localhost/groups:latest', { 'etc/passwd': 'root:x:0:0::/:/bin/sh\nmember:x:1000:1000::/:/bin/sh\n', 'etc/group': 'root:x:0:\nmember:x:1000:\nmore:x:50000:member\nothers:x:60000:root\n' });
    const groupsOf = async (name: string, securityContext: object, wanted: { gid: number; groups: number[] }): Promise<void> => {
      await apply(name, STAYS, { image: 'localhost/groups:latest' }, { securityContext: { runAsUser: 1000, ...securityContext } });
      await until(name, 'is ready', isReady);
      const { uid, gid, supplementalGroups = [] } = (await status(name))?.user?.linux ?? {};
      assert.deepEqual([uid, gid, supplementalGroups.map(Number).toSorted((a, b) => a - b)], [1000, wanted.gid, wanted.groups], name);
      // What the kernel says of its first process, and of one that came later.
      for (const [process, command] of [['its first', "sed -n 's/^Groups:\\s*//p' /proc/1/status"], ['a later one', 'grep ^Groups: /proc/self/status | cut -f 2']] as const) {
        assert.deepEqual((await inside(name, command)).trim().split(/\s+/).map(Number), wanted.groups, `${process} of ${name}`);
      }
      assert.deepEqual((await inside(name, 'id -u; id -g')).trim().split('\n').map(Number), [1000, wanted.gid]);
    };
    const named = { runAsGroup: 3000, supplementalGroups: [4000], fsGroup: 5000 };
    await groupsOf('unsaid', named, { gid: 3000, groups: [3000, 4000, 5000, 50000] });
    await groupsOf('merge', { ...named, supplementalGroupsPolicy: 'Merge' }, { gid: 3000, groups: [3000, 4000, 5000, 50000] });
    await groupsOf('strict', { ...named, supplementalGroupsPolicy: 'Strict' }, { gid: 3000, groups: [3000, 4000, 5000] });
    await groupsOf('strict-alone', { supplementalGroupsPolicy: 'Strict' }, { gid: 1000, groups: [1000] });
    assert.equal((await llmos.client.get(Node, 'node1')).status?.features?.supplementalGroupsPolicy, true);
    const { code, stderr } = await llmos.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'refused' }, spec: { securityContext: { supplementalGroupsPolicy: 'Loose' }, containers: [{ name: 'main', image: TEST_IMAGE }] } }), 'apply', '-f', '-');
    assert.deepEqual([code, /supported values: "Merge", "Strict"/.test(stderr)], [1, true], stderr);
  });

  it('has an image that was carried from one file to another name', async () => {
    const file = join(notes, 'test.tar');
    const command = (...args: string[]): Promise<string> => ok(llmos.llmos('image', ...args));
    await command('export', TEST_IMAGE, file);
    await command('import', file, 'example.com/carried:1');
    assert.match(await command('ls'), /example\.com\/carried/);
    await apply('carried', STAYS, { image: 'example.com/carried:1' });
    await until('carried', 'is ready', isReady);
    await kubectl('delete', 'pod', 'carried', '--timeout=60s');
    await command('rm', 'example.com/carried:1');
    assert.doesNotMatch(await command('ls'), /example\.com\/carried/);
  });
});
