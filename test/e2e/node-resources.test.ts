/** What pods use of the machine, and what they may use: through the door, with real containers. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { quantityMillis } from '../../src/api/quantity.ts';
import { PersistentVolumeClaim } from '../../src/api/core/persistent-volume-claim.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { RuntimeClass } from '../../src/api/node/runtime-class.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

type Container = NonNullable<Pod['spec']>['containers'][number];
const SERVE = ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'];

/** runc with the command line and the state files of gVisor's runsc: no --no-new-keyring, `--network`, `ID_sandbox:ID.state`. */
const GVISOR_LIKE = `#!/bin/sh
case " $* " in *" --no-new-keyring "*) echo "flag provided but not defined: -no-new-keyring" >&2; exit 128;; *" --network=host "*) ;; *) echo "no network" >&2; exit 128;; esac
root=; id=; all=
for each in "$@"; do case "$each" in --network=host) ;; --root=*) root=\${each#--root=}; all="$all $each";; *) id=$each; all="$all $each";; esac; done
case " $* " in *" create "*) mkdir -p "$root"; touch "$root/\${id}_sandbox:$id.state";; *" delete "*) rm -f "$root/\${id}_sandbox:$id.state";; esac
exec runc $all
`;

describe('the resources of the node', () => {
  let llmos: Instance;
  const folder = mkdtempSync(join(tmpdir(), 'llmos-test-runtimes-'));
  before(async () => {
    writeFileSync(join(folder, 'runsc'), GVISOR_LIKE, { mode: 0o755 });
    llmos = await bootForPods({ config: `modules: { node: { runtimes: { sandboxed: ${join(folder, 'runsc')} } } }` });
  });
  after(async () => {
    await llmos.destroy();
    rmSync(folder, { recursive: true });
  });

  const create = (name: string, container: Partial<Container>, spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 1, ...spec, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: SERVE, ...container }] },
  });
  const get = (name: string): Promise<Pod> => llmos.client.get(Pod, name, { namespace: 'default' });
  const ready = (name: string): Promise<Pod> => eventually(async () => {
    const pod = await get(name);
    return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && pod;
  });
  const raw = (path: string): Promise<string> => ok(llmos.kubectl('get', '--raw', path));

  it('are shown as they are used', async () => {
    await create('busy', { command: ['sh', '-c', 'while true; do :; done'], resources: { limits: { cpu: '200m', memory: '64Mi' } } });
    await ready('busy');
    await eventually(async () => Number(/^busy\s+main\s+(\d+)m\s+\d+Mi/m.exec((await llmos.kubectl('top', 'pods', '--containers')).stdout)?.[1]) > 50, { everyMs: 1_000 });
    const one = await llmos.kubectl('top', 'pod', '-l', 'app=busy', '--no-headers');
    assert.ok(Number(/^busy\s+(\d+)m/.exec(one.stdout)?.[1]) < 300, one.stdout + one.stderr);
    assert.match((await llmos.kubectl('top', 'nodes')).stdout, /^node1\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/m);
    assert.match((await llmos.kubectl('get', 'podmetrics', 'busy')).stdout, /NAME\s+CPU\s+MEMORY\s+WINDOW/);
    assert.match((await llmos.kubectl('top', 'pod', 'missing')).stderr, /NotFound/);
  });

  it('are told as the kubelet tells them', async () => {
    const summary = await eventually(async () => {
      const now = JSON.parse(await raw('/api/v1/nodes/node1/proxy/stats/summary')) as Summary;
      return now.node.cpu !== undefined && now.pods.length > 0 && now;
    });
    type Summary = { node: { fs: { capacityBytes: number }; cpu?: { psi?: { some: { total: number } } } }; pods: PodSummary[] };
    type PodSummary = { podRef: { name: string }; memory: { availableBytes?: number }; containers: { memory: { availableBytes: number }; logs: { usedBytes: number }; rootfs: { inodesUsed: number } }[]; network: { name: string; rxBytes: number }; process_stats: { process_count: number }; 'ephemeral-storage': { usedBytes: number } };
    assert.ok(summary.node.fs.capacityBytes > 0);
    if (existsSync('/proc/pressure/cpu')) assert.ok(summary.node.cpu!.psi!.some.total > 0);
    const busy = summary.pods.find(({ podRef }) => podRef.name === 'busy')!;
    const [container] = busy.containers;
    assert.ok(container!.memory.availableBytes <= 64 * 2 ** 20);
    assert.equal(busy.memory.availableBytes, container!.memory.availableBytes, 'the limits of its containers are that of a pod');
    assert.ok(container!.logs.usedBytes >= 0 && container!.rootfs.inodesUsed > 0 && busy['ephemeral-storage'].usedBytes > 0, JSON.stringify(busy));
    assert.deepEqual([busy.network.name, busy.process_stats.process_count], ['eth0', 1]);
    assert.match(await raw('/api/v1/nodes/node1/proxy/metrics/resource'), /^container_cpu_usage_seconds_total\{container="main",namespace="default",pod="busy"\} [\d.]+ \d+$/m);
    const advisor = await raw('/api/v1/nodes/node1/proxy/metrics/cadvisor');
    const value = (line: RegExp): number => Number(line.exec(advisor)?.[1] ?? assert.fail(`${line}: ${advisor}`));
    const id = (await get('busy')).status!.containerStatuses![0]!.containerID!.replace('llmos://', '');
    assert.ok(value(new RegExp(`^container_memory_working_set_bytes\\{container="main",id="/.+/${id}",image="${TEST_IMAGE}",name="${id}",namespace="default",pod="busy"\\} (\\d+) \\d+$`, 'm')) > 0);
    assert.ok(value(/^container_cpu_cfs_throttled_periods_total\{container="main",.*pod="busy"\} (\d+)/m) > 0, 'it is held back');
    assert.equal(value(/^container_spec_cpu_quota\{container="main",.*pod="busy"\} (\d+)/m), 20_000);
    assert.ok(value(/^container_network_receive_bytes_total\{container="",.*interface="eth0",.*pod="busy"\} (\d+)/m) >= 0);
    assert.ok(value(/^container_cpu_usage_seconds_total\{container="",cpu="total",id="\/",.*\} ([\d.]+)/m) > value(/^container_cpu_usage_seconds_total\{container="",cpu="total",id="\/.+",.*pod="busy"\} ([\d.]+)/m));
    assert.match((await llmos.kubectl('get', '--raw', '/api/v1/nodes/node1/proxy/nothing')).stderr, /does not serve|could not find/);
  });

  it('are counted in the series that dashboards of the kubelet ask for', async () => {
    await llmos.client.create(PersistentVolumeClaim, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } } });
    await create('keeper', { volumeMounts: [{ name: 'data', mountPath: '/data' }], readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }, { name: 'scratch', emptyDir: {} }] });
    await ready('keeper');
    assert.equal((await llmos.kubectl('exec', 'keeper', '--', 'dd', 'if=/dev/zero', 'of=/data/file', 'bs=1048576', 'count=8')).code, 0);
    const metrics = async (path = 'metrics'): Promise<string> => raw(`/api/v1/nodes/node1/proxy/${path}`);
    const claim = 'namespace="default",persistentvolumeclaim="data"';
    const text = await eventually(async () => {
      const now = await metrics();
      return Number(new RegExp(`^kubelet_volume_stats_used_bytes\\{${claim}\\} (\\d+)$`, 'm').exec(now)?.[1]) > 8e6 && now;
    });
    const value = (series: string): number => Number(text.split('\n').find((line) => line.startsWith(`${series} `))?.slice(series.length + 1) ?? assert.fail(`no ${series} in ${text}`));
    assert.ok(value(`kubelet_volume_stats_capacity_bytes{${claim}}`) <= 64 * 2 ** 20 && value(`kubelet_volume_stats_inodes{${claim}}`) > 0);
    assert.equal(value('kubelet_node_name{node="node1"}'), 1);
    assert.ok(value('kubelet_running_pods') >= 2 && value('kubelet_running_containers{container_state="running"}') >= 2);
    assert.ok(value('kubelet_pod_start_duration_seconds_count') >= 2 && value('kubelet_pod_start_duration_seconds_bucket{le="+Inf"}') === value('kubelet_pod_start_duration_seconds_count'));
    assert.ok(value('kubelet_pod_worker_duration_seconds_count{operation_type="create"}') >= 2 && value('kubelet_started_containers_total{container_type="container"}') >= 2);
    await llmos.kubectl('run', 'exits', '--image', TEST_IMAGE, '--image-pull-policy=Never', '--restart=Never', '--command', '--', 'sh', '-c', 'exit 139');
    await eventually(async () => /^kubelet_terminated_containers_total\{container_type="container",exit_code="139"\} 1$/m.test(await metrics()), { what: 'the end of a container is counted by its code' });
    assert.ok(value('kubelet_runtime_operations_total{operation_type="create_container"}') >= 2 && value('kubelet_pod_status_sync_duration_seconds_count') >= 2);
    assert.ok(value('volume_manager_total_volumes{plugin_name="kubernetes.io/empty-dir",state="actual_state_of_world"}') >= 1);
    assert.ok(value('storage_operation_duration_seconds_count{migrated="false",operation_name="volume_mount",status="success",volume_plugin="kubernetes.io/empty-dir"}') >= 1);
    assert.match(await metrics('metrics/probes'), /^prober_probe_total\{container="main",namespace="default",pod="keeper",probe_type="Readiness",pod_uid="[^"]+",result="successful"\} \d+$/m);
    const volume = await eventually(async () => {
      const { pods } = JSON.parse(await metrics('stats/summary')) as { pods: { podRef: { name: string }; volume?: { name: string; usedBytes: number; capacityBytes: number; pvcRef?: object }[] }[] };
      return pods.find(({ podRef }) => podRef.name === 'keeper')?.volume?.find(({ name }) => name === 'data');
    }, { what: 'the volume in the summary' });
    assert.deepEqual(volume.pvcRef, { name: 'data', namespace: 'default' });
    assert.ok(volume.usedBytes > 8e6 && volume.capacityBytes <= 64 * 2 ** 20);
    const { kubeletconfig } = JSON.parse(await metrics('configz')) as { kubeletconfig: Record<string, unknown> };
    assert.deepEqual([kubeletconfig['maxPods'], kubeletconfig['podPidsLimit'], kubeletconfig['evictionPressureTransitionPeriod'], kubeletconfig['containerLogMaxSize']], [500, 16_384, '5m0s', '10Mi']);
    const items = async (path: string): Promise<string[]> => (JSON.parse(await metrics(path)) as { items: Pod[] }).items.map(({ metadata }) => metadata.name!);
    assert.ok((await items('pods')).includes('keeper') && (await items('runningpods/')).includes('keeper'));
    assert.equal(await metrics('healthz'), 'ok');
    assert.match(await metrics('logs/'), /^<!doctype html>\n.*\n<pre>\n(?:<a href="[^"]+">[^<]+<\/a>\n)*<\/pre>\n$/);
    const folder = /<a href="([^"]+\/)">/.exec(await metrics('logs/'))?.[1];
    assert.ok(folder !== undefined && (await metrics(`logs/${folder}`)).startsWith('<!doctype html>\n'), 'a folder of the machine');
    assert.equal((await llmos.kubectl('delete', 'pod', 'keeper', '--now')).code, 0);
    await eventually(async () => !/pod="keeper"/.test(await metrics('metrics/probes')));
  });

  it('are read at the port of the kubelet, by who may', async () => {
    const { clusters, users } = JSON.parse((await llmos.kubectl('config', 'view', '--raw', '-o', 'json')).stdout) as { clusters: { cluster: Record<string, string> }[]; users: { user: Record<string, string> }[] };
    const pem = (text = ''): Buffer => Buffer.from(text, 'base64');
    const ca = pem(clusters[0]!.cluster['certificate-authority-data']);
    const ask = (path: string, more: RequestOptions = {}): Promise<[number | undefined, string]> => new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port: 10_250, path, ca, agent: false, ...more }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => (text += piece)).on('end', () => resolve([answer.statusCode, text])).on('error', reject);
      });
      call.on('error', reject).end();
    });
    await eventually(async () => /"Port":10250/.test((await llmos.kubectl('get', 'node', 'node1', '-o', 'jsonpath={.status.daemonEndpoints}')).stdout));
    assert.deepEqual(await ask('/metrics'), [401, 'Unauthorized']);
    assert.deepEqual(await ask('/metrics', { headers: { authorization: 'Bearer who.is.that' } }), [401, 'Unauthorized']);
    const master = { cert: pem(users[0]!.user['client-certificate-data']), key: pem(users[0]!.user['client-key-data']) };
    assert.match((await ask('/metrics', master))[1], /^kubelet_running_pods \d+$/m);
    assert.deepEqual(await ask('/healthz', master), [200, 'ok']);
    assert.equal((await ask('/nothing', master))[0], 404);
    assert.deepEqual([(await ask('/logs/', master))[0], (await ask('/logs/../../etc/hostname', master))[0], (await ask('/logs/%2e%2e%2f%2e%2e%2fetc/hostname', master))[0]], [200, 404, 404]);
    assert.equal((await ask('/pods', { ...master, method: 'POST' }))[0], 405);
    for (const args of [['sa', 'scraper'], ['clusterrole', 'scraper', '--verb=get', '--resource=nodes/metrics'], ['clusterrolebinding', 'scraper', '--clusterrole=scraper', '--serviceaccount=default:scraper']]) assert.equal((await llmos.kubectl('create', ...args)).code, 0);
    const bearer = { headers: { authorization: `Bearer ${(await llmos.kubectl('create', 'token', 'scraper')).stdout.trim()}` } };
    assert.equal((await ask('/metrics/resource', bearer))[0], 200);
    assert.deepEqual(await ask('/stats/summary', bearer), [403, 'Forbidden (user=system:serviceaccount:default:scraper, verb=get, resource=nodes, subresource(s)=[stats])\n']);
    assert.deepEqual(await ask('/pods', bearer), [403, 'Forbidden (user=system:serviceaccount:default:scraper, verb=get, resource=nodes, subresource(s)=[pods proxy])\n']);
    const address = (await get('busy')).status!.hostIP!;
    assert.equal((await llmos.kubectl('exec', 'busy', '--', 'sh', '-c', `echo | nc -w 5 ${address} 10250`)).code, 0, 'pods come by the address of the node');
  });

  it('are ports of the machine, too', async () => {
    const serve = ['sh', '-c', 'trap "exit 0" TERM; mkdir -p /tmp/www; hostname > /tmp/www/index.html; httpd -p 8080 -h /tmp/www; while true; do sleep 0.1; done'];
    await create('door', { command: serve, ports: [{ containerPort: 8080, hostPort: 18_080 }, { containerPort: 8080, hostPort: 18_081, hostIP: '127.0.0.1' }] });
    const { status } = await ready('door');
    const fetched = async (url: string): Promise<string> => (await (await fetch(url, { signal: AbortSignal.timeout(2_000) })).text()).trim();
    await eventually(async () => (await fetched('http://127.0.0.1:18080')) === 'door');
    assert.equal(await fetched(`http://${status!.hostIP}:18080`), 'door');
    assert.equal(await fetched('http://127.0.0.1:18081'), 'door');
    await assert.rejects(fetched(`http://${status!.hostIP}:18081`));
    // The pod itself and another one come by the machine's address as well.
    for (const name of ['door', 'busy']) {
      const { stdout, stderr } = await llmos.kubectl('exec', name, '--', 'sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${status!.hostIP} 18080`);
      assert.match(stdout, /^door$/m, `${name}: ${stderr}`);
    }
    await create('second', { ports: [{ containerPort: 80, hostPort: 18_080 }] });
    await eventually(async () => /free ports/.test((await get('second')).status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? ''));
    await llmos.kill();
    await llmos.boot();
    await eventually(async () => (await fetched('http://127.0.0.1:18080')) === 'door');
    await llmos.kubectl('delete', 'pod', 'door', 'second');
    await eventually(async () => !(await fetched('http://127.0.0.1:18080').catch(() => '')).includes('door'));
  });

  const resize = (name: string, resources: object): Promise<{ code: number; stderr: string }> => llmos.kubectl('patch', 'pod', name, '--subresource', 'resize', '-p', JSON.stringify({ spec: { containers: [{ name: 'main', resources }] } }));
  const limitsInside = async (name: string): Promise<string> => (await llmos.kubectl('exec', name, '--', 'sh', '-c', 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares 2>/dev/null || cat memory.max cpu.max cpu.weight')).stdout.trim().split('\n').join(' ');
  const conditionOf = (pod: Pod, type: string): string | undefined => pod.status?.conditions?.filter((each) => each.type === type).map(({ reason, message }) => `${reason} ${message}`)[0];

  const capacityMillis = async (): Promise<number> => quantityMillis((await llmos.kubectl('get', 'node', 'node1', '-o', 'jsonpath={.status.allocatable.cpu}')).stdout);

  it('change while a container runs', async () => {
    await create('grows', { resources: { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '200m', memory: '64Mi' } } });
    const before = await ready('grows');
    assert.deepEqual(before.status!.containerStatuses![0]!.resources, { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '200m', memory: '64Mi' } });
    assert.match(await limitsInside('grows'), /^67108864 20000/);
    const more = { requests: { cpu: '150m', memory: '32Mi' }, limits: { cpu: '400m', memory: '128Mi' } };
    assert.equal((await resize('grows', more)).code, 0);
    const after = await eventually(async () => {
      const pod = await get('grows');
      return pod.status?.containerStatuses?.[0]?.resources?.limits?.['cpu'] === '400m' && pod.status.observedGeneration === 2 && pod;
    });
    assert.deepEqual([after.status!.containerStatuses![0]!.resources, after.status!.containerStatuses![0]!.allocatedResources, after.status!.containerStatuses![0]!.restartCount], [more, more.requests, 0]);
    assert.equal(after.status!.containerStatuses![0]!.containerID, before.status!.containerStatuses![0]!.containerID);
    assert.match(await limitsInside('grows'), /^134217728 40000/);
    assert.equal((await resize('grows', { limits: { cpu: '160m', memory: '40Mi' } })).code, 0);
    await eventually(async () => /^41943040 16000/.test(await limitsInside('grows')));
    assert.match((await resize('grows', { requests: { cpu: '160m', memory: '40Mi' } })).stderr, /Pod QOS Class may not change as a result of resizing/);
    assert.equal((await resize('grows', { requests: { cpu: '900' }, limits: { cpu: '900' } })).code, 0);
    await eventually(async () => /^Infeasible Node didn't have enough capacity: cpu, requested: 900000, capacity: \d+$/.test(conditionOf(await get('grows'), 'PodResizePending') ?? ''));
    // Nobody waits for what can never be given; what may be given is when there is room for it.
    const half = (await capacityMillis()) / 2;
    const wanted = `${half + 100}m`;
    await create('beside', { resources: { requests: { cpu: `${half}m` } } });
    await ready('beside');
    assert.equal((await resize('grows', { requests: { cpu: wanted }, limits: { cpu: wanted } })).code, 0);
    await eventually(async () => /^Deferred Node didn't have enough resource: cpu/.test(conditionOf(await get('grows'), 'PodResizePending') ?? ''));
    await llmos.kubectl('delete', 'pod', 'beside');
    await eventually(async () => (await get('grows')).status?.containerStatuses?.[0]?.allocatedResources?.['cpu'] === wanted, { what: 'there is room' });
    assert.equal((await resize('grows', { requests: { cpu: '50m' }, limits: { cpu: '100m' } })).code, 0);
    await eventually(async () => /^41943040 10000/.test(await limitsInside('grows')) && conditionOf(await get('grows'), 'PodResizePending') === undefined);
    await eventually(async () => {
      const { stdout } = await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=grows', '-o', 'custom-columns=R:.reason,M:.message', '--no-headers');
      return ['ResizeStarted', 'ResizeCompleted', 'ResizeInfeasible'].every((reason) => new RegExp(`^${reason}\\s+Pod resize \\w+: \\{.*"generation":\\d`, 'm').test(stdout));
    }, { what: 'events tell of it' });
  });

  it('change with a restart where the container asks for it, and are kept by the next llmos', async () => {
    await create('restarts', { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }], resources: { limits: { memory: '32Mi' } } });
    await ready('restarts');
    assert.equal((await resize('restarts', { requests: { memory: '48Mi' }, limits: { memory: '48Mi' } })).code, 0);
    await eventually(async () => {
      const { status } = await get('restarts');
      return status?.containerStatuses?.[0]?.restartCount === 1 && status.containerStatuses[0].ready && status.containerStatuses[0].resources?.limits?.['memory'] === '48Mi' && conditionOf(await get('restarts'), 'PodResizeInProgress') === undefined;
    });
    assert.match(await limitsInside('restarts'), /^50331648 /);
    await llmos.kill();
    await llmos.boot();
    assert.equal((await resize('grows', { limits: { cpu: '300m' } })).code, 0);
    await eventually(async () => /^41943040 30000/.test(await limitsInside('grows')));
    assert.equal((await get('grows')).status!.containerStatuses![0]!.restartCount, 0);
  });

  it('are freed of images that no pod needs', async () => {
    const folder = join(llmos.state, 'unused');
    mkdirSync(folder);
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${TEST_IMAGE}\nENV OTHER=1\n`);
    assert.equal((await llmos.llmos('build', '-t', 'unused:1', folder)).code, 0);
    assert.match((await llmos.llmos('image', 'ls')).stdout, /localhost\/unused:1/);
    const { code, stdout, stderr } = await llmos.llmos('image', 'prune', '-a');
    assert.equal(code, 0, stderr);
    assert.equal((await get('grows')).status?.phase, 'Running');
    const left = (await llmos.llmos('image', 'ls')).stdout;
    assert.ok(left.includes(TEST_IMAGE), left);
    assert.doesNotMatch(left, /unused/);
    assert.equal(stdout.trim(), 'localhost/unused:1');
  });

  it('run under the runtime that the class of a pod names', { skip: !existsSync('/usr/sbin/runc') && 'runc is not installed' }, async () => {
    const runtimeClass = (name: string, handler: string): Promise<RuntimeClass> => llmos.client.create(RuntimeClass, { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name }, handler, overhead: { podFixed: { cpu: '10m' } } });
    await runtimeClass('plain', 'runc');
    await runtimeClass('absent', 'kata');
    await create('under-runc', { livenessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }, { runtimeClassName: 'plain' });
    const pod = await ready('under-runc');
    assert.deepEqual(pod.spec?.overhead, { cpu: '10m' });
    assert.equal((await llmos.kubectl('exec', 'under-runc', '--', 'echo', 'hello')).stdout, 'hello\n');
    const id = pod.status!.containerStatuses![0]!.containerID!.replace('llmos://', '');
    assert.ok(existsSync(join(llmos.run, 'node', 'runtime-runc', id)));
    await assert.rejects(create('unknown', {}, { runtimeClassName: 'nothing' }), { reason: 'Forbidden', message: /pod rejected: RuntimeClass "nothing" not found/ });
    await create('stuck', {}, { runtimeClassName: 'absent' });
    await eventually(async () => /FailedCreatePodSandBox.*no runtime for "kata" is configured/.test((await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=stuck')).stdout));
    const gone = await llmos.kubectl('delete', 'pod', 'stuck', 'under-runc');
    assert.equal(gone.code, 0, gone.stderr);
    assert.ok(!existsSync(join(llmos.run, 'node', 'runtime-runc', id)));
  });

  it('speak to gVisor as its runsc wants it, and leave nothing of it', { skip: !existsSync('/usr/sbin/runc') && 'runc is not installed' }, async () => {
    await llmos.client.create(RuntimeClass, { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'sandboxed' }, handler: 'sandboxed' });
    await create('like-gvisor', {}, { runtimeClassName: 'sandboxed' });
    await ready('like-gvisor');
    const states = (): string[] => readdirSync(join(llmos.run, 'node', 'runtime-sandboxed')).filter((name) => name.endsWith('.state'));
    assert.equal(states().length, 1);
    assert.equal((await llmos.kubectl('delete', 'pod', 'like-gvisor')).code, 0);
    await eventually(async () => states().length === 0);
  });

  it('are remembered for a day', { timeout: 150_000 }, async () => {
    // The history has a point at the end of each minute: some of it is over by now. Of one that ended as the pod began nothing can be told.
    const { stdout: began } = await llmos.kubectl('get', 'pod', 'busy', '-o', 'jsonpath={.status.containerStatuses[0].state.running.startedAt}');
    const told = await eventually(async () => {
      const { code, stdout } = await llmos.kubectl('get', 'podusagehistory', 'busy', '-o', 'json');
      if (code !== 0) return false;
      const { stepSeconds, series: [main] } = JSON.parse(stdout) as { stepSeconds: number; series: { container: string; times: number[]; cpuMillis: number[]; workingSetBytes: number[] }[] };
      const at = main!.times.findIndex((time) => time * 1_000 > Date.parse(began) + 5_000);
      return at >= 0 && { stepSeconds, container: main!.container, time: main!.times[at]!, cpuMillis: main!.cpuMillis[at]!, bytes: main!.workingSetBytes[at]! };
    }, { timeoutMs: 75_000, everyMs: 1_000 });
    assert.deepEqual([told.stepSeconds, told.container, told.time % 60], [60, 'main', 0]);
    assert.ok(told.cpuMillis > 20 && told.cpuMillis < 300 && told.bytes > 4_096, JSON.stringify(told));
    assert.match((await llmos.kubectl('get', 'nodeusagehistories')).stdout, /^node1\s+\d+\s+\d+m\s+\d+Mi/m);
    await llmos.kill();
    await llmos.boot();
    assert.match((await llmos.kubectl('get', 'podusagehistories')).stdout, /^busy\s+[12]\s/m); // points of five minutes: two where they lie on both sides of a border
  });
});
