/** Ranges of addresses on a whole machine: further ones of Services, what they may be, and that they come and go without harm; those on which node ports answer (upstream: test/integration/servicecidr/servicecidr_test.go, test/e2e/network/service_cidrs.go). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { createServer, get } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { serverOf } from '../conformance/network/servers.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const SERVER = "require('node:http').createServer((q, r) => r.setHeader('connection', 'close').end(require('node:os').hostname())).listen(80)";

describe('ranges of Services', { timeout: 200_000 * PATIENCE }, () => {
  let llmos: Instance;
  const kubectl = (...args: string[]): Promise<string> => ok(llmos.kubectl(...args));
  const apply = (...items: object[]): Promise<string> => applyTo(llmos, ...items);
  const range = (name: string, cidr: string): object => ({ apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name }, spec: { cidrs: [cidr] } });
  const service = (name: string, clusterIP: string): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { clusterIP, selector: { app: 'web' }, ports: [{ port: 80 }] } });
  const until = (what: string, holds: () => Promise<boolean>): Promise<unknown> => eventually(holds, { what, timeoutMs: 60_000 * PATIENCE });
  const condition = (name: string): Promise<string> => kubectl('get', 'servicecidr', name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].reason}');
  const names = new Resolver();
  const isGone = async (name: string): Promise<boolean> => (await kubectl('get', 'servicecidr', name, '--ignore-not-found')) === '';
  const routesTo = (cidr: string): string[] => execFileSync('ip', ['-4', 'route', 'show', cidr], { encoding: 'utf8' }).trim().split('\n').filter((line) => line !== '' && !line.startsWith('unreachable'));
  const ask = (host: string, port = 80): Promise<string> => new Promise((resolve) => {
    get({ host, port, agent: false, timeout: 5_000 }, (answer) => answer.setEncoding('utf8').on('data', resolve)).on('timeout', () => resolve('timeout')).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });

  before(async () => {
    llmos = await bootInstance({ config: "modules: { network: { nodePortAddresses: ['198.51.100.0/24'] } }\n" });
    importTestImage(llmos);
    names.setServers(['10.244.0.1']);
    await apply({ apiVersion: 'v1', kind: 'Pod', ...serverOf('web', { labels: { app: 'web' }, spec: { terminationGracePeriodSeconds: 0 }, container: { command: ['/node/node', '-e', SERVER] } }) });
    await kubectl('wait', 'pod/web', '--for=condition=Ready', '--timeout=120s');
  });
  after(async () => llmos?.destroy());

  it('the cluster’s own one, named again, goes without its routes', async () => {
    const own = (await kubectl('get', 'servicecidr', 'kubernetes', '-o', 'jsonpath={.spec.cidrs[0]}')).trim();
    const before = routesTo(own);
    assert.equal(before.length, 1, before.join());
    await apply(range('again', own));
    await until('it is ready', async () => (await condition('again')) === 'True Ready');
    await kubectl('delete', 'servicecidr', 'again');
    assert.deepEqual(routesTo(own), before);
  });

  it('one that the machine is in itself is none, and the machine stays there', async () => {
    execFileSync('ip', ['-batch', '-'], { input: 'link add lan0 type bridge\naddr add 198.51.100.1/24 dev lan0\nlink set lan0 up\n' });
    const before = routesTo('198.51.100.0/24');
    await apply(range('lan', '198.51.100.0/24'), range('around-lan', '198.51.0.0/16'));
    for (const name of ['lan', 'around-lan']) await until(`${name} is refused`, async () => (await condition(name)) === 'False RangeInUse');
    assert.deepEqual([routesTo('198.51.100.0/24'), routesTo('198.51.0.0/16')], [before, []]);
    const { code, stderr } = await llmos.kubectlWith(JSON.stringify(service('in-lan', '198.51.100.9')), 'apply', '-f', '-');
    assert.ok(code !== 0 && stderr.includes('is not in the valid range'), stderr);
    await kubectl('delete', 'servicecidr', 'lan', 'around-lan');
    assert.deepEqual(routesTo('198.51.100.0/24'), before);
  });

  it('one goes while another has its addresses, and else waits for the last of them; its Services answer all the time', async () => {
    await apply(range('inner', '10.199.7.0/24'));
    await until('inner is ready', async () => (await condition('inner')) === 'True Ready');
    await apply(service('further', '10.199.7.9'));
    await until('its Service answers', async () => (await ask('10.199.7.9')) === 'web');
    assert.deepEqual(await names.reverse('10.199.7.9'), ['further.default.svc.cluster.local']);
    await apply(range('outer', '10.199.0.0/16'));
    await until('outer is ready', async () => (await condition('outer')) === 'True Ready');
    await kubectl('delete', 'servicecidr', 'inner');
    assert.equal(await ask('10.199.7.9'), 'web');
    await kubectl('delete', 'servicecidr', 'outer', '--wait=false');
    await until('outer waits', async () => (await condition('outer')) === 'False Terminating');
    const { code, stderr } = await llmos.kubectlWith(JSON.stringify(service('late', '10.199.7.10')), 'apply', '-f', '-');
    assert.ok(code !== 0 && stderr.includes('is not in the valid range'), stderr);
    assert.equal(await ask('10.199.7.9'), 'web');
    await kubectl('delete', 'service', 'further');
    await until('outer is gone', () => isGone('outer'));
    await until('nothing is led there', async () => routesTo('10.199.0.0/16').length === 0);
  });

  it('the machine reaches all of them again when somebody took the bridge down, or away', async () => {
    await apply(range('kept', '10.198.0.0/24'));
    await until('it is ready', async () => (await condition('kept')) === 'True Ready');
    await apply(service('kept', '10.198.0.9'), { apiVersion: 'v1', kind: 'Service', metadata: { name: 'plain' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } });
    const plain = (await kubectl('get', 'service', 'plain', '-o', 'jsonpath={.spec.clusterIP}')).trim();
    const answered = (why: string): Promise<unknown> => until(why, async () => (await ask('10.198.0.9')) === 'web' && (await ask(plain)) === 'web');
    await answered('both answer');
    for (const commands of [`link set ${llmos.name}0 down\nlink set ${llmos.name}0 up\n`, `link del ${llmos.name}0\n`]) {
      execFileSync('ip', ['-batch', '-'], { input: commands });
      assert.deepEqual(routesTo('10.198.0.0/24'), []);
      await answered(`both answer after ${commands}`);
    }
    await kubectl('delete', 'service', 'kept', 'plain');
    await kubectl('delete', 'servicecidr', 'kept');
    await until('nothing is led there', async () => routesTo('10.198.0.0/24').length === 0);
  });

  it('a node port answers on the addresses that it is to, and is the machine’s own on others', async () => {
    execFileSync('ip', ['-batch', '-'], { input: 'addr add 203.0.113.1/24 dev lan0\n' });
    await apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'ported' }, spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, nodePort: 30_199 }] } });
    await until('it answers', async () => (await ask('198.51.100.1', 30_199)) === 'web');
    for (const other of ['203.0.113.1', '127.0.0.1']) assert.equal(await ask(other, 30_199), 'ECONNREFUSED', other);
    const server = createServer((_request, response) => response.end('own'));
    await new Promise<void>((resolve) => server.listen(30_199, '203.0.113.1', resolve));
    assert.equal(await ask('203.0.113.1', 30_199), 'own');
    server.close();
  });
});
