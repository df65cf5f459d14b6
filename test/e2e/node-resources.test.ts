/** What pods use of the machine, and what they may use: through the door, with real containers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import { ServiceAccount } from '../../src/api/core/service-account.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';

type Container = NonNullable<Pod['spec']>['containers'][number];
const SERVE = ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'];

describe('the resources of the node', () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
    await eventually(async () => (await llmos.client.list(ServiceAccount, { namespace: 'default' })).items.length > 0);
  });
  after(() => llmos.destroy());

  const create = (name: string, container: Partial<Container>, spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 1, ...spec, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: SERVE, ...container }] },
  });
  const get = (name: string): Promise<Pod> => llmos.client.get(Pod, name, { namespace: 'default' });
  const ready = (name: string): Promise<Pod> => eventually(async () => {
    const pod = await get(name);
    return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && pod;
  });
  const raw = async (path: string): Promise<string> => {
    const { code, stdout, stderr } = await llmos.kubectl('get', '--raw', path);
    assert.equal(code, 0, stderr);
    return stdout;
  };

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
    const summary = JSON.parse(await raw('/api/v1/nodes/node1/proxy/stats/summary')) as { node: { fs: { capacityBytes: number } }; pods: { podRef: { name: string }; containers: { memory: { availableBytes: number } }[] }[] };
    assert.ok(summary.node.fs.capacityBytes > 0);
    const busy = summary.pods.find(({ podRef }) => podRef.name === 'busy')!;
    assert.ok(busy.containers[0]!.memory.availableBytes <= 64 * 2 ** 20);
    assert.match(await raw('/api/v1/nodes/node1/proxy/metrics/resource'), /^container_cpu_usage_seconds_total\{container="main",namespace="default",pod="busy"\} [\d.]+ \d+$/m);
    assert.match(await raw('/api/v1/nodes/node1/proxy/metrics/cadvisor'), /^container_memory_working_set_bytes\{container="main",id=".+",namespace="default",pod="busy"\} \d+ \d+$/m);
    assert.match((await llmos.kubectl('get', '--raw', '/api/v1/nodes/node1/proxy/nothing')).stderr, /does not serve|could not find/);
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
});
