/** What manifests ask for seldom and charts rely on all the same: DNS policies, users that may not be root, addresses of Services in the environment, ends by signals, back-off, conditions before the first container. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { ConfigMap } from '../../src/api/core/config-map.ts';
import { Event } from '../../src/api/core/event.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { Service } from '../../src/api/core/service.ts';
import { serverOf } from '../conformance/network/servers.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { bootForPods } from '../fixtures/pods.ts';

type Spec = NonNullable<Pod['spec']>;
type Container = Spec['containers'][number];

/** The protocol of gRPC's health checks, as far as one service of a long name: it is well, others are not. */
const LONG = 'long.'.repeat(50);
const HEALTH = `require('node:http2').createServer().on('stream', (stream) => {
  let asked = Buffer.alloc(0);
  stream.on('data', (bytes) => { asked = Buffer.concat([asked, bytes]); }).on('end', () => {
    let [at, length, shift] = [6, 0, 0];
    for (let more = true; more; shift += 7) { more = asked[at] > 127; length += (asked[at++] & 127) << shift; }
    const knows = asked.readUInt32BE(1) === asked.length - 5 && at + length === asked.length && asked.subarray(at).toString() === '${LONG}';
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' })).end(Buffer.from([0, 0, 0, 0, 2, 8, knows ? 1 : 2]));
  });
}).listen(2333)`;

const STAYS = 'trap "exit 0" TERM; sleep 100000 & wait';

describe('a pod at its edges', { timeout: 170_000 * PATIENCE, concurrency: true }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods({ config: 'modules: { node: { readySandboxes: 4 } }' });
  });
  after(() => llmos?.destroy());

  const create = (name: string, script: string, container: Partial<Container> = {}, spec: Partial<Spec> = {}): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 1, ...spec, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', script], ...container }] },
  });
  const until = (name: string, what: string, holds: (pod: Pod) => boolean): Promise<Pod> => eventually(async () => {
    const pod = await llmos.client.get(Pod, name, { namespace: 'default' });
    return holds(pod) && pod;
  }, { what: `${name} ${what}`, timeoutMs: 60_000 });
  const condition = (pod: Pod, type: string): string | undefined => pod.status?.conditions?.find((each) => each.type === type)?.status;
  const ready = (name: string): Promise<Pod> => until(name, 'is ready', (pod) => condition(pod, 'Ready') === 'True');
  const inside = (name: string, command: string): Promise<string> => ok(llmos.kubectl('exec', name, '--', 'sh', '-c', command));
  const says = (name: string, reason: string, message: RegExp): Promise<unknown> => eventually(async () =>
    (await llmos.client.list(Event, { namespace: 'default', fieldSelector: `involvedObject.name=${name}` })).items.some((each) => each.reason === reason && message.test(each.message ?? '')), { what: `${name} is said to be ${reason}: ${message}`, timeoutMs: 60_000 });

  it('asks the name servers that its policy names', async () => {
    const own = readFileSync('/etc/resolv.conf', 'utf8').split('\n').filter((line) => line.startsWith('nameserver')).map((line) => line.split(/\s+/)[1]).slice(0, 3);
    const { spec } = await eventually(() => llmos.client.get(Service, 'kube-dns', { namespace: 'kube-system' }).catch(() => undefined), { what: 'the DNS of the cluster' });
    const cluster = spec!.clusterIP!;
    const search = 'default.svc.cluster.local svc.cluster.local cluster.local';
    const seen = async (name: string, asked: Partial<Spec>): Promise<{ servers: string[]; search: string; options: string }> => {
      await create(name, STAYS, {}, asked);
      await ready(name);
      const lines = (await inside(name, 'cat /etc/resolv.conf')).trim().split('\n').map((line) => line.split(' '));
      const of = (word: string): string[] => lines.filter(([first]) => first === word).map(([, ...rest]) => rest.join(' '));
      return { servers: of('nameserver'), search: of('search').join(), options: of('options').join() };
    };
    const first = await seen('cluster-first', {});
    assert.deepEqual([first.servers, first.search.startsWith(search), first.options], [[cluster], true, 'ndots:5']);
    assert.deepEqual((await seen('default-policy', { dnsPolicy: 'Default' })).servers, own);
    assert.deepEqual((await seen('on-host', { hostNetwork: true })).servers, own, 'a pod in the network of the machine asks as the machine does');
    const onHost = await seen('on-host-cluster-first', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet', dnsConfig: { searches: ['example.com'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] } });
    assert.deepEqual([onHost.servers, onHost.search.startsWith(search), onHost.search.endsWith('example.com'), onHost.options], [[cluster], true, true, 'ndots:2 edns0']);
    assert.deepEqual(await seen('by-itself', { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.53'], searches: ['one.example', 'two.example'] } }), { servers: ['192.0.2.53'], search: 'one.example two.example', options: '' });
    for (const name of ['cluster-first', 'on-host-cluster-first']) assert.match(await inside(name, 'nslookup kubernetes.default.svc.cluster.local'), /Address:\s+10\./, name);
  });

  it('does not run as root where it may not', async () => {
    await create('root', STAYS, { securityContext: { runAsNonRoot: true } });
    await create('zero', STAYS, { securityContext: { runAsNonRoot: true, runAsUser: 0 } });
    await create('somebody', STAYS, {}, { securityContext: { runAsNonRoot: true, runAsUser: 1234 } });
    const refused = async (name: string): Promise<string | undefined> => (await until(name, 'is refused', ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError')).status!.containerStatuses![0]!.state!.waiting!.message;
    const { metadata: { uid: root } } = await llmos.client.get(Pod, 'root', { namespace: 'default' });
    assert.equal(await refused('root'), `container has runAsNonRoot and image will run as root (pod: "root_default(${root})", container: main)`);
    assert.match((await refused('zero')) ?? '', /^container's runAsUser breaks non-root policy \(pod: "zero_default\(/);
    await says('root', 'Failed', /^Error: container has runAsNonRoot and image will run as root/);
    await ready('somebody');
    assert.equal((await inside('somebody', 'id -u; id -g')).trim(), '1234\n0');
  });

  it('finds the Services of its namespace in its environment, unless it does not want them', async () => {
    await llmos.client.create(Service, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'my-db', namespace: 'default' }, spec: { ports: [{ name: 'sql', port: 5432 }], selector: { app: 'none' } } });
    const { spec } = await eventually(async () => { const found = await llmos.client.get(Service, 'my-db', { namespace: 'default' }); return found.spec?.clusterIP !== undefined && found; });
    await create('linked', STAYS);
    await create('unlinked', STAYS, {}, { enableServiceLinks: false });
    for (const name of ['linked', 'unlinked']) await ready(name);
    const env = async (name: string): Promise<string[]> => (await inside(name, 'env | sort')).split('\n').filter((line) => /^(MY_DB|KUBERNETES_SERVICE_HOST|KUBERNETES_PORT=)/.test(line));
    const ip = spec!.clusterIP!;
    const own = ['MY_DB_PORT=tcp://IP:5432', 'MY_DB_PORT_5432_TCP=tcp://IP:5432', 'MY_DB_PORT_5432_TCP_ADDR=IP', 'MY_DB_PORT_5432_TCP_PORT=5432', 'MY_DB_PORT_5432_TCP_PROTO=tcp', 'MY_DB_SERVICE_HOST=IP', 'MY_DB_SERVICE_PORT=5432', 'MY_DB_SERVICE_PORT_SQL=5432'];
    assert.deepEqual((await env('linked')).filter((line) => line.startsWith('MY_DB')).map((line) => line.replace(ip, 'IP')).sort(), own);
    assert.deepEqual((await env('unlinked')).map((line) => line.split('=')[0]), ['KUBERNETES_PORT', 'KUBERNETES_SERVICE_HOST'], 'the API is found in any case');
  });

  it('is told to have ended by a signal', async () => {
    // Among the processes of the machine: the first one of a namespace of its own hears no signal that it does not ask for. In a command two dollar signs are one.
    for (const [signal, code] of [['SEGV', 139], ['ABRT', 134], ['KILL', 137], ['TERM', 143]] as const) {
      const name = `by-${signal.toLowerCase()}`;
      await create(name, `kill -${signal} $$$$; sleep 100000`, {}, { restartPolicy: 'Never', hostPID: true });
      const { status } = await until(name, 'has ended', (pod) => pod.status?.phase === 'Failed');
      const { exitCode, reason } = status!.containerStatuses![0]!.state!.terminated!;
      assert.deepEqual([exitCode, reason], [code, 'Error'], name);
    }
  });

  it('that fails again and again is held back, and it is said for how long', async () => {
    const { metadata: { uid } } = await create('crash', 'exit 7');
    const { status } = await until('crash', 'is held back', (pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff');
    const { state, lastState } = status!.containerStatuses![0]!;
    assert.match(state!.waiting!.message!, new RegExp(`^back-off 10s restarting failed container=main pod=crash_default\\(${uid}\\)$`));
    assert.equal(lastState!.terminated!.exitCode, 7);
    await says('crash', 'BackOff', new RegExp(`^Back-off restarting failed container main in pod crash_default\\(${uid}\\)$`));
    await until('crash', 'is held back for longer', (pod) => /^back-off 20s /.test(pod.status?.containerStatuses?.[0]?.state?.waiting?.message ?? ''));
  });

  it('has a place to run when that is made, and not before', async () => {
    await create('places', STAYS, { volumeMounts: [{ name: 'settings', mountPath: '/settings' }] }, { volumes: [{ name: 'settings', configMap: { name: 'late' } }] });
    await says('places', 'FailedMount', /configmap "late" not found/);
    const early = await until('places', 'waits', (pod) => condition(pod, 'PodReadyToStartContainers') !== undefined);
    assert.deepEqual(['PodReadyToStartContainers', 'PodScheduled', 'Ready'].map((type) => condition(early, type)), ['False', 'True', 'False']);
    await llmos.client.create(ConfigMap, { metadata: { name: 'late', namespace: 'default' }, data: { a: 'b' } });
    assert.equal(condition(await ready('places'), 'PodReadyToStartContainers'), 'True');
  });

  it('is asked by gRPC for the service that its probe names, however long the name is', async () => {
    const probed = async (name: string, service: string): Promise<void> => {
      const { spec } = serverOf(name, { container: { command: ['/node/node', '-e', HEALTH], readinessProbe: { grpc: { port: 2333, service }, periodSeconds: 1 } } }) as Pod;
      await llmos.client.create(Pod, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { ...spec!, terminationGracePeriodSeconds: 1 } });
    };
    await probed('long-service', LONG);
    await probed('other-service', `${LONG}other`);
    await ready('long-service');
    await says('other-service', 'Unhealthy', /^Readiness probe failed: service unhealthy \(responded with "NOT_SERVING"\)$/);
    assert.equal(condition(await llmos.client.get(Pod, 'other-service', { namespace: 'default' }), 'Ready'), 'False');
  });

  it('is asked by HTTPS, whoever has signed the certificate', async () => {
    // The door has a certificate of its own authority, and answers some paths to anybody.
    const probed = (name: string, path: string): Promise<Pod> => create(name, STAYS, { readinessProbe: { httpGet: { scheme: 'HTTPS', host: '127.0.0.1', port: 6443, path }, periodSeconds: 1 } });
    await probed('by-tls', '/livez');
    await probed('refused-by-tls', '/api/v1/nodes');
    await ready('by-tls');
    await says('refused-by-tls', 'Unhealthy', /^Readiness probe failed: HTTP probe failed with statuscode: 40[13]$/);
    assert.equal(condition(await llmos.client.get(Pod, 'refused-by-tls', { namespace: 'default' }), 'Ready'), 'False');
  });

  it('may sleep for no time before it ends', async () => {
    await create('no-sleep', STAYS, { lifecycle: { preStop: { sleep: { seconds: 0 } } } }, { terminationGracePeriodSeconds: 60 });
    await ready('no-sleep');
    assert.equal((await llmos.kubectl('delete', 'pod', 'no-sleep', '--timeout=30s')).code, 0);
  });

  // Upstream: test/e2e/common/node/lifecycle_hook.go, "reduce GracePeriodSeconds during runtime".
  for (const [sort, preStop] of Object.entries({ sleeps: { sleep: { seconds: 900 } }, works: { exec: { command: ['sleep', '900'] } } })) it(`ends when its grace is shortened while its hook ${sort}`, async () => {
    const name = `hook-${sort}`;
    await create(name, STAYS, { lifecycle: { preStop } }, { terminationGracePeriodSeconds: 900 });
    await ready(name);
    assert.equal((await llmos.kubectl('delete', 'pod', name, '--wait=false')).code, 0);
    await says(name, 'Killing', /^Stopping container main/);
    assert.equal((await llmos.kubectl('delete', 'pod', name, '--grace-period=1', '--timeout=60s')).code, 0);
    await says(name, 'FailedPreStopHook', /^PreStopHook failed: not completed in the grace period/);
  });
});
