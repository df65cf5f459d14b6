/** What a container can see and touch of the machine: users of its own, and a container that tries to see the host. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigMap } from '../../src/api/core/config-map.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { RuntimeClass } from '../../src/api/node/runtime-class.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { findRunsc } from '../fixtures/runsc.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { bootForPods } from '../fixtures/pods.ts';

type Spec = NonNullable<Pod['spec']>;

describe('the isolation of pods', () => {
  let llmos: Instance;
  const runsc = findRunsc();
  before(async () => {
    llmos = await bootForPods({ config: `modules: { node: { readySandboxes: 6${runsc === undefined ? '' : `, runtimes: { gvisor: ${runsc} }`} } }` });
  });
  after(() => llmos.destroy());

  const start = async (name: string, spec: Partial<Spec> = {}, container: Partial<Spec['containers'][number]> = {}): Promise<Pod> => {
    await llmos.client.create(Pod, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { terminationGracePeriodSeconds: 0, ...spec, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sleep', '1000000'], ...container }] } });
    return eventually(async () => {
      const pod = await llmos.client.get(Pod, name, { namespace: 'default' });
      return pod.status?.phase === 'Running' && pod;
    }, { what: `${name} runs` }).catch(async (error) => assert.fail(`${error}: ${JSON.stringify((await llmos.client.get(Pod, name, { namespace: 'default' })).status)} ${(await llmos.kubectl('describe', 'pod', name)).stdout}`));
  };
  const sh = async (name: string, script: string, container = 'main'): Promise<string> => {
    const { code, stdout, stderr } = await llmos.kubectl('exec', name, '-c', container, '--', 'sh', '-c', `{ ${script}\n} 2>&1`);
    return code === 0 ? stdout.trim() : `${stdout}${stderr}`.trim();
  };

  it('users of its own: root within is nobody without, and volumes are its own', async () => {
    const folder = mkdtempSync(join('/var/tmp', 'llmos-test-'));
    try {
      writeFileSync(join(folder, 'secret'), 'of root', { mode: 0o600 });
      await llmos.client.create(ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'conf', namespace: 'default' }, data: { colour: 'blue' } });
      await start('own-users', {
        hostUsers: false, hostname: 'mapped', containers: [],
        volumes: [{ name: 'host', hostPath: { path: folder } }, { name: 'empty', emptyDir: {} }, { name: 'memory', emptyDir: { medium: 'Memory' } }, { name: 'conf', configMap: { name: 'conf', defaultMode: 0o400 } }, { name: 'image', image: { reference: TEST_IMAGE, pullPolicy: 'Never' } }],
      }, { volumeMounts: [{ name: 'host', mountPath: '/host' }, { name: 'empty', mountPath: '/empty', subPath: 'deep' }, { name: 'memory', mountPath: '/memory' }, { name: 'conf', mountPath: '/conf' }, { name: 'image', mountPath: '/image' }] });
      assert.match(await sh('own-users', 'id -u; cat /proc/self/uid_map'), /^0\n\s+0\s+\d{7,}\s+65536$/);
      const base = Number(/0\s+(\d{7,})\s+65536/.exec(await sh('own-users', 'cat /proc/self/uid_map'))?.[1]);
      assert.equal(await sh('own-users', 'hostname; cat /host/secret /conf/colour; echo; touch /host/new /empty/a /memory/b /in-root && stat -c %u /host/new /empty/a /in-root /bin/busybox /etc/hosts'), 'mapped\nof rootblue\n0\n0\n0\n0\n0');
      assert.equal(await sh('own-users', 'cat /image/etc/group | head -1; stat -c %u /image/etc'), 'root:x:0:\n0');
      assert.equal(statSync(join(folder, 'new')).uid, 0, 'on the disk it is what it is within');
      // Those that were executed in it may still be at their end.
      const pids = (): string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/status`).includes(`Uid:\t${base}\t`) && read(`/proc/${name}/cgroup`).includes(llmos.name));
      await eventually(async () => pids().length === 1, { what: 'its process has an id of the machine that is nobody' });
      assert.match(await sh('own-users', 'mount -t tmpfs none /mnt; chroot /proc/1/root true; dmesg; echo 1 > /proc/sys/kernel/panic'), /denied|not permitted|Read-only/);
      assert.equal(await sh('own-users', 'ls /sys/class/net | sort | tr "\\n" " "'), 'eth0 lo', 'the network that it sees is its own');
      assert.match(await sh('own-users', 'httpd -p 80 -h / && wget -qO- http://127.0.0.1/conf/colour'), /blue/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  it('users of its own: containers of a pod share them, two pods do not, and they outlive llmos', async () => {
    await llmos.client.create(Pod, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pair', namespace: 'default' }, spec: { hostUsers: false, shareProcessNamespace: true, terminationGracePeriodSeconds: 0, containers: ['one', 'two'].map((name, index) => ({ name, image: TEST_IMAGE, imagePullPolicy: 'Never' as const, command: ['sleep', `100000${index}`] })) } });
    await eventually(async () => (await llmos.client.get(Pod, 'pair', { namespace: 'default' })).status?.containerStatuses?.every(({ ready }) => ready) === true);
    const map = (pod: string, container: string): Promise<string> => sh(pod, 'cat /proc/self/uid_map', container);
    assert.equal(await map('pair', 'one'), await map('pair', 'two'));
    assert.notEqual(await map('pair', 'one'), await map('own-users', 'main'));
    assert.match(await sh('pair', 'ps', 'two'), /sleep[\s\S]*sleep/);
    const before = await map('pair', 'one');
    await llmos.kill();
    await llmos.boot();
    // The container that came first takes nobody with it: the first process is nobody's, and belongs to the users of the pod.
    await sh('pair', `kill -9 $(ps -o pid,args | sed -n 's/^ *\\([0-9]*\\) sleep 1000000$/\\1/p')`, 'two');
    const { status } = await eventually(async () => {
      const now = await llmos.client.get(Pod, 'pair', { namespace: 'default' });
      return now.status?.containerStatuses?.some(({ restartCount, ready }) => restartCount > 0 && ready) === true && now;
    });
    assert.deepEqual(status?.containerStatuses?.map(({ restartCount }) => restartCount), [1, 0]);
    assert.match(await sh('pair', 'ps -o pid,user,args', 'one'), /^\s*1 (root|0) +sleep infinity[\s\S]*sleep 1000001[\s\S]*sleep 1000000/m);
    assert.equal(await map('pair', 'one'), before);
    const users = `/run/${llmos.name}-users`;
    assert.equal(readdirSync(users).length, 2);
    await llmos.kubectl('delete', 'pod', 'pair', 'own-users');
    await eventually(async () => !existsSync(users), { what: 'all users are given back' });
    assert.ok((await llmos.llmos('image', 'ls')).stdout.includes('test'), 'the images are still there');
  });
  it('with users of its own it may not share namespaces of the machine', async () => {
    const spec = (more: Partial<Spec>): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'never', namespace: 'default' }, spec: { hostUsers: false, ...more, containers: [{ name: 'main', image: TEST_IMAGE }] } });
    for (const field of ['hostNetwork', 'hostPID', 'hostIPC'] as const) await assert.rejects(llmos.client.create(Pod, spec({ [field]: true })), new RegExp(`spec\\.${field}: Forbidden: when \`hostUsers\` is false`));
  });

  const runc = ['/usr/bin/runc', '/usr/sbin/runc', '/usr/local/sbin/runc'].some((file) => existsSync(file));
  const without = (name: string): string | false => (name === 'under runc' && !runc ? 'runc is not installed' : name === 'in gVisor' && runsc === undefined ? 'runsc could not be fetched' : false);
  for (const [name, spec] of [['by default', {}], ['with users of its own', { hostUsers: false }], ['under runc', { runtimeClassName: 'runc' }], ['in gVisor', { runtimeClassName: 'gvisor' }]] as const) {
    it(`a container that tries to see the host does not, ${name}`, { skip: without(name) }, async () => {
      const pod = `prisoner-${name.length}`;
      const handler = 'runtimeClassName' in spec ? spec.runtimeClassName : undefined;
      if (handler !== undefined) await llmos.client.create(RuntimeClass, { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: handler }, handler });
      await start(pod, spec);
      const refused = /denied|not permitted|Read-only|can't|No such|Invalid|nothing|refused/i;
      const tries: readonly [string, string, RegExp][] = [
        ['processes of the machine', 'ls -d /proc/[0-9]* | wc -l', /^[1-6]$/],
        ['the machine by its mounts', 'mount -t proc proc /mnt || mount --bind / /mnt || mkdir /x && mount -t cgroup none /x', refused],
        ['disks', 'mknod /disk b 254 0 && cat /disk | head -c 1 || mknod /disk b 8 0 && head -c 1 /disk', refused],
        ['memory of the machine', 'head -c 1 /proc/kcore | wc -c; cat /dev/mem', /^0\n|denied|No such|can't/],
        ['keys and logs of the kernel', 'dmesg || echo refused', name === 'in gVisor' ? /Starting gVisor/ : refused],
        ['settings of the kernel', 'echo 1 > /proc/sys/vm/drop_caches', refused],
        ['the power switch', 'echo b > /proc/sysrq-trigger', refused],
        ['other control groups', 'echo 1 > /sys/fs/cgroup/memory/cgroup.procs || mkdir /sys/fs/cgroup/memory/mine || echo refused', refused],
        ['the time', 'date -s 2001-01-01 || echo refused', refused],
        ['other namespaces', 'nsenter -t 1 -m -p true; unshare -n true && echo got || echo refused', refused],
        ['the network of the machine', 'ip link set eth0 down || echo refused', refused],
        ['the sockets of llmos', `ls ${llmos.run} ${llmos.state}`, /No such file/],
      ];
      const [processes, ...others] = tries;
      assert.match(await sh(pod, processes![1]), processes![2], processes![0]); // the others are processes, too
      await Promise.all(others.map(async ([what, script, answer]) => assert.match(await sh(pod, script), answer, what)));
      if (name === 'in gVisor') assert.notEqual(await sh(pod, 'uname -r'), release(), 'the kernel is its own');
      else assert.match(await sh(pod, 'grep Seccomp: /proc/self/status'), /Seccomp:\s2/);
      await llmos.kubectl('delete', 'pod', pod, '--now');
      if (handler !== undefined) await eventually(async () => !existsSync(join(llmos.run, 'node', `runtime-${handler}`)) || readdirSync(join(llmos.run, 'node', `runtime-${handler}`)).length === 0, { what: 'nothing is left of it' });
    });
  }
});

function read(file: string): string {
  try { return readFileSync(file, 'utf8'); } catch { return ''; }
}
