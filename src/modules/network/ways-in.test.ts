/** Ways into a Service, as packets see them: its cluster address, node ports, load balancers, 127.0.0.1; from the machine, from pods and from outside. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { run } from '../../base/sys/run.ts';
import { bridgeOf } from './links.ts';
import { ask, balanced, count, serve, service, slice } from './testing/machine.ts';
import { inPlayedNetwork } from './testing/played-network.ts';

inPlayedNetwork(import.meta.filename, 'ways into services, in namespaces', (played) => {
  const { host, outside, pods, services, slices, events } = played;

  test('pods have addresses of the range, and reach each other', async () => {
    assert.deepEqual(pods.map((pod) => pod.address), ['10.61.0.2', '10.61.0.3', '10.61.0.4']);
    assert.equal(await ask(`${pods[1]?.address}:80`, pods[0]?.name), pods[1]?.name);
  });

  test('a cluster IP answers in turn, from the machine and from pods', async () => {
    services.set(service('web', { clusterIP: '10.62.0.20' }));
    slices.set(slice('web', pods.map((pod) => pod.address)));
    await played.sync.idle();
    const fromMachine = [];
    for (let i = 0; i < 30; i++) fromMachine.push(await ask('10.62.0.20:80'));
    assert.deepEqual(count(fromMachine), Object.fromEntries(pods.map((pod) => [pod.name, 10])));
    for (let i = 0; i < 3; i++) assert.equal(fromMachine[i], fromMachine[i + 3]);
    const fromPod = [];
    for (let i = 0; i < 9; i++) fromPod.push(await ask('10.62.0.20:80', pods[0]?.name));
    assert.deepEqual(count(fromPod), Object.fromEntries(pods.map((pod) => [pod.name, 3])));
  });

  // As of a packet that came while rules changed: ruleset.ts.
  test('who is led nowhere at first is asked again before he is refused', async () => {
    const chain = ['ip', bridgeOf(played.facts), 'dispatch'];
    await run('nft', ['insert', 'rule', ...chain, 'numgen', 'inc', 'mod', '2', '0', 'return']);
    for (const from of [undefined, pods[0]?.name]) {
      const answers = [];
      for (let i = 0; i < 6; i++) answers.push(await ask('10.62.0.20:80', from));
      assert.deepEqual(count(answers), Object.fromEntries(pods.map((pod) => [pod.name, 2])));
    }
    const [, handle = ''] = /numgen inc mod 2 0 return # handle (\d+)/.exec(await run('nft', ['-a', 'list', 'chain', ...chain])) ?? [];
    await run('nft', ['delete', 'rule', ...chain, 'handle', handle]);
  });

  // linux: nf_nat_inet_fn asks no further hook once one gave the connection another address.
  test('who is led at first is not asked again', async () => {
    const table = ['ip', bridgeOf(played.facts)];
    const chains = ['output/again', 'prerouting/again'];
    for (const chain of chains) await run('nft', ['insert', 'rule', ...table, chain, 'ip', 'daddr', '10.62.0.0/16', 'tcp', 'dport', '80', 'counter']);
    const asked = async (): Promise<boolean[]> => {
      const texts = await Promise.all(chains.map((chain) => run('nft', ['list', 'chain', ...table, chain])));
      return texts.map((text) => Number(/counter packets (\d+)/.exec(text)?.[1]) > 0);
    };
    for (const from of [undefined, pods[0]?.name]) for (let i = 0; i < 3; i++) assert.ok((await ask('10.62.0.20:80', from)).startsWith(host));
    assert.deepEqual(await asked(), [false, false]);
    for (const from of [undefined, pods[0]?.name]) assert.equal(await ask('10.62.0.77:80', from), 'ECONNREFUSED');
    assert.deepEqual(await asked(), [true, true]);
    for (const chain of chains) {
      const [, handle = ''] = /counter .*# handle (\d+)/.exec(await run('nft', ['-a', 'list', 'chain', ...table, chain])) ?? [];
      await run('nft', ['delete', 'rule', ...table, chain, 'handle', handle]);
    }
  });

  test('a changed endpoint is used at once', async () => {
    slices.set(slice('web', pods.slice(0, 1).map((pod) => pod.address)));
    await played.sync.idle();
    for (let i = 0; i < 4; i++) assert.equal(await ask('10.62.0.20:80'), pods[0]?.name);
  });

  test('a pod reaches itself by its service', async () => {
    assert.equal(await ask('10.62.0.20:80', pods[0]?.name), pods[0]?.name);
  });

  test('without endpoints, and for unknown addresses of the range, the connection is refused', async () => {
    slices.remove('default/web-1');
    await played.sync.idle();
    for (const address of ['10.62.0.20:80', '10.62.0.77:80', '10.63.0.9:80']) {
      assert.equal(await ask(address), 'ECONNREFUSED', address);
      assert.equal(await ask(address, pods[0]?.name), 'ECONNREFUSED', `${address} from a pod`);
    }
    slices.set(slice('web', pods.map((pod) => pod.address)));
  });

  test('a cluster IP of a further range answers at its port, and refuses at others', async () => {
    await run('ip', ['route', 'add', '10.64.0.0/24', 'dev', bridgeOf(played.facts)]);
    services.set(service('further', { clusterIP: '10.64.0.5' }));
    slices.set(slice('further', [String(pods[1]?.address)]));
    await played.sync.idle();
    for (const from of [undefined, pods[0]?.name]) {
      assert.equal(await ask('10.64.0.5:80', from), pods[1]?.name);
      assert.equal(await ask('10.64.0.5:81', from), 'ECONNREFUSED');
    }
    services.remove('default/further');
    slices.remove('default/further-1');
    await played.sync.idle();
    await run('ip', ['route', 'del', '10.64.0.0/24', 'dev', bridgeOf(played.facts)]);
  });

  test('a packet of a known connection passes no rule but those that have to see each', async () => {
    const { nftables } = JSON.parse(await run('nft', ['-j', 'list', 'table', 'ip', bridgeOf(played.facts)])) as { nftables: { chain?: { name: string; type?: string; hook?: string }; rule?: { chain: string } }[] };
    // Those of nat are for first packets.
    const passed = nftables.flatMap(({ chain }) => (chain?.hook === undefined || chain.type === 'nat' ? [] : [`${chain.hook} ${chain.name}: ${nftables.filter(({ rule }) => rule?.chain === chain.name).length}`]));
    assert.deepEqual(passed.sort(), ['forward strays: 1', 'output patience: 1', 'prerouting guard: 2']);
  });

  test('a node port answers on the addresses of the machine', async () => {
    services.set(service('web', { type: 'NodePort', clusterIP: '10.62.0.20', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] }));
    await played.sync.idle();
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await ask('127.0.0.1:30080'), await ask('10.61.0.1:30080'), await ask('10.61.0.1:30080', pods[2]?.name));
    assert.deepEqual(count(answers), Object.fromEntries(pods.map((pod) => [pod.name, 3])));
  });

  test('a load balancer answers on its address and on 127.0.0.1', async () => {
    services.set(balanced('lb', '10.62.0.21', 8081, '10.63.0.1'));
    slices.set(slice('lb', pods.map((pod) => pod.address)));
    await played.sync.idle();
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await ask('127.0.0.1:8081'), await ask('10.63.0.1:8081'), await ask('10.63.0.1:8081', pods[0]?.name));
    assert.deepEqual(count(answers), Object.fromEntries(pods.map((pod) => [pod.name, 3])));
  });

  test('pods leave the machine under its address, and who comes from outside keeps his own', async () => {
    await run('ip', ['-batch', '-'], { input: `link add out0 type veth peer name eth0 netns ${outside}\naddr add 192.0.2.1/24 dev out0\nlink set out0 up\n` });
    await run('ip', ['-n', outside, '-batch', '-'], { input: 'addr add 192.0.2.2/24 dev eth0\nlink set eth0 up\nlink set lo up\n' });
    const far = serve(outside, 'q.socket.remoteAddress');
    await once(far.stdout as NodeJS.ReadableStream, 'data');
    const near = serve(String(pods[0]?.name), 'q.socket.remoteAddress', 81);
    await once(near.stdout as NodeJS.ReadableStream, 'data');
    services.set(service('seen', { type: 'NodePort', clusterIP: '10.62.0.30', ports: [{ port: 81, protocol: 'TCP', nodePort: 30081 }] }));
    slices.set(slice('seen', [String(pods[0]?.address)], 81));
    await played.sync.idle();
    try {
      assert.match(await ask('192.0.2.2:80', pods[0]?.name), /192\.0\.2\.1$/);
      assert.match(await ask('192.0.2.1:30081', outside), /192\.0\.2\.2$/);
      assert.equal(await ask('10.61.0.1:7443', outside), 'ENETUNREACH');
    } finally {
      far.kill('SIGKILL');
      near.kill('SIGKILL');
      services.remove('default/seen');
      slices.remove('default/seen-1');
      await run('ip', ['link', 'del', 'out0']);
      await played.sync.idle();
    }
  });

  test('pods do not reach what listens on 127.0.0.1', async () => {
    const secret = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nsecret')).listen(7777, '127.0.0.1');
    await once(secret, 'listening');
    await run('ip', ['netns', 'exec', String(pods[0]?.name), 'sh', '-c', 'ip link set lo down; ip addr flush dev lo; ip route add 127.0.0.0/8 via 10.61.0.1; echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet']);
    try {
      assert.notEqual(await ask('127.0.0.1:7777', pods[0]?.name), 'secret');
    } finally {
      await run('ip', ['netns', 'exec', String(pods[0]?.name), 'sh', '-c', 'ip route del 127.0.0.0/8; ip link set lo up']);
      secret.close();
    }
  });

  test('a port that a program of the machine has is left to it, and said so', async () => {
    const program = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nmine')).listen(8082, '0.0.0.0');
    await once(program, 'listening');
    services.set(balanced('taken', '10.62.0.22', 8082, '10.63.0.2'));
    slices.set(slice('taken', pods.map((pod) => pod.address)));
    await played.sync.idle();
    assert.equal(await ask('127.0.0.1:8082'), 'mine');
    assert.ok((await ask('10.63.0.2:8082')).startsWith(host));
    assert.match(events.join('\n'), /PortInUse: 127\.0\.0\.1:8082\/tcp is not used for this service: another program of this machine uses it/);
    program.close();
  });
});
