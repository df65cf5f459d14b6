/** What a pod may expect of the node, through the door: volumes that follow their source, real terminals, probes, hooks, grace. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigMap } from '../../src/api/core/config-map.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { runAny } from '../../src/base/sys/run.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

type Container = NonNullable<Pod['spec']>['containers'][number];
const SERVE = ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'];

describe('the node', () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods();
  });
  after(() => llmos.destroy());

  const create = (name: string, container: Partial<Container>, spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 1, ...spec, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: SERVE, ...container }] },
  });
  const get = (name: string): Promise<Pod> => llmos.client.get(Pod, name, { namespace: 'default' });
  const ready = (name: string): Promise<Pod> => eventually(async () => {
    const pod = await get(name);
    return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && pod;
  });
  const exec = async (name: string, script: string): Promise<string> => {
    const { code, stdout, stderr } = await llmos.kubectl('exec', name, '--', 'sh', '-c', script);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };

  it('volumes follow the ConfigMap that they show', async () => {
    const map = await llmos.client.create(ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'default' }, data: { colour: 'blue' } });
    await create('follows', { volumeMounts: [{ name: 'settings', mountPath: '/settings' }] }, { volumes: [{ name: 'settings', configMap: { name: 'settings' } }] });
    await ready('follows');
    assert.equal(await exec('follows', 'cat /settings/colour'), 'blue');
    await llmos.client.update(ConfigMap, { ...map, data: { colour: 'red', shape: 'round' } });
    await eventually(async () => (await exec('follows', 'cat /settings/colour /settings/shape')) === 'redround');
  });

  it('runs as the user that the pod asks for, with nothing more than asked', async () => {
    await create('plain', { securityContext: { capabilities: { drop: ['ALL'] }, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true } }, { securityContext: { runAsUser: 1000, runAsGroup: 3000, fsGroup: 2000 } });
    await ready('plain');
    assert.equal(await exec('plain', 'id -u; id -g; id -G'), '1000\n3000\n3000 2000');
    assert.match(await exec('plain', 'cat /proc/self/status'), /CapBnd:\s+0+\n[\s\S]*NoNewPrivs:\s+1\nSeccomp:\s+2/);
    assert.match(await exec('plain', 'touch /x 2>&1 || true'), /Read-only file system/);
  });

  it('gives a terminal of the size that the client has, and follows it', async () => {
    await create('terminal', {});
    await ready('terminal');
    const until = (size: string): string => `n=0; until [ "$(stty size 2>&1)" = "${size}" ] || [ $n = 100 ]; do n=$((n+1)); sleep 0.1; done; stty size; touch /tmp/seen`;
    const change = `until kubectl exec terminal -- ls /tmp/seen; do sleep 0.1; done > /dev/null 2>&1; stty rows 44 cols 111 < /dev/tty`;
    const line = `stty rows 33 cols 99; (${change}) & kubectl exec -it terminal -- sh -c 'tty; ${until('33 99')}; ${until('44 111')}; exit 5'`;
    const result = await runAny('script', ['-qec', line, '/dev/null'], { env: { ...process.env, KUBECONFIG: llmos.kubeconfig, SHELL: '/bin/sh' }, timeoutMs: 20_000 });
    // script(1) types NULs when its own input has ended, and the terminal echoes them
    assert.match(result.stdout.replaceAll('^@', '').replaceAll('\0', ''), /\/dev\/pts\/0\r\n33 99\r\n44 111\r\n/);
    assert.equal(result.code, 5);
  });

  it('restarts what its liveness probe finds dead, and says so', async () => {
    await create('mortal', { livenessProbe: { exec: { command: ['test', '!', '-e', '/tmp/dead'] }, periodSeconds: 1, failureThreshold: 1 } });
    await ready('mortal');
    await exec('mortal', 'touch /tmp/dead');
    await eventually(async () => (await get('mortal')).status?.containerStatuses?.[0]?.restartCount === 1);
    await eventually(async () => /Unhealthy[\s\S]*Liveness probe failed/.test((await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=mortal')).stdout));
  });

  it('runs hooks, and kills what ignores its signal when the grace is over', async () => {
    await create('stubborn', {
      command: ['sh', '-c', 'trap "" TERM; while true; do sleep 0.1; done'],
      lifecycle: { postStart: { exec: { command: ['sh', '-c', 'echo hello > /proc/1/fd/1'] } }, preStop: { exec: { command: ['sh', '-c', 'echo bye > /proc/1/fd/1'] } } },
    });
    await ready('stubborn');
    await eventually(async () => (await llmos.kubectl('logs', 'stubborn')).stdout === 'hello\n');
    const following = spawn('kubectl', ['logs', '-f', 'stubborn'], { env: { ...process.env, KUBECONFIG: llmos.kubeconfig }, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(following, 'close');
    let said = '';
    following.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await eventually(async () => said === 'hello\n', { what: 'it follows' });
    const deleted = await llmos.kubectl('delete', 'pod', 'stubborn');
    assert.equal(deleted.code, 0, deleted.stderr);
    await ended;
    assert.equal(said, 'hello\nbye\n');
  });

  it('ends a pod that ran longer than it may', async () => {
    await create('late', {}, { activeDeadlineSeconds: 1 });
    const pod = await eventually(async () => {
      const found = await get('late');
      return found.status?.phase === 'Failed' && found;
    });
    assert.equal(pod.status?.reason, 'DeadlineExceeded');
  });

  it('init containers run before, sidecars beside the others', async () => {
    const image = { image: TEST_IMAGE, imagePullPolicy: 'Never' as const };
    const data = [{ name: 'data', mountPath: '/data' }];
    await create('staged', { command: ['sh', '-c', 'cat /data/made; sleep 0.2'], volumeMounts: data }, {
      restartPolicy: 'Never', volumes: [{ name: 'data', emptyDir: {} }],
      initContainers: [{ name: 'make', ...image, command: ['sh', '-c', 'echo made > /data/made'], volumeMounts: data }, { name: 'side', ...image, command: SERVE, restartPolicy: 'Always' }],
    });
    await eventually(async () => (await get('staged')).status?.phase === 'Succeeded');
    assert.equal((await llmos.kubectl('logs', 'staged', '-c', 'main')).stdout, 'made\n');
  });

  it('shows the log of the run before', async () => {
    await create('again', { command: ['sh', '-c', 'echo run; exit 3'] });
    await eventually(async () => ((await get('again')).status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
    assert.equal((await llmos.kubectl('logs', 'again', '--previous')).stdout, 'run\n');
    const none = await llmos.kubectl('logs', 'plain', '--previous');
    assert.match(none.stderr, /previous terminated container "main" in pod "plain" not found/);
  });

  it('joins the input of a container that asked for one', async () => {
    const answer = await llmos.kubectlWith('hello\n', 'run', 'asks', '-i', '--rm', '--restart=Never', `--image=${TEST_IMAGE}`, '--image-pull-policy=Never', '--', 'sh', '-c', 'read word; echo "got $word"');
    assert.equal(answer.code, 0, answer.stderr);
    assert.match(answer.stdout, /^got hello$/m);
  });

  it('follows a change of the image', async () => {
    importTestImage(llmos, 'localhost/other:1');
    await create('changes', {});
    await ready('changes');
    assert.equal((await llmos.kubectl('set', 'image', 'pod/changes', 'main=localhost/other:1')).code, 0);
    await eventually(async () => {
      const status = (await get('changes')).status?.containerStatuses?.[0];
      return status?.image === 'localhost/other:1' && status.restartCount === 1 && status.ready;
    });
  });

  it('containers of a pod that shares its processes see each other, and one for debugging sees its target', async () => {
    const image = { image: TEST_IMAGE, imagePullPolicy: 'Never' as const };
    await llmos.client.create(Pod, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'shared', namespace: 'default' }, spec: { shareProcessNamespace: true, terminationGracePeriodSeconds: 0, containers: [{ name: 'a', ...image, command: ['sh', '-c', 'sleep 1003 & sleep 1001; exit 3'] }, { name: 'b', ...image, command: ['sh', '-c', '(sleep 0.1 &); sleep 1002'] }] } });
    await ready('shared');
    assert.equal((await llmos.kubectl('exec', 'shared', '-c', 'b', '--', 'cat', '/proc/self/oom_score_adj')).stdout, '1000\n', 'what is executed is no safer than its container');
    const { stdout } = await llmos.kubectl('exec', 'shared', '-c', 'b', '--', 'ps');
    assert.match(stdout, /sleep 1001[\s\S]*sleep 1002/);
    // One that ends takes nobody with it but what it left behind, and who has lost its parent is not left for ever.
    await llmos.kubectl('exec', 'shared', '-c', 'b', '--', 'sh', '-c', `kill $(ps -o pid,args | sed -n 's/^ *\\([0-9]*\\) sleep 1001$/\\1/p')`);
    const { status } = await eventually(async () => {
      const pod = await get('shared');
      return (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0 && pod.status?.containerStatuses?.[0]?.ready === true && pod;
    }, { what: 'the first one runs again' });
    assert.deepEqual(status?.containerStatuses?.map(({ restartCount, lastState }) => [restartCount, lastState?.terminated?.exitCode]), [[1, 3], [0, undefined]]);
    const { stdout: now } = await llmos.kubectl('exec', 'shared', '-c', 'b', '--', 'ps', '-o', 'pid,stat,args');
    assert.equal(now.match(/\d S +sleep 1003$/gm)?.length, 1, now);
    assert.match(now, /^\s*1 \S+\s+sleep infinity[\s\S]*sleep 1002[\s\S]*sleep 1001/m);
    assert.doesNotMatch(now, / Z/);
    assert.equal((await llmos.kubectl('debug', 'plain', `--image=${TEST_IMAGE}`, '--image-pull-policy=Never', '-c', 'look', '--target=main', '--', 'ps')).code, 0);
    await eventually(async () => /while true/.test((await llmos.kubectl('logs', 'plain', '-c', 'look')).stdout));
  });

  it('a command whose client is gone ends, deaf as it may be, and leaves nothing', async () => {
    const plain = await get('plain');
    const bundles = join(llmos.run, 'node/bundles');
    const left = (): string[] => readdirSync(bundles).flatMap((id) => readdirSync(join(bundles, id)).filter((name) => name.startsWith('exec-')));
    for (const afterMs of [150, 300, 450, 600, 1_500]) {
      const client = spawn('kubectl', ['exec', plain.metadata.name!, '--', 'sh', '-c', 'trap "" HUP TERM; sleep 4321'], { env: { ...llmos.env, KUBECONFIG: llmos.kubeconfig }, stdio: 'ignore' });
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      client.kill('SIGKILL');
    }
    await eventually(async () => left().length === 0 && !/sleep 4321/.test((await llmos.kubectl('exec', plain.metadata.name!, '--', 'ps')).stdout) && left().length === 0, { what: 'nothing is left' });
  });

  it('a copy of a pod and the node itself are debugged; what ends before somebody is attached is told from its log', async () => {
    const debug = async (...args: string[]): Promise<string> => {
      const flag = args.indexOf('--');
      return ok(llmos.kubectl('debug', ...args.slice(0, flag), `--image=${TEST_IMAGE}`, '--image-pull-policy=Never', '--profile=general', '--attach', ...args.slice(flag)));
    };
    assert.match(await debug('shared', '--copy-to=copy', '--share-processes', '-c', 'look', '--', 'sh', '-c', 'sleep 1; ps'), /sleep 1001/);
    assert.match(await debug('node/node1', '--', 'cat', '/host/proc/sys/kernel/ostype'), /^Linux$/m);
    assert.match((await llmos.kubectl('get', 'pods', '-o', 'wide')).stdout, /^node-debugger-node1-\w+ .* node1 /m);
  });
});
