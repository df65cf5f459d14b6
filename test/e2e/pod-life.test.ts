/** Pods from files, restarts by exit code, resources of a pod as a whole, logs that are set aside. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { bootForPods } from '../fixtures/pods.ts';

type Spec = NonNullable<Pod['spec']>;
type Container = Spec['containers'][number];

describe('the life of pods', () => {
  let llmos: Instance;
  const folder = mkdtempSync(join(tmpdir(), 'llmos-test-static-'));
  before(async () => {
    llmos = await bootForPods({ config: `modules: { node: { readySandboxes: 4, staticPodPath: ${folder}, containerLogMaxSize: 100Ki, containerLogMaxFiles: 3, containerLogMonitorInterval: 1s } }` });
  });
  after(async () => {
    await llmos.destroy();
    rmSync(folder, { recursive: true });
  });

  const container = (script: string, more: Partial<Container> = {}): Container => ({ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', script], ...more });
  const create = (name: string, containers: Container[], spec: Partial<Spec> = {}): Promise<Pod> => llmos.client.create(Pod, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { terminationGracePeriodSeconds: 0, ...spec, containers } });
  const until = (name: string, holds: (pod: Pod) => boolean): Promise<Pod> => eventually(async () => {
    const { items } = await llmos.client.list(Pod, { namespace: 'default' });
    const pod = items.find(({ metadata }) => metadata.name === name);
    return pod !== undefined && holds(pod) && pod;
  }, { what: `${name}: ${holds}` });
  const running = (name: string): Promise<Pod> => until(name, ({ status }) => status?.phase === 'Running');

  it('a manifest in the folder runs on while its mirror is deleted and made again, follows its file, and goes with it', async () => {
    const file = join(folder, 'web.yaml');
    const write = (colour: string): void => {
      writeFileSync(join(folder, '.new'), JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { colour } }, spec: { terminationGracePeriodSeconds: 1, containers: [container('sleep 1000000')] } }));
      renameSync(join(folder, '.new'), file);
    };
    write('blue');
    const first = await running('web-node1');
    assert.deepEqual([first.metadata.annotations?.['kubernetes.io/config.source'], first.metadata.ownerReferences?.[0]?.kind, first.spec?.nodeName], ['file', 'Node', 'node1']);
    await llmos.kubectl('delete', 'pod', 'web-node1', '--wait=false');
    const second = await until('web-node1', ({ metadata, status }) => metadata.uid !== first.metadata.uid && status?.phase === 'Running');
    const idOf = ({ status }: Pod): unknown => [status?.containerStatuses?.[0]?.containerID, status?.containerStatuses?.[0]?.restartCount, status?.podIP];
    assert.deepEqual(idOf(second), idOf(first), 'only the mirror is another');
    await llmos.kubectl('delete', 'pod', 'web-node1', '--force', '--wait=false');
    const third = await until('web-node1', ({ metadata, status }) => metadata.uid !== second.metadata.uid && status?.phase === 'Running');
    assert.deepEqual(idOf(third), idOf(first));
    await llmos.kill();
    await llmos.boot();
    await until('web-node1', (pod) => pod.status?.phase === 'Running' && idOf(pod)?.toString() === idOf(first)?.toString());
    assert.equal((await llmos.kubectl('exec', 'web-node1', '--', 'echo', 'there')).stdout, 'there\n');
    write('red');
    await until('web-node1', ({ metadata, status }) => metadata.uid !== third.metadata.uid && metadata.labels?.['colour'] === 'red' && status?.phase === 'Running');
    writeFileSync(join(folder, 'bad.yaml'), 'kind: Deployment\n');
    await eventually(async () => llmos.log().includes('a manifest of a static pod is not understood'));
    rmSync(join(folder, 'bad.yaml'));
    rmSync(file);
    await eventually(async () => (await llmos.client.list(Pod, { namespace: 'default' })).items.length === 0);
  });

  describe('at the same time', { concurrency: true }, () => {
    it('a rule restarts a container by its exit code, whatever the policy says', async () => {
      const rules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
      const twice = 'n=$(cat /keep/n 2>/dev/null || echo 0); echo $((n+1)) > /keep/n; [ $n -ge 1 ] && exit 3; exit 42';
      await create('ruled', [container(twice, { restartPolicy: 'Never', restartPolicyRules: rules, volumeMounts: [{ name: 'keep', mountPath: '/keep' }] }), container('sleep 1000000', { name: 'beside' })], { restartPolicy: 'Always', volumes: [{ name: 'keep', emptyDir: {} }] });
      const { status } = await until('ruled', (pod) => pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode === 3);
      assert.equal(status?.containerStatuses?.[0]?.restartCount, 1);
      assert.equal(status?.phase, 'Running', 'the other one runs');
      await create('done', [container('exit 3', { restartPolicy: 'Never', restartPolicyRules: rules })], { restartPolicy: 'Always' });
      await until('done', (pod) => pod.status?.phase === 'Failed');
      await assert.rejects(create('wrong', [container('true', { restartPolicyRules: rules })]), /must specify restartPolicy when restart rules are used/);
    });

    it('a rule makes all containers begin again where they are, init containers too', async () => {
      const keep = [{ name: 'keep', mountPath: '/keep' }];
      const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }];
      const count = (file: string): string => `echo x >> /keep/${file}`;
      await create('together', [
        container(`${count('main')}; [ -e /keep/told ] && sleep 1000000; while ! [ -e /keep/go ]; do sleep 0.1; done; touch /keep/told; exit 42`, { restartPolicy: 'Never', restartPolicyRules: rules, volumeMounts: keep }),
        container(`${count('beside')}; trap '' TERM; while :; do sleep 1; done`, { name: 'beside', volumeMounts: keep, lifecycle: { preStop: { exec: { command: ['touch', '/keep/hook'] } } } }),
      ], { restartPolicy: 'Never', terminationGracePeriodSeconds: 300, volumes: [{ name: 'keep', emptyDir: {} }], initContainers: [container(count('first'), { name: 'first', volumeMounts: keep }), container(`${count('side')}; sleep 1000000`, { name: 'side', restartPolicy: 'Always', volumeMounts: keep })] });
      const before = await running('together');
      assert.equal(before.status?.conditions?.find(({ type }) => type === 'AllContainersRestarting')?.status, 'False');
      await llmos.kubectl('exec', 'together', '-c', 'beside', '--', 'touch', '/keep/go');
      const counts = ({ status }: Pod): (number | undefined)[] => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(({ restartCount }) => restartCount);
      const again = await until('together', (pod) => counts(pod).every((each) => each === 1) && pod.status?.containerStatuses?.every(({ state }) => state?.running !== undefined) === true);
      assert.deepEqual([again.status?.phase, again.status?.podIP, again.metadata.uid], ['Running', before.status?.podIP, before.metadata.uid]);
      assert.equal((await llmos.kubectl('exec', 'together', '-c', 'beside', '--', 'sh', '-c', 'cd /keep; wc -l < main; wc -l < beside; wc -l < first; wc -l < side; ls hook')).stdout, '2\n2\n2\n2\n');
      await llmos.kubectl('delete', 'pod', 'together', '--force', '--grace-period=0');
    });

    it('the rule of a sidecar does so too, though others may not start again', async () => {
      const keep = [{ name: 'keep', mountPath: '/keep' }];
      const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }];
      const stays = 'sleep 1000000';
      await create('by-sidecar', [container(stays)], {
        restartPolicy: 'Never', volumes: [{ name: 'keep', emptyDir: {} }],
        initContainers: [container('true', { name: 'first' }), container(stays, { name: 'side', restartPolicy: 'Always' }), container(`while ! [ -e /keep/go ]; do sleep 0.1; done; [ -e /keep/told ] && ${stays}; touch /keep/told; exit 42`, { name: 'cause', restartPolicy: 'Always', restartPolicyRules: rules, volumeMounts: keep })],
      });
      await running('by-sidecar');
      await llmos.kubectl('exec', 'by-sidecar', '-c', 'cause', '--', 'touch', '/keep/go');
      const all = ({ status }: Pod) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
      const { status } = await until('by-sidecar', (pod) => pod.status?.phase === 'Failed' || (all(pod).every(({ restartCount }) => restartCount === 1) && all(pod).slice(1).every(({ state }) => state?.running !== undefined)));
      assert.equal(status?.phase, 'Running');
      await llmos.kubectl('delete', 'pod', 'by-sidecar', '--force', '--grace-period=0');
    });

    it('a full name is what the kernel tells, folders within volumes are for who may write, and settings of the machine are refused', async () => {
      await create('named', [container('sleep 1000000', { volumeMounts: [{ name: 'e', mountPath: '/sub', subPath: 'a/b' }] })], { hostname: 'short', subdomain: 'sub', setHostnameAsFQDN: true, securityContext: { runAsUser: 1000, sysctls: [{ name: 'net.ipv4.tcp_keepalive_time', value: '100' }] }, volumes: [{ name: 'e', emptyDir: {} }] });
      await running('named');
      const full = 'short.sub.default.svc.cluster.local';
      assert.equal((await llmos.kubectl('exec', 'named', '--', 'sh', '-c', 'hostname; cat /etc/hostname; touch /sub/x && echo wrote; tail -n 1 /etc/hosts | cut -f 2-; cat /proc/sys/net/ipv4/tcp_keepalive_time')).stdout, `${full}\n${full}\nwrote\n${full}\tshort\n100\n`);
      await create('overridden', [container('hostname > /dev/termination-log; hostname -f >> /dev/termination-log')], { restartPolicy: 'Never', hostname: 'short', subdomain: 'sub', hostnameOverride: 'own.example' });
      const overridden = await until('overridden', (pod) => pod.status?.phase === 'Succeeded');
      assert.equal(overridden.status?.containerStatuses?.[0]?.state?.terminated?.message, 'own.example\nown.example\n', 'it has no domain beside its own name');
      await create('unsafe', [container('true')], { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '65536' }] } });
      const { status } = await until('unsafe', (pod) => pod.status?.phase === 'Failed');
      assert.deepEqual([status?.reason, status?.message], ['SysctlForbidden', 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted']);
      await llmos.kubectl('delete', 'pod', 'named', 'unsafe', '--now');
    });

    it('variables come from a file of an init container, and calls are refused by a profile of the administrator', async () => {
      const volumes = [{ name: 'v', emptyDir: {} }];
      await create('filed', [container('echo $A; sleep 1000000', { env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'e', key: 'A' } } }, { name: 'B', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'e', key: 'B', optional: true } } }] })], { volumes, initContainers: [container(`echo "A='two words'" > /v/e`, { name: 'first', volumeMounts: [{ name: 'v', mountPath: '/v' }] })] });
      await running('filed');
      await eventually(async () => (await llmos.kubectl('logs', 'filed')).stdout === 'two words\n');
      const seccomp = join(llmos.run, 'node/kubelet/seccomp');
      await create('guarded', [container('mkdir /x; sleep 1000000', { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'profiles/no-folders.json' } } })]);
      await until('guarded', ({ status }) => /cannot load seccomp profile/.test(status?.containerStatuses?.[0]?.state?.waiting?.message ?? ''));
      mkdirSync(join(seccomp, 'profiles'), { recursive: true });
      writeFileSync(join(seccomp, 'profiles/no-folders.json'), JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }] }));
      await running('guarded');
      await eventually(async () => /can't create directory '\/x': Operation not permitted/.test((await llmos.kubectl('logs', 'guarded')).stdout));
      await create('armoured', [container('true')], { securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'x' } } });
      if (!existsSync('/sys/module/apparmor')) assert.equal((await until('armoured', (pod) => pod.status?.phase === 'Failed')).status?.reason, 'AppArmor');
      await llmos.kubectl('delete', 'pod', 'filed', 'guarded', 'armoured', '--now');
    });

    it('what a pod may take as a whole is shared by its containers', async () => {
      await create('whole', [container('sleep 1000000'), container('sleep 1000000', { name: 'other', resources: { requests: { cpu: '50m' } } })], { resources: { limits: { cpu: '300m', memory: '96Mi' } } });
      const { status, spec } = await running('whole');
      const resizeTo = (cpu: string, memory: string): Promise<{ code: number; stderr: string }> => llmos.kubectl('patch', 'pod', 'whole', '--subresource', 'resize', '-p', JSON.stringify({ spec: { resources: { limits: { cpu, memory } } } }));
      assert.deepEqual([status?.qosClass, spec?.resources?.requests], ['Burstable', { cpu: '50m', memory: '96Mi' }]);
      const parent = async (controller: string, file: string): Promise<string> => {
        const { stdout } = await llmos.kubectl('exec', 'whole', '-c', 'main', '--', 'cat', '/proc/self/cgroup');
        const path = new RegExp(`:${controller}:(.*)`).exec(stdout)?.[1] ?? /^0::(.*)/m.exec(stdout)?.[1] ?? '';
        return readFileSync(join('/sys/fs/cgroup', controller === '' ? '' : controller, path, '..', file), 'utf8').trim();
      };
      const v1 = readdirSync('/sys/fs/cgroup').includes('memory');
      assert.equal(v1 ? await parent('memory', 'memory.limit_in_bytes') : await parent('', 'memory.max'), String(96 * 2 ** 20));
      assert.match(v1 ? await parent('cpu', 'cpu.cfs_quota_us') : await parent('', 'cpu.max'), /^30000/);
      const answer = await resizeTo('400m', '128Mi');
      assert.equal(answer.code, 0, answer.stderr);
      const resized = await until('whole', (pod) => pod.status?.resources?.limits?.['memory'] === '128Mi');
      assert.deepEqual([resized.status?.resources?.limits, resized.status?.containerStatuses?.map(({ restartCount }) => restartCount)], [{ cpu: '400m', memory: '128Mi' }, [0, 0]]);
      assert.equal(v1 ? await parent('memory', 'memory.limit_in_bytes') : await parent('', 'memory.max'), String(128 * 2 ** 20));
      assert.match(v1 ? await parent('cpu', 'cpu.cfs_quota_us') : await parent('', 'cpu.max'), /^40000/);
      assert.match((await resizeTo('20m', '128Mi')).stderr, /must be less than or equal to cpu limit|must be greater than or equal/);
    });

    it('a log that grows is set aside, and followed into the next', async () => {
      await create('talks', [container('[ -e /keep/again ] && exec sleep 1000000; touch /keep/again; while ! [ -e /keep/go ]; do sleep 0.1; done; n=0; while [ $n -lt 6000 ]; do n=$((n+1)); echo "line $n of some length that fills the log"; done; sleep 3; echo last; exit 1', { volumeMounts: [{ name: 'keep', mountPath: '/keep' }] })], { restartPolicy: 'Always', volumes: [{ name: 'keep', emptyDir: {} }] });
      const { metadata } = await running('talks');
      const lines = llmos.kubectl('logs', 'talks', '--follow');
      const logs = join(llmos.state, 'node/logs', `default_talks_${metadata.uid}`, 'main');
      const opened = (): string[] => readdirSync(`/proc/${llmos.pid}/fd`).flatMap((fd) => { try { return readlinkSync(`/proc/${llmos.pid}/fd/${fd}`); } catch { return []; } });
      await eventually(async () => opened().includes(join(logs, '0.log')), { what: 'the log is followed' });
      await llmos.kubectl('exec', 'talks', '--', 'touch', '/keep/go');
      await eventually(async () => readdirSync(logs).some((name) => name.startsWith('0.log.')), { timeoutMs: 25_000, what: 'a log that was set aside' });
      const { stdout } = await lines;
      assert.ok(stdout.includes('line 6000') && stdout.trimEnd().endsWith('last'), stdout.slice(-200));
      await until('talks', ({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
      assert.equal((await llmos.kubectl('logs', 'talks', '--previous')).stdout, 'last\n');
    });

    it('ends in the order of its making turned round, and begins one after the other', async () => {
      const says = (word: string, before = ''): string => `trap '${before}echo ${word} >> /v/said; exit 0' TERM; while :; do sleep 0.1; done`;
      const of = (name: string, more: Partial<Container> = {}): Container => container(says(name), { name, volumeMounts: [{ name: 'v', mountPath: '/v' }], ...more });
      const path = join(folder, '..', `${folder.split('/').at(-1)}-said`);
      mkdirSync(path);
      const hook = (word: string, seconds = 0): object => ({ exec: { command: ['sh', '-c', `sleep ${seconds}; echo ${word} >> /v/said`] } });
      await create('orderly', [of('one', { command: ['sh', '-c', says('one', 'until grep -q first-will-stop /v/said; do sleep 0.1; done; ')], lifecycle: { postStart: hook('started', 1) } }), of('two', { command: ['sh', '-c', `echo two-begins >> /v/said; ${says('two')}`] })], {
        terminationGracePeriodSeconds: 60, volumes: [{ name: 'v', hostPath: { path } }],
        initContainers: [of('first', { restartPolicy: 'Always', lifecycle: { preStop: hook('first-will-stop') } }), of('second', { restartPolicy: 'Always' })],
      });
      await until('orderly', ({ status }) => status?.containerStatuses?.[0]?.containerID !== undefined && status.containerStatuses[0].state?.waiting?.reason === 'PodInitializing' || status?.containerStatuses?.[0]?.state?.waiting?.reason === 'ContainerCreating');
      const pod = await running('orderly');
      assert.deepEqual(readFileSync(join(path, 'said'), 'utf8').split('\n').slice(0, 2), ['started', 'two-begins']);
      await eventually(async () => (await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.fieldPath=spec.initContainers{first}')).stdout.includes('Started'), { what: 'events name the container' });
      assert.equal((await llmos.kubectl('delete', 'pod', 'orderly', '--timeout=60s')).code, 0, pod.metadata.name);
      const said = readFileSync(join(path, 'said'), 'utf8').trim().split('\n').slice(2);
      rmSync(path, { recursive: true });
      // That 'one' ended says that the hook of a sidecar ran before.
      assert.deepEqual(said.filter((word) => word !== 'first-will-stop').map((word) => (word === 'one' || word === 'two' ? 'app' : word)), ['app', 'app', 'second', 'first']);
    });

    it('a container ends by the signal that it names, one of real time too', async () => {
      const path = mkdtempSync(join(tmpdir(), 'llmos-test-signal-'));
      const script = (file: string, signal: string): string => `trap '' TERM; trap 'echo heard > /v/${file}; exit 0' ${signal}; while :; do sleep 0.1; done`;
      const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] };
      // 37 is SIGRTMIN+3, which systemd is stopped by.
      await create('signalled', [
        container(script('real-time', '37'), { ...mount, lifecycle: { stopSignal: 'SIGRTMIN+3' } }), container(script('user', 'USR1'), { ...mount, name: 'other', lifecycle: { stopSignal: 'SIGUSR1' } }),
      ], { os: { name: 'linux' }, terminationGracePeriodSeconds: 600, volumes: [{ name: 'v', hostPath: { path } }] });
      const { status } = await running('signalled');
      assert.deepEqual(status?.containerStatuses?.map(({ stopSignal }) => stopSignal), ['SIGRTMIN+3', 'SIGUSR1']);
      await llmos.kubectl('delete', 'pod', 'signalled', '--wait=false');
      await eventually(async () => readdirSync(path).length === 2, { what: 'both heard of their end' });
      rmSync(path, { recursive: true });
    });

    it('a hook that fails ends its container, and one that is forced to go still hears of it', async () => {
      await create('failing-hook', [container('sleep 1000000', { lifecycle: { postStart: { exec: { command: ['false'] } } } })], { restartPolicy: 'Never', terminationGracePeriodSeconds: 1 });
      await until('failing-hook', ({ status }) => status?.phase === 'Failed');
      await eventually(async () => (await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=failing-hook')).stdout.includes('FailedPostStartHook'));
      const path = join(folder, '..', `${folder.split('/').at(-1)}-forced`);
      mkdirSync(path);
      await create('forced', [container(`trap 'echo heard > /v/said; exit 0' TERM; while :; do sleep 0.1; done`, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })], { terminationGracePeriodSeconds: 30, volumes: [{ name: 'v', hostPath: { path } }] });
      await running('forced');
      await llmos.kubectl('delete', 'pod', 'forced', '--force', '--grace-period=0');
      await eventually(async () => existsSync(join(path, 'said')), { what: 'it heard of its end' });
      rmSync(path, { recursive: true });
    });
  });
});
