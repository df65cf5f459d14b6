/**
 * Whose is it? Of whatever two instances make on a machine, who looks at it can say by which it was made; what neither made stays as it was, and one that died with all its
 * processes can still be taken away, without the other noticing.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

/** How the network is set, but for what the kernel counts. */
function settings(folder = '/proc/sys/net'): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((each) => {
    const path = join(folder, each.name);
    if (each.isDirectory()) return settings(path);
    try {
      return each.name === 'nf_conntrack_count' ? [] : [`${path} ${readFileSync(path, 'utf8').trim()}`];
    } catch {
      return []; // it can only be written
    }
  });
}

/** The first of them that has it. */
function familyOf(table: string): string[] {
  return json<{ nftables: { table?: { family: string; name: string } }[] }>('nft', '-j', 'list', 'tables').nftables.flatMap((each) => (each.table?.name === table ? [each.table.family] : [])).slice(0, 1);
}

/** All of the machine's network that is no instance's. */
function machine(): string {
  const read = (...args: string[]): string => execFileSync(args[0]!, args.slice(1), { encoding: 'utf8' });
  return [read('ip', 'link'), read('ip', 'addr'), read('ip', 'route', 'show', 'table', 'all'), read('ip', 'rule'), read('nft', 'list', 'ruleset'), ...settings()].join('\n').replaceAll(/ (?:state|qlen|expires) \S+/g, '');
}

/** The kernel's own, which come a while after their link, and some of which are there only while the machine forwards IPv6. */
const isOfLink = (address: string): boolean => /^(?:fe80|ff00):/.test(address);

/** All that is of an instance on the machine, by its name and its folder; a further node's name begins with that of the first. */
function tracesOf({ name, state }: Instance): { links: string[]; addresses: string[]; routes: string[]; rules: string[]; groups: string[]; files: string[]; mounts: string[]; processes: string[] } {
  const [folder, own] = [dirname(state), new RegExp(`(?:^|/)${name}(?:n\\d+)?(?:$|/)`)];
  const ownLinks = links().filter(({ ifname, ifalias = '' }) => ifname.startsWith(name) || ifalias.startsWith(`llmos/${name}`)).map(({ ifname }) => ifname);
  const groupsIn = (controller: string): string[] => readdirSync(controller, { withFileTypes: true }).filter((each) => each.isDirectory() && own.test(each.name)).map((each) => join(controller, each.name));
  const filesIn = (place: string): string[] => (existsSync(place) ? readdirSync(place).filter((file) => file.includes(name)).map((file) => join(place, file)) : []);
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid).filter((pid) => {
    try {
      const [words, group] = ['cmdline', 'cgroup'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8')) as [string, string];
      return words.includes(folder) || group.split('\n').some((line) => own.test(line.split(':')[2] ?? '')) || (words.includes('llmos') && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`LLMOS_STATE=${state}`));
    } catch {
      return false; // it has ended
    }
  });
  return {
    links: ownLinks,
    addresses: json<{ ifname: string; addr_info: { local: string }[] }[]>('ip', '-j', 'addr').filter(({ ifname }) => ownLinks.includes(ifname)).flatMap(({ ifname, addr_info }) => addr_info.filter(({ local }) => !isOfLink(local)).map(({ local }) => `${ifname} ${local}`)),
    routes: routes().filter(({ dst, dev }) => dev !== undefined && ownLinks.includes(dev) && !isOfLink(dst)).map(({ dst, dev }) => `${dst} ${dev}`),
    rules: tables().filter((table) => table.startsWith(`${name}0`)),
    groups: ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup', { withFileTypes: true }).filter((each) => each.isDirectory()).map((each) => join('/sys/fs/cgroup', each.name))].flatMap(groupsIn),
    files: ['/etc', '/etc/cni/net.d', '/run', '/run/netns', '/var/lib', '/var/lib/cni', '/var/log', '/var/log/pods', '/var/log/containers', '/dev/shm'].flatMap(filesIn),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(folder) || own.test(line.split(' ')[4] ?? '')),
    processes,
  };
}

/** Ends llmos and all that it started at once, as nothing but a fault of the machine does. */
async function killWhole(llmos: Instance): Promise<void> {
  for (const pid of tracesOf(llmos).processes) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {} // it ended with another one
  }
  await llmos.kill();
  await eventually(async () => tracesOf(llmos).processes.length === 0, { what: 'all of them have ended' });
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

  it('one that died with all its processes is taken away in whole, and the other one does not notice', async () => {
    const [dead, other] = two as [Instance, Instance];
    const { files, ...made } = tracesOf(dead);
    for (const [what, found] of Object.entries(made)) assert.ok(found.length > 0, `${what} of it are found`);
    assert.deepEqual(files, [], 'its files are in its folders');
    const before = tracesOf(other);
    const rules = (): string => before.rules.map((table) => execFileSync('nft', ['-s', 'list', 'table', ...familyOf(table), table], { encoding: 'utf8' })).join('\n');
    const rulesBefore = rules();
    const lasting = new Set(tracesOf(other).processes);
    await killWhole(dead);
    const { code, stderr } = await dead.llmos('down', '--purge');
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(Object.values(tracesOf(dead)).flat(), []);
    assert.ok(!existsSync(dead.state) && !existsSync(dead.run));
    const now = new Set(Object.values(tracesOf(other)).flat());
    const { processes, mounts, ...rest } = before;
    // Where a mount stands in the machine's list, and by what number, changes with those of others.
    assert.deepEqual([...Object.values(rest).flat(), ...processes.filter((pid) => lasting.has(pid))].filter((each) => !now.has(each)), []);
    assert.deepEqual([tracesOf(other).mounts.length, rules()], [mounts.length, rulesBefore]);
    assert.equal(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim(), '1', 'the other one needs it');
    assert.match(await ok(other.kubectl('get', '--raw', '/api/v1/namespaces/default/pods/web/proxy/')), /^web/);
  });
});
