import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { Lease } from '../../src/api/coordination/lease.ts';
import { Node } from '../../src/api/core/node.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { EndpointSlice } from '../../src/api/discovery/endpoint-slice.ts';
import type { Kind } from '../../src/api/kind.ts';
import { quantityMillis } from '../../src/api/quantity.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Body = any;

let instance: Instance;

const kubectl = (...args: string[]): Promise<string> => ok(instance.kubectl(...args));
const apply = (object: Body): Promise<string> => applyTo(instance, object);
/** Without kubectl, whose start costs more than the answer. */
const list = async (kind: Kind, labelSelector?: string): Promise<Body[]> => [...(await instance.client.list(kind, { namespace: kind === Node ? undefined : kind === Lease ? 'kube-node-lease' : 'default', labelSelector })).items];
const podsOf = (app: string): Promise<Body[]> => list(Pod, `app=${app}`);
const podNow = (name: string): Promise<Body> => instance.client.get(Pod, name, { namespace: 'default' });
const conditionOf = (object: Body, type: string): string | undefined => object.status.conditions?.find((each: Body) => each.type === type)?.status;
const nodeNow = (name: string): Promise<Body> => instance.client.get(Node, name);
const isReady = async (name: string): Promise<boolean> => conditionOf(await nodeNow(name), 'Ready') === 'True';

/** Pods of the app that are ready, and the nodes they are on. */
async function places(app: string, count: number, timeoutMs = 60_000): Promise<string[]> {
  return eventually(async () => {
    const pods = (await podsOf(app)).filter((each) => each.metadata.deletionTimestamp === undefined && conditionOf(each, 'Ready') === 'True');
    return pods.length === count && pods.map((each) => each.spec.nodeName as string).sort();
  }, { timeoutMs, what: `${count} ready pods of ${app}` });
}

const deployment = (name: string, replicas: number, spec: object = {}): Body => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: {
    replicas, selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: {
      terminationGracePeriodSeconds: 0, topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: { app: name } } }],
      containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', 'mkdir -p /www; hostname > /www/index.html; echo began; exec httpd -f -p 8080 -h /www'], readinessProbe: { httpGet: { port: 8080, path: '/' }, periodSeconds: 1 } }], ...spec,
    } },
  },
});

describe('further nodes', { timeout: 300_000 }, () => {
  before(async () => {
    instance = await bootInstance({ config: 'nodes: 3\nmodules: { node: { nodeLeaseDurationSeconds: 4 }, node-lifecycle: { nodeMonitorGracePeriod: 12s, nodeMonitorPeriod: 1s } }\n' });
    importTestImage(instance);
    await eventually(async () => (await list(Node)).filter((each) => conditionOf(each, 'Ready') === 'True').length === 3, { timeoutMs: 60_000, what: 'three ready nodes' });
  });
  after(() => instance?.destroy());

  it('have names, addresses and leases of their own', async () => {
    const nodes = await list(Node);
    assert.deepEqual(nodes.map((each) => each.metadata.name).sort(), ['node1', 'node1-2', 'node1-3']);
    const address = (name: string): string => nodes.find((each) => each.metadata.name === name).status.addresses.find((each: Body) => each.type === 'InternalIP').address;
    assert.deepEqual([address('node1-2'), address('node1-3')], ['10.244.255.1', '10.244.254.1']);
    assert.equal(nodes.filter((each) => each.metadata.labels['node-role.kubernetes.io/control-plane'] !== undefined).length, 1);
    await eventually(async () => (await list(Lease)).map((each) => each.metadata.name).sort().join() === 'node1,node1-2,node1-3', { what: 'a lease of each' });
    assert.match((await instance.llmos('node', 'ls')).stdout, /node1-2\s+running\s+\d+\s+10\.244\.255\.1/);
  });

  it('report together what the machine has, and no more', async () => {
    const nodes = await list(Node);
    const sum = (what: 'capacity' | 'allocatable', name: string): number => nodes.reduce((all, each) => all + quantityMillis(each.status[what][name]) / 1_000, 0);
    for (const [name, whole] of [['cpu', availableParallelism()], ['memory', totalmem()]] as const) {
      assert.ok(sum('capacity', name) <= whole && sum('capacity', name) > whole * 0.99, `${name}: ${sum('capacity', name)} of ${whole}`);
      assert.ok(sum('allocatable', name) <= sum('capacity', name));
    }
    assert.equal(new Set(nodes.map((each) => each.status.capacity.cpu)).size, 1, 'equal shares');
    const cpus = nodes.map((each) => each.status.capacity.cpu as string)[0]!;
    await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'wide' }, spec: { containers: [{ name: 'main', image: TEST_IMAGE, resources: { requests: { cpu: `${availableParallelism()}` } } }] } });
    await eventually(async () => (await podNow('wide')).status.conditions?.some((each: Body) => each.reason === 'Unschedulable' && each.message.includes('Insufficient cpu')), { what: `no node of ${cpus} takes the cpus of the machine` });
    await kubectl('delete', 'pod', 'wide');
  });

  it('share the pods, which reach each other and are reached', async () => {
    await apply(deployment('web', 6));
    await apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } });
    assert.deepEqual(await places('web', 6), ['node1', 'node1', 'node1-2', 'node1-2', 'node1-3', 'node1-3']);
    const pods = await podsOf('web');
    const on = (node: string): Body => pods.find((each) => each.spec.nodeName === node);
    assert.match(on('node1-2').status.podIP, /^10\.244\.255\./);
    for (const [from, to] of [['node1-2', 'node1-3'], ['node1-3', 'node1'], ['node1', 'node1-2']] as const) {
      assert.equal((await kubectl('exec', on(from).metadata.name, '--', 'wget', '-qO-', `http://${on(to).status.podIP}:8080`)).trim(), on(to).metadata.name);
    }
    const names = new Set<string>();
    await eventually(async () => names.add((await kubectl('exec', on('node1-2').metadata.name, '--', 'wget', '-qO-', 'http://web')).trim()).size === 6, { timeoutMs: 60_000, what: 'an answer of each' });
    assert.equal(await kubectl('logs', on('node1-3').metadata.name), 'began\n');
    assert.match((await instance.kubectl('exec', on('node1-3').metadata.name, '--', 'false')).stderr, /exit code 1/);
    assert.match(await kubectl('get', '--raw', '/api/v1/nodes/node1-2/proxy/stats/summary'), /"nodeName":"node1-2"/);
    assert.match(await kubectl('get', '--raw', '/api/v1/nodes/node1-2/proxy/metrics'), /^kubelet_node_name\{node="node1-2"\} 1$/m);
  });

  describe('of one another and of their pods', { concurrency: true }, () => {
    it('what is used is told of all', async () => {
      await eventually(async () => {
        const { stdout } = await instance.kubectl('top', 'nodes');
        return ['node1 ', 'node1-2 ', 'node1-3 '].every((each) => stdout.includes(each));
      }, { timeoutMs: 60_000, what: 'figures of three nodes' });
      await eventually(async () => (await instance.kubectl('top', 'pods', '-l', 'app=web', '--no-headers')).stdout.trim().split('\n').length === 6, { timeoutMs: 60_000, what: 'figures of six pods' });
    });

    it('a pod with the network of its node has that of its node', async () => {
      await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'host' }, spec: { nodeName: 'node1-3', hostNetwork: true, restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['ip', '-4', 'addr', 'show', 'eth0'] }] } });
      await eventually(async () => (await podNow('host')).status.phase === 'Succeeded', { what: 'its end' });
      assert.match(await kubectl('logs', 'host'), /inet 10\.244\.254\.1\/16/);
    });

    it('a port of a node leads to its pod', async () => {
      await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'port', labels: { app: 'port' } }, spec: { nodeName: 'node1-2', terminationGracePeriodSeconds: 0, containers: [{ ...deployment('port', 1).spec.template.spec.containers[0], ports: [{ containerPort: 8080, hostPort: 9090 }] }] } });
      await places('port', 1);
      const client = (await podsOf('web')).find((each) => each.spec.nodeName === 'node1-3');
      assert.equal((await kubectl('exec', client.metadata.name, '--', 'wget', '-qO-', 'http://10.244.255.1:9090')).trim(), 'port');
      assert.equal(execFileSync('curl', ['-s', '-m', '5', 'http://10.244.255.1:9090'], { encoding: 'utf8' }).trim(), 'port');
      await kubectl('delete', 'pod', 'port');
    });

    it('pods are led to what is meant for their node, or its zone', async () => {
      const to = (name: string, spec: object, annotations: object = {}): Promise<string> => apply({ apiVersion: 'v1', kind: 'Service', metadata: { name, annotations }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec } });
      const byProxy = { 'llmos.dev/load-balancing': 'least-connection' };
      for (const [node, zone] of [['node1', 'east'], ['node1-2', 'west'], ['node1-3', 'west']] as const) await kubectl('label', 'node', node, `topology.kubernetes.io/zone=${zone}`, '--overwrite');
      await Promise.all([to('same-node', { trafficDistribution: 'PreferSameNode' }), to('same-zone', { trafficDistribution: 'PreferSameZone' }), to('close', { trafficDistribution: 'PreferClose' }), to('own', { internalTrafficPolicy: 'Local' }),
        to('same-node-by-proxy', { trafficDistribution: 'PreferSameNode' }, byProxy), to('own-by-proxy', { internalTrafficPolicy: 'Local' }, byProxy)]);
      const pods = await podsOf('web');
      const on = (...nodes: string[]): string => pods.filter((each) => nodes.includes(each.spec.nodeName)).map((each) => each.metadata.name as string).sort().join(' ');
      for (const node of ['node1', 'node1-2', 'node1-3']) {
        const zone = node === 'node1' ? [node] : ['node1-2', 'node1-3'];
        const [client] = pods.filter((each) => each.spec.nodeName === node);
        for (const [name, expected] of [['same-node', on(node)], ['own', on(node)], ['same-zone', on(...zone)], ['close', on(...zone)], ['same-node-by-proxy', on(node)], ['own-by-proxy', on(node)]] as const) {
          await eventually(async () => (await kubectl('exec', client.metadata.name, '--', 'sh', '-c', `for i in 1 2 3 4 5 6; do wget -qO- http://${name} || echo none; done | sort -u`)).trim().split('\n').join(' ') === expected, { timeoutMs: 60_000, what: `${name} from ${node} to lead to ${expected}` });
        }
      }
      await kubectl('delete', 'service', 'same-node', 'same-zone', 'close', 'own', 'same-node-by-proxy', 'own-by-proxy');
    });

    it('a Local policy leads to what ends on its node and still serves, others to what is ready', async () => {
      const { spec: { template } } = deployment('stay', 1, { terminationGracePeriodSeconds: 120 });
      const [container] = template.spec.containers;
      const lasting = { ...container, command: ['sh', '-c', "trap '' TERM; mkdir -p /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www"] };
      for (const [name, nodeName] of [['stay-a', 'node1-2'], ['stay-b', 'node1-3']]) await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: 'stay' } }, spec: { nodeName, terminationGracePeriodSeconds: 120, containers: [lasting] } });
      await places('stay', 2);
      const names = ['stay-local', 'stay-local-by-proxy', 'stay-all', 'stay-all-by-proxy'];
      for (const name of names) await apply({ apiVersion: 'v1', kind: 'Service', metadata: { name, annotations: name.endsWith('by-proxy') ? { 'llmos.dev/load-balancing': 'least-connection' } : {} }, spec: { selector: { app: 'stay' }, ports: [{ port: 80, targetPort: 8080 }], internalTrafficPolicy: name.includes('local') ? 'Local' : 'Cluster' } });
      await kubectl('delete', 'pod', 'stay-a', '--wait=false');
      await eventually(async () => (await list(EndpointSlice, 'kubernetes.io/service-name=stay-local')).flatMap((each) => each.endpoints).some(({ conditions }: Body) => conditions.terminating && conditions.serving && !conditions.ready), { timeoutMs: 60_000, what: 'an endpoint that ends and serves' });
      const pods = await podsOf('web');
      for (const [node, local] of [['node1-2', 'stay-a'], ['node1-3', 'stay-b']] as const) {
        const [client] = pods.filter((each) => each.spec.nodeName === node);
        for (const name of names) {
          const expected = name.includes('local') ? local : 'stay-b';
          await eventually(async () => (await kubectl('exec', client.metadata.name, '--', 'sh', '-c', `for i in 1 2 3 4; do timeout 5 wget -qO- http://${name} || echo none; done | sort -u`)).trim().split('\n').join(' ') === expected, { timeoutMs: 60_000, what: `${name} from ${node} to lead to ${expected}` });
        }
      }
      await kubectl('delete', 'service', ...names);
      await kubectl('delete', 'pod', 'stay-a', 'stay-b', '--force', '--grace-period=0');
    });

    it('policies let nodes look after their pods', async () => {
      await apply({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'none' }, spec: { podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['shut', 'shut-port'] }] }, policyTypes: ['Ingress'] } });
      await apply(deployment('shut', 3));
      await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'shut-port', labels: { app: 'shut-port' } }, spec: { nodeName: 'node1-2', terminationGracePeriodSeconds: 0, containers: [{ ...deployment('port', 1).spec.template.spec.containers[0], ports: [{ containerPort: 8080, hostPort: 9091 }] }] } });
      assert.deepEqual(await places('shut-port', 1), ['node1-2']);
      assert.deepEqual(await places('shut', 3), ['node1', 'node1-2', 'node1-3']);
      const [shut] = await podsOf('shut');
      const client = (await podsOf('web')).find((each) => each.spec.nodeName === 'node1-3');
      assert.notEqual((await instance.kubectl('exec', client.metadata.name, '--', 'timeout', '3', 'wget', '-qO-', `http://${shut.status.podIP}:8080`)).code, 0, 'other pods are kept out');
      const byPort = async (): Promise<string> => (await instance.kubectl('exec', client.metadata.name, '--', 'timeout', '3', 'wget', '-qO-', 'http://10.244.255.1:9091')).stdout.trim();
      assert.equal(await byPort(), '', 'by a port of a node, too');
      await kubectl('patch', 'networkpolicy', 'none', '--type=merge', '-p', '{"spec":{"ingress":[{"ports":[{"port":8080}]}]}}');
      await eventually(async () => (await byPort()) === 'shut-port', { what: 'its policies let it be reached' });
      await kubectl('delete', 'pod', 'shut-port');
      await kubectl('delete', 'deployment', 'shut');
      await kubectl('delete', 'networkpolicy', 'none');
    });
  });

  it('zones have their shares where a Service asks for that, as long as there are two with CPUs', async () => {
    for (const [node, zone] of [['node1', 'east'], ['node1-2', 'west'], ['node1-3', 'north']] as const) await kubectl('label', 'node', node, `topology.kubernetes.io/zone=${zone}`, '--overwrite');
    await apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'shares', annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } });
    const pods = await podsOf('web');
    const hints = async (): Promise<string[]> => (await list(EndpointSlice, 'kubernetes.io/service-name=shares')).flatMap((each) => each.endpoints).map(({ zone, hints: its }: Body) => `${zone} ${(its?.forZones ?? []).map((each: Body) => each.name).join()}`).sort();
    await eventually(async () => (await hints()).join() === pods.map((each) => ({ node1: 'east', 'node1-2': 'west', 'node1-3': 'north' })[each.spec.nodeName as string]).sort().map((zone) => `${zone} ${zone}`).join(), { timeoutMs: 60_000, what: 'hints by zone' });
    for (const node of ['node1-2', 'node1-3']) {
      const own = pods.filter((each) => each.spec.nodeName === node);
      await eventually(async () => (await kubectl('exec', own[0].metadata.name, '--', 'sh', '-c', 'for i in 1 2 3 4 5 6; do timeout 5 wget -qO- http://shares || echo none; done | sort -u')).trim().split('\n').join(' ') === own.map((each) => each.metadata.name as string).sort().join(' '), { timeoutMs: 60_000, what: `shares from ${node} to lead to its zone` });
    }
    const reasons = async (): Promise<string[]> => (await kubectl('get', 'events', '--field-selector=involvedObject.name=shares', '-o', 'jsonpath={.items[*].reason}')).trim().split(' ');
    await eventually(async () => (await reasons()).includes('TopologyAwareHintsEnabled'), { timeoutMs: 60_000, what: 'an event' });
    await kubectl('label', 'node', 'node1-3', 'topology.kubernetes.io/zone=west', '--overwrite');
    await eventually(async () => (await hints()).every((each) => each.endsWith(' ')) && (await reasons()).includes('TopologyAwareHintsDisabled'), { timeoutMs: 60_000, what: 'no hints in one zone' });
    await kubectl('delete', 'service', 'shares');
  });

  it('one that is cordoned gets no pods, one that is drained keeps none', async () => {
    await kubectl('cordon', 'node1-2');
    await kubectl('drain', 'node1-3', '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=60s');
    assert.deepEqual(new Set(await places('web', 6)), new Set(['node1', 'node1-2']));
    await kubectl('scale', 'deployment', 'web', '--replicas=9');
    const nodes = await places('web', 9);
    assert.deepEqual([nodes.filter((each) => each === 'node1-2').length, nodes.filter((each) => each === 'node1-3').length], [2, 0]);
    await kubectl('uncordon', 'node1-2', 'node1-3');
  });

  it('one that is lost is replaced, and what it ran ends when it comes back', async () => {
    const tolerations = ['not-ready', 'unreachable'].map((each) => ({ key: `node.kubernetes.io/${each}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 }));
    await apply(deployment('brief', 3, { tolerations }));
    assert.deepEqual(await places('brief', 3), ['node1', 'node1-2', 'node1-3']);
    const lost = (await podsOf('brief')).find((each) => each.spec.nodeName === 'node1-3');
    assert.match((await instance.llmos('node', 'lose', 'node1-3')).stdout, /is killed/);
    assert.match((await instance.llmos('node', 'ls')).stdout, /node1-3\s+ended by SIGKILL/);
    await eventually(async () => (await instance.kubectl('logs', lost.metadata.name)).stderr.includes('does not answer'), { what: 'a clear refusal' });
    const silent = await eventually(async () => {
      const node = await nodeNow('node1-3');
      return conditionOf(node, 'Ready') === 'Unknown' && node;
    }, { timeoutMs: 80_000, what: 'a node that is not heard of' });
    assert.ok(silent !== undefined);
    await eventually(async () => (await nodeNow('node1-3')).spec.taints?.some((each: Body) => each.key === 'node.kubernetes.io/unreachable' && each.effect === 'NoExecute'), { what: 'the taint' });
    await eventually(async () => (await places('brief', 3)).every((each) => each !== 'node1-3'), { timeoutMs: 60_000, what: 'three ready pods elsewhere' });
    assert.equal((await instance.llmos('node', 'start', 'node1-3')).code, 0);
    await eventually(() => isReady('node1-3'), { timeoutMs: 60_000, what: 'the node is back' });
    await eventually(async () => (await nodeNow('node1-3')).spec.taints === undefined, { timeoutMs: 60_000, what: 'no taints' });
    await eventually(async () => !(await podsOf('brief')).some((each) => each.metadata.uid === lost.metadata.uid), { timeoutMs: 60_000, what: 'the end of the old pod' });
    await kubectl('delete', 'deployment', 'brief');
    await apply(deployment('later', 3));
    assert.deepEqual(await places('later', 3), ['node1', 'node1-2', 'node1-3']);
  });

  it('their containers outlive a kill of llmos, and nothing outlives its way down', async () => {
    const before = new Map((await podsOf('later')).map((each) => [each.metadata.name, each.status.containerStatuses[0].containerID]));
    await instance.kill();
    await instance.boot();
    await eventually(async () => (await isReady('node1-2')) && (await isReady('node1-3')), { timeoutMs: 60_000, what: 'ready nodes' });
    await places('later', 3);
    for (const each of await podsOf('later')) assert.deepEqual([each.status.containerStatuses[0].containerID, each.status.containerStatuses[0].restartCount], [before.get(each.metadata.name), 0]);
    assert.equal((await instance.llmos('down')).code, 0);
    assert.ok(!execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).includes(instance.name));
    for (const root of ['/sys/fs/cgroup/memory', '/sys/fs/cgroup']) if (existsSync(root)) assert.deepEqual(readdirSync(root).filter((each) => each.startsWith(instance.name)), []);
  });
});
