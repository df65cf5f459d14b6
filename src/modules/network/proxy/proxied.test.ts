/** Services that a proxy carries, as packets see them: what HAProxy adds, when it is there, and what goes past it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod, Service } from '../../../api/generated/core-v1.ts';
import { isRunning } from '../../../base/sys/is-running.ts';
import { run } from '../../../base/sys/run.ts';
import { askHaproxy, rowsOf } from '../../../sdk/haproxy/commands.ts';
import { haproxyFiles } from '../../../sdk/haproxy/process.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { ask, serve, service, slice } from '../testing/machine.ts';
import { inPlayedNetwork } from '../testing/played-network.ts';

inPlayedNetwork(import.meta.filename, 'services behind a proxy, in namespaces', (played) => {
  const { pods, services, slices, podObjects, networkPolicies, events, network } = played;

  test('least connection: who is busy is spared, by a proxy that is there only while it is wanted', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, async () => {
    const pidFile = join(played.folder, 'haproxy', 'haproxy.pid');
    assert.equal(existsSync(pidFile), false);
    const least = { ...service('least', { clusterIP: '10.62.0.24' }), metadata: { name: 'least', namespace: 'default', annotations: { 'llmos.dev/load-balancing': 'least-connection' } } };
    services.set(least);
    slices.set(slice('least', pods.slice(0, 2).map((pod) => pod.address)));
    await played.sync.idle();
    // One connection that stays open makes its pod the busier one: all others go to the other pod.
    const busy = connect({ host: '10.62.0.24', port: 80 }).unref();
    await once(busy, 'connect');
    // HAProxy counts a connection a moment longer than its client has it.
    const isAlone = async (): Promise<boolean> => rowsOf(await askHaproxy(haproxyFiles(join(played.folder, 'haproxy')).socket, 'show stat')).filter((read) => /^s\d/.test(read('svname'))).reduce((sum, read) => sum + Number(read('scur')), 0) === 1;
    const answers = [];
    for (let i = 0; i < 6; i++) {
      await eventually(isAlone, { what: 'the busy connection alone' });
      answers.push(await ask('10.62.0.24:80', i % 2 === 0 ? pods[2]?.name : undefined));
    }
    assert.equal(new Set(answers).size, 1, answers.join());
    busy.destroy();
    const pid = (await readFile(pidFile, 'utf8')).trim();
    slices.set(slice('least', [String(pods[2]?.address)]));
    await played.sync.idle();
    assert.equal(await ask('10.62.0.24:80'), pods[2]?.name);
    assert.equal((await readFile(pidFile, 'utf8')).trim(), pid, 'an endpoint changed without a reload');
    process.kill(Number(pid), 'SIGKILL');
    await eventually(async () => (await ask('10.62.0.24:80')) === pods[2]?.name, { what: 'a killed proxy is started again' });
    services.set(service('least', { clusterIP: '10.62.0.24' }));
    await played.sync.idle();
    assert.equal(existsSync(pidFile), false);
    assert.equal(await ask('10.62.0.24:80'), pods[2]?.name);
    services.remove('default/least');
    slices.remove('default/least-1');
    await played.sync.idle();
  });

  test('by a proxy, too, nobody is led to endpoints that get nothing new', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, async () => {
    const own = slice('idle', pods.slice(0, 2).map((pod) => pod.address));
    const weighing = (weight: string): void => slices.set({ ...own, metadata: { ...own.metadata, annotations: { 'llmos.dev/weight': weight } } });
    const idle = service('idle', { clusterIP: '10.62.0.44' });
    services.set({ ...idle, metadata: { ...idle.metadata, annotations: { 'llmos.dev/load-balancing': 'least-connection' } } });
    for (const [weight, answers] of [['1', true], ['0', false], ['2', true]] as const) {
      weighing(weight);
      await played.sync.idle();
      assert.match(await ask('10.62.0.44:80'), answers ? /^lln/ : /^ECONNREFUSED$/, `weight ${weight}`);
    }
    services.remove('default/idle');
    slices.remove('default/idle-1');
    await played.sync.idle();
  });

  test('what policies have to judge goes past the proxy, and no request fails when it changes', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, async () => {
    const configuration = haproxyFiles(join(played.folder, 'haproxy')).configuration;
    const isCarried = async (name: string): Promise<boolean> => existsSync(configuration) && (await readFile(configuration, 'utf8')).includes(`listen default:${name}:80\n`);
    const near = serve(String(pods[0]?.name), 'q.socket.remoteAddress', 81);
    await once(near.stdout as NodeJS.ReadableStream, 'data');
    const least = (name: string, clusterIP: string): Service => ({ ...service(name, { clusterIP }), metadata: { name, namespace: 'default', annotations: { 'llmos.dev/load-balancing': 'least-connection' } } });
    const isolate = (index: number, type: 'Ingress' | 'Egress'): void => networkPolicies.set({ metadata: { name: type, namespace: 'default' }, spec: { podSelector: { matchLabels: { pod: String(index) } }, policyTypes: [type] } });
    const client = async (index: number): Promise<string> => (await ask('10.62.0.33:80', pods[index]?.name)).replace('::ffff:', '');
    pods.forEach(({ address }, index) => podObjects.set({ metadata: { name: `p${index}`, namespace: 'default', labels: { pod: String(index) } }, status: { podIP: address } } as Pod));
    services.set(least('seen', '10.62.0.33'));
    services.set(least('other', '10.62.0.34'));
    slices.set(slice('seen', [String(pods[0]?.address)], 81));
    slices.set(slice('other', [String(pods[1]?.address)]));
    await played.sync.idle();
    assert.deepEqual([await client(1), await client(2)], [network.gatewayIp, network.gatewayIp], 'by the proxy');
    isolate(1, 'Egress');
    await played.sync.idle();
    assert.deepEqual([await client(1), await client(2)], [pods[1]?.address, network.gatewayIp], 'who is isolated for egress goes past it');
    let going = true;
    const answers: string[] = [];
    const asking = (async () => { while (going) answers.push(await client(2)); })();
    for (let times = 0; times < 4; times += 1) {
      isolate(0, 'Ingress');
      await played.sync.idle();
      assert.deepEqual([await client(2), await isCarried('seen'), await isCarried('other')], [pods[2]?.address, false, true], 'all go past it, where an endpoint is isolated for ingress');
      networkPolicies.remove('default/Ingress');
      await played.sync.idle();
      assert.deepEqual([await client(2), await isCarried('seen')], [network.gatewayIp, true]);
    }
    going = false;
    await asking;
    services.remove('default/other');
    slices.remove('default/other-1');
    await played.sync.idle();
    const open = connect({ host: '10.62.0.33', port: 80 });
    await once(open, 'connect');
    await eventually(async () => rowsOf(await askHaproxy(haproxyFiles(join(played.folder, 'haproxy')).socket, 'show stat')).some((read) => read('svname') === 's0' && Number(read('scur')) === 1), { what: 'the proxy has led it on' });
    const pid = Number(await readFile(haproxyFiles(join(played.folder, 'haproxy')).pid, 'utf8'));
    isolate(0, 'Ingress');
    await played.sync.idle();
    assert.deepEqual([await client(2), existsSync(configuration)], [pods[2]?.address, false]);
    open.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    assert.match(String((await once(open, 'data'))[0]), new RegExp(`${network.gatewayIp}\\b`), 'what is open goes on, though nothing else is carried');
    await once(open, 'close');
    await eventually(async () => !isRunning(pid), { what: 'the proxy ends with it' });
    networkPolicies.remove('default/Ingress');
    assert.deepEqual(answers.filter((each) => each !== network.gatewayIp && each !== pods[2]?.address), []);
    assert.ok(events.some((each) => each.startsWith('SharedByKernel')) && events.some((each) => each.startsWith('SharedByProxy')), events.join());
    networkPolicies.remove('default/Egress');
    services.remove('default/seen');
    slices.remove('default/seen-1');
    await played.sync.idle();
    assert.equal(existsSync(configuration), false);
    assert.doesNotMatch(await run('nft', ['list', 'set', 'ip', 'llt0', 'confined']), /elements/);
    near.kill('SIGKILL');
    pods.forEach((_, index) => podObjects.remove(`default/p${index}`));
  });
});
