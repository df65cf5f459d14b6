/** Whose is it? Of whatever two instances make on a machine, who looks at it can say by which it was made; and what neither made stays as it was. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { serverOf } from '../conformance/network/servers.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const HAS_IPV6 = existsSync('/proc/net/if_inet6');
const SECOND = `nodes: 2
apiServer: { port: 6444 }
network: { podCidr: 10.144.0.0/16, serviceCidr: 10.145.0.0/16, loadBalancerCidr: 10.146.0.0/24 }
modules: { node: { readySandboxes: 3 }, network: { healthzBindAddress: '127.0.0.1:10266', metricsBindAddress: '127.0.0.1:10259' } }
`;
/** The routes of llmos, whichever instance made them. */
const ROUTE_PROTOCOL = '108';

interface Link { ifindex: number; ifname: string; ifalias?: string }
interface Route { dst: string; dev?: string; type?: string; protocol?: string }

const json = <T>(...args: string[]): T => JSON.parse(execFileSync(args[0]!, args.slice(1), { encoding: 'utf8' }) || '[]') as T;
const links = (): Link[] => json<Link[]>('ip', '-j', 'link');
const routes = (): Route[] => [...json<Route[]>('ip', '-j', '-4', 'route', 'show', 'table', 'all'), ...(HAS_IPV6 ? json<Route[]>('ip', '-j', '-6', 'route', 'show', 'table', 'all') : [])];
const tables = (): string[] => json<{ nftables: { table?: { name: string } }[] }>('nft', '-j', 'list', 'tables').nftables.flatMap(({ table }) => (table === undefined ? [] : [table.name]));

/** All of the machine's network that is no instance's. */
function machine(): string {
  const read = (...args: string[]): string => execFileSync(args[0]!, args.slice(1), { encoding: 'utf8' });
  return [read('ip', 'link'), read('ip', 'addr'), read('ip', 'route', 'show', 'table', 'all'), read('ip', 'rule'), read('nft', 'list', 'ruleset')].join('\n').replaceAll(/ (?:state|qlen|expires) \S+/g, '');
}

describe('host hygiene', { timeout: 240_000 * PATIENCE }, () => {
  const two: Instance[] = [];
  let untouched!: { text: string; routes: Set<string>; links: Set<string> };

  before(async () => {
    execFileSync('nft', ['-f', '-'], { input: 'table inet foreign {\n chain c {\n ip daddr 192.0.2.1 drop\n }\n}\n' });
    untouched = { text: machine(), routes: new Set(routes().map((each) => JSON.stringify(each))), links: new Set(links().map(({ ifname }) => ifname)) };
    for (const config of [`network: { ipv6: ${HAS_IPV6} }\nmodules: { node: { readySandboxes: 3 } }\n`, SECOND]) {
      const llmos = await bootInstance({ config });
      two.push(llmos);
      importTestImage(llmos);
      const port = { name: 'http', containerPort: 80, hostPort: 8_090 + two.length };
      await applyTo(llmos, serverOf('web', { labels: { app: 'web' }, container: { ports: [port] } }), serverOf('client', { labels: { app: 'client' } }),
        ...['cluster', 'balanced'].map((name) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { type: name === 'balanced' ? 'LoadBalancer' : 'ClusterIP', selector: { app: 'web' }, sessionAffinity: 'ClientIP', ports: [{ port: 80 + two.length }] } })),
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'least', annotations: { 'llmos.dev/load-balancing': 'least-connection' } }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } },
        { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'closed' }, spec: { podSelector: { matchLabels: { app: 'client' } }, policyTypes: ['Ingress', 'Egress'] } },
        { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'edge' }, spec: { gatewayClassName: 'llmos', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] } });
      await ok(llmos.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=90s'));
      await ok(llmos.kubectl('wait', '--for=condition=Programmed', 'gateway/edge', '--timeout=60s'));
      // Ports of a further node are in its own network.
      await eventually(async () => [`${llmos.name}0`, `${llmos.name}0-policy`, ...(two.length === 1 ? [`${llmos.name}0_hostports`] : [])].every((name) => tables().includes(name)), { what: 'the tables of the instance' });
    }
  });

  after(async () => {
    for (const llmos of two) await llmos.destroy();
    assert.equal(machine(), untouched.text, 'the machine is as it was');
    execFileSync('nft', ['delete', 'table', 'inet', 'foreign']);
  });

  /** The instances whose name a link bears: in its own, or in its alias. A further node's name begins with that of the first. */
  const ownersOf = ({ ifname, ifalias = '' }: Link): string[] => two.map(({ name }) => name).filter((name) => ifname.startsWith(name) || new RegExp(`^llmos/${name}(n\\d+)?/`).test(ifalias));
  const madeLinks = (): Link[] => links().filter(({ ifname }) => !untouched.links.has(ifname));
  const nobodys = (): Link[] => madeLinks().filter((each) => ownersOf(each).length !== 1);

  it('every link bears the name of one instance, and those of pods their own', async () => {
    // Sandboxes are made ahead of pods all the time.
    await eventually(async () => assert.deepEqual(nobodys(), []) === undefined && madeLinks().length >= 12, { what: 'links of both instances, each with its name', timeoutMs: 60_000 * PATIENCE });
    for (const llmos of two) {
      for (const pod of ['web', 'client']) {
        const far = Number((await ok(llmos.kubectl('exec', pod, '--', 'cat', '/sys/class/net/eth0/iflink'))).trim());
        assert.match(links().find(({ ifindex }) => ifindex === far)?.ifalias ?? '', new RegExp(`^llmos/${llmos.name}(n2)?/pod=default/${pod}$`));
      }
    }
  });

  it('every route leads to such a link, or says that it is of llmos', async () => {
    await eventually(async () => {
      const made = routes().filter((each) => !untouched.routes.has(JSON.stringify(each)));
      const owned = new Set(links().filter((each) => ownersOf(each).length === 1).map(({ ifname }) => ifname));
      assert.deepEqual(made.filter(({ dev, protocol }) => protocol !== ROUTE_PROTOCOL && (dev === undefined || !owned.has(dev))), []);
      return made.filter(({ type }) => type === 'unreachable').length === (HAS_IPV6 ? 9 : 6);
    }, { what: 'the routes of both instances', timeoutMs: 60_000 * PATIENCE });
  });

  it('every table bears the name of one instance; rules of routing there are none', () => {
    assert.deepEqual(tables().filter((table) => table !== 'foreign' && two.filter(({ name }) => table.startsWith(`${name}0`)).length !== 1), []);
    assert.deepEqual(tables().filter((table) => table === 'foreign'), ['foreign']);
    assert.ok(untouched.text.includes(execFileSync('ip', ['rule'], { encoding: 'utf8' })));
  });
});
