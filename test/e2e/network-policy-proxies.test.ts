/** HAProxy is no way round NetworkPolicies: Services of least connection and gateways, in both families, while policies come and go. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run, runAny } from '../../src/base/sys/run.ts';
import { inNetworkNamespaces } from '../../src/sdk/testing/network-namespaces.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, fieldOf, ok } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { probe, probingPod, type Target } from '../fixtures/probing-pods.ts';

const IPV6 = existsSync('/proc/net/if_inet6');

describe('policies and proxies', { timeout: 300_000 * PATIENCE }, () => {
  let llmos: Instance;
  /** Addresses of pods, the first family first. */
  const pods = new Map<string, string[]>();
  /** Ways to `web`, by what they are. */
  const ways = new Map<string, Target>();
  const apply = (...objects: object[]): Promise<string> => applyTo(llmos, ...objects);
  const field = (what: string, path: string): Promise<string[]> => fieldOf(llmos, what, path);
  const service = (name: string, annotations: object, app = 'web'): object => ({
    apiVersion: 'v1', kind: 'Service', metadata: { name, annotations },
    spec: { type: 'NodePort', selector: { app }, ports: [{ port: 80 }], ...(IPV6 ? { ipFamilyPolicy: 'RequireDualStack' } : {}) },
  });
  const policy = (name: string, app: string, spec: object): object => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec: { podSelector: { matchLabels: { app } }, ...spec } });
  const forget = (): Promise<string> => ok(llmos.kubectl('delete', 'networkpolicy', '--all'));

  before(async () => {
    llmos = await bootInstance({ config: IPV6 ? 'network: { ipv6: true }\n' : '' });
    importTestImage(llmos);
    await apply(...['web', 'other', 'friend', 'stranger'].map((name) => probingPod(name, name, {}, { app: name })),
      service('least', { 'llmos.dev/load-balancing': 'least-connection' }), service('checked', { 'llmos.dev/health-check': 'tcp', 'llmos.dev/health-check-interval': '200ms' }, 'other'), service('plain', {}),
      { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'edge' }, spec: { gatewayClassName: 'llmos', listeners: [{ name: 'http', port: 8088, protocol: 'HTTP' }] } },
      { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'web' }, spec: { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs: [{ name: 'plain', port: 80 }] }] } });
    await ok(llmos.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=120s'));
    for (const name of ['web', 'other', 'friend', 'stranger']) pods.set(name, await field(`pod ${name}`, '.status.podIPs[*].ip'));
    const families = IPV6 ? ['', '6'] : [''];
    for (const [index, family] of families.entries()) {
      ways.set(`address${family}`, { protocol: 'TCP', port: 80, host: pods.get('web')![index]! });
      for (const name of ['least', 'plain', 'checked']) ways.set(`${name}${family}`, { protocol: 'TCP', port: 80, host: (await field(`service ${name}`, '.spec.clusterIPs[*]'))[index]! });
    }
    const machine = (await field('node node1', '.status.addresses[?(@.type=="InternalIP")].address'))[0]!;
    ways.set('node port', { protocol: 'TCP', port: Number((await field('service least', '.spec.ports[0].nodePort'))[0]), host: machine });
    const addresses = await eventually(async () => {
      const found = await field('gateway edge', '.status.addresses[*].value');
      return found.length === families.length && found;
    }, { what: 'the addresses of the gateway' });
    for (const [index, family] of families.entries()) ways.set(`gateway${family}`, { protocol: 'TCP', port: 8088, host: addresses[index]! });
    await eventually(async () => (await reached('stranger', ...ways.keys())).length === ways.size, { timeoutMs: 60_000 * PATIENCE, what: 'all ways lead' });
    ways.set('port of HAProxy', { protocol: 'TCP', ...listening('least:80') });
    assert.deepEqual(await reached('stranger', 'port of HAProxy'), ['port of HAProxy'], 'HAProxy carries it');
  });
  after(async () => llmos?.destroy());

  function configuration(): string {
    const file = join(llmos.run, 'network/haproxy/haproxy.cfg');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  const isCarried = (name: string): boolean => configuration().includes(`listen default:${name}:80\n`);

  function listening(name: string): { host: string; port: number } {
    const [, host = '', port] = new RegExp(`listen default:${name}\\n +bind .*?([0-9.]+):([0-9]+)`).exec(configuration()) ?? [];
    return { host, port: Number(port) };
  }

  /** By which of the ways a pod reaches somebody. */
  async function reached(from: string, ...names: string[]): Promise<string[]> {
    const answers = await probe(pods.get(from)![0]!, names.map((name) => ways.get(name)!));
    return names.filter((_, index) => answers[index] !== '');
  }

  const all = (): string[] => [...ways.keys()].filter((name) => !name.startsWith('checked'));
  const gateways = (): string[] => all().filter((name) => name.startsWith('gateway'));
  const services = (): string[] => all().filter((name) => !name.startsWith('gateway') && name !== 'port of HAProxy');
  const only = (from: string, ...wanted: string[]): Promise<unknown> => eventually(async () => { assert.deepEqual(await reached(from, ...all()), wanted); return true; }, { timeoutMs: 20_000 * PATIENCE, what: `${from} reaches by ${wanted.join(', ')}` });

  /** From the moment on in which the pod itself cannot be reached, it cannot be by any other way either: one transaction closes them. */
  async function closesAtOnce(from: string, names: readonly string[]): Promise<void> {
    await eventually(async () => (await reached(from, 'address')).length === 0, { what: 'the policy is in force', timeoutMs: 20_000 * PATIENCE });
    for (let times = 0; times < 3; times += 1) assert.deepEqual(await reached(from, ...names), []);
  }

  it('an isolated pod is reached by nobody whom its policies do not name, whatever carries its Service', async () => {
    assert.ok(isCarried('least'));
    await apply(policy('friends', 'web', { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }], ports: [{ port: 80 }] }] }));
    await closesAtOnce('stranger', services());
    await only('friend', ...services(), ...gateways());
    assert.equal(isCarried('least'), false, 'the kernel shares it');
    assert.ok(isCarried('checked'), 'HAProxy carries what is not isolated');
    assert.equal(await fromMachine(ways.get('least')!), 'web', 'its machine always reaches it');
    assert.match(await ok(llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=least')), /SharedByKernel .*network policies isolate endpoints/);
    assert.deepEqual(await reached('stranger', 'gateway', 'checked'), ['gateway', 'checked'], 'what a route publishes is for all who reach the gateway');
  });

  it('a LoadBalancingPolicy says that its Service is not shared as it says, and why', async () => {
    const programmed = async (): Promise<string> => ok(llmos.kubectl('get', 'lbp', 'least', '-o', 'jsonpath={.status.conditions[?(@.type=="Programmed")].status} {.status.conditions[?(@.type=="Programmed")].reason} {.status.conditions[?(@.type=="Programmed")].message}'));
    await apply({ apiVersion: 'network.llmos.dev/v1alpha1', kind: 'LoadBalancingPolicy', metadata: { name: 'least' }, spec: { targetRefs: [{ kind: 'Service', name: 'least' }], algorithm: 'LeastConnection' } });
    await eventually(async () => (await programmed()).startsWith('False SharedByKernel network policies isolate endpoints of service default/least ('), { what: 'it is told', timeoutMs: 20_000 * PATIENCE });
    await forget();
    await eventually(async () => (await programmed()).startsWith('True Programmed'), { what: 'it is over', timeoutMs: 20_000 * PATIENCE });
    await apply(policy('friends', 'web', { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }], ports: [{ port: 80 }] }] }));
    await eventually(async () => (await programmed()).startsWith('False SharedByKernel'), { what: 'it is so again', timeoutMs: 20_000 * PATIENCE });
    await closesAtOnce('stranger', services());
  });

  it('neither while llmos is killed and started again', async () => {
    let going = true;
    const seen: string[][] = [];
    const looking = (async () => { while (going) seen.push(await reached('stranger', ...services())); })();
    await llmos.kill('SIGKILL');
    await llmos.boot();
    await only('friend', ...services(), ...gateways());
    going = false;
    await looking;
    assert.deepEqual(seen.filter((each) => each.length > 0), []);
    assert.ok(seen.length > 1);
    await forget();
    await eventually(async () => isCarried('least') && (await reached('stranger', 'least')).length === 1, { what: 'HAProxy carries it again', timeoutMs: 20_000 * PATIENCE });
    await only('stranger', ...all().filter((name) => name !== 'port of HAProxy' || ways.get(name)?.port === listening('least:80').port));
  });

  it('a pod that may not speak reaches nobody by a proxy, its port or a gateway', async () => {
    ways.set('port of HAProxy', { protocol: 'TCP', ...listening('least:80') });
    await apply(policy('mute', 'stranger', { policyTypes: ['Egress'] }));
    await closesAtOnce('stranger', [...all(), ...(IPV6 ? ['checked', 'checked6'] : ['checked'])]);
    assert.deepEqual(await reached('friend', ...all()), all());
    assert.ok(isCarried('least'), 'for others HAProxy carries it');
    assert.equal(await fromMachine(ways.get('least')!), 'web');
  });

  it('its policies say whom it reaches by Services of HAProxy, too', async () => {
    await apply(policy('mute', 'stranger', { egress: [{ to: [{ podSelector: { matchLabels: { app: 'web' } } }] }] }));
    await only('stranger', ...services());
    assert.deepEqual(await reached('stranger', 'checked'), [], 'of another pod');
  });

  it('a gateway is reached by its address, as policies name it', async () => {
    const block = (port: number): object => ({ to: [{ ipBlock: { cidr: `${ways.get('gateway')!.host}/32` } }], ports: [{ port }] });
    await apply(policy('mute', 'stranger', { policyTypes: ['Egress'], egress: [block(8089)] }));
    await only('stranger');
    await apply(policy('mute', 'stranger', { policyTypes: ['Egress'], egress: [block(8088)] }));
    await only('stranger', 'gateway');
    await apply(policy('mute', 'stranger', { policyTypes: ['Egress'], egress: [{ ports: [{ port: 8088 }] }] }));
    await only('stranger', ...gateways());
    await apply(policy('mute', 'stranger', { policyTypes: ['Egress'], egress: [{ to: [{ namespaceSelector: {} }] }] }));
    await only('stranger', ...services());
    await forget();
    await only('stranger', ...all());
  });

  it('who comes from outside is judged by his own address', async () => {
    const outside = `${llmos.name}o`;
    await inNetworkNamespaces([outside], async () => {
      await run('ip', ['-batch', '-'], { input: `link add ${outside} type veth peer name eth0 netns ${outside}\naddr add 192.0.2.1/24 dev ${outside}\nlink set ${outside} up\n` });
      await run('ip', ['-n', outside, '-batch', '-'], { input: 'addr add 192.0.2.2/24 dev eth0\nlink set eth0 up\nlink set lo up\nroute add default via 192.0.2.1\n' });
      const reaches = async (name: string): Promise<boolean> => {
        const { host, port } = ways.get(name)!;
        return (await runAny('ip', ['netns', 'exec', outside, 'curl', '-s', '-m', '2', `http://${host}:${port}/`])).stdout === 'web';
      };
      const wanted = (...expected: boolean[]): Promise<unknown> => eventually(async () => { assert.deepEqual(await Promise.all(['address', 'least', 'node port', 'gateway'].map(reaches)), expected); return true; }, { timeoutMs: 20_000 * PATIENCE, what: `from outside: ${expected.join()}` });
      await wanted(true, true, true, true);
      await apply(policy('shut', 'web', { policyTypes: ['Ingress'] }));
      await wanted(false, false, false, true);
      await apply(policy('shut', 'web', { ingress: [{ from: [{ ipBlock: { cidr: '192.0.2.2/32' } }] }] }));
      await wanted(true, true, true, true);
      await run('ip', ['link', 'del', outside]);
    });
    await forget();
  });

  function fromMachine({ host, port }: Target): Promise<string> {
    return eventually(() => new Promise<string | undefined>((settle) => {
      let text = '';
      const socket = connect({ host, port, timeout: 2_000 }, () => void socket.write('GET / HTTP/1.0\r\n\r\n'));
      socket.on('data', (chunk: Buffer) => (text += chunk.toString())).on('timeout', () => socket.destroy()).on('error', () => {}).on('close', () => settle(text.split('\r\n\r\n')[1]));
    }), { what: 'the machine reaches it' });
  }
});
