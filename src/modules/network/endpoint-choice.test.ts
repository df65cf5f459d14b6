/** Which endpoint is chosen for whom, as packets see it: session affinity, source ranges, traffic policies, weights, and endpoints that change meanwhile. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { run } from '../../base/sys/run.ts';
import { ask, balanced, count, service, slice } from './testing/machine.ts';
import { inPlayedNetwork } from './testing/played-network.ts';

inPlayedNetwork(import.meta.filename, 'the choice of endpoints, in namespaces', (played) => {
  const { host, outside, pods, services, slices, podObjects } = played;

  test('session affinity keeps a client with its endpoint', async () => {
    services.set(service('sticky', { clusterIP: '10.62.0.23', sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }));
    slices.set(slice('sticky', pods.map((pod) => pod.address)));
    await played.sync.idle();
    for (const from of [undefined, pods[0]?.name, pods[1]?.name]) {
      const answers = [];
      for (let i = 0; i < 6; i++) answers.push(await ask('10.62.0.23:80', from));
      assert.equal(new Set(answers).size, 1, `${from} was answered by ${answers.join()}`);
    }
  });

  test('session affinity ends with its time', async () => {
    services.set(service('brief', { clusterIP: '10.62.0.26', sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } }));
    slices.set(slice('brief', pods.map((pod) => pod.address)));
    await played.sync.idle();
    const later = new Set<string>();
    for (let i = 0; i < 3; i++) later.add(await new Promise((resolve) => setTimeout(() => resolve(ask('10.62.0.26:80')), 1_400)));
    assert.ok(later.size > 1, [...later].join());
    services.remove('default/brief');
  });

  test('session affinity has a client with one endpoint by whichever address, and keeps it there when its time changes', async () => {
    const sticky = (timeoutSeconds: number): Service => {
      const one = balanced('lasting', '10.62.0.24', 8085, '10.63.0.9');
      return { ...one, spec: { ...one.spec, externalTrafficPolicy: 'Local', sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds } } } };
    };
    const some = slice('lasting', pods.map((pod) => pod.address));
    services.set(sticky(60));
    slices.set({ ...some, endpoints: some.endpoints?.map((each, index) => ({ ...each, nodeName: index === 0 ? 'n1' : 'n2' })) });
    await played.sync.idle();
    const bound = new Map<string, string>();
    for (const { name } of pods) bound.set(name, await ask('10.62.0.24:8085', name));
    assert.equal(new Set(bound.values()).size, 3, 'new clients are led in turn');
    /** Not in the order of before: who is forgotten would be led in turn to another one. */
    const stay = async (address: string, why: string): Promise<void> => {
      for (const { name } of pods.toReversed()) assert.equal(await ask(address, name), bound.get(name), why);
    };
    await stay('10.63.0.9:8085', 'by the balanced address too');
    for (const seconds of [7_200, 30, 10_800]) {
      services.set(sticky(seconds));
      await played.sync.idle();
      await stay('10.62.0.24:8085', `${seconds} s`);
      const left = await timesLeft('default/lasting/');
      assert.ok(left.length === 3 && left.every((each) => each > seconds - 300 && each <= seconds), `from the next connection on: ${left.join()} of ${seconds} s`);
    }
    services.remove('default/lasting');
    slices.remove('default/lasting-1');
    await played.sync.idle();
  });

  test('source ranges let through who lies in them, whatever else they say', async () => {
    const [inside, outside] = [pods[0], pods[1]];
    const ranged = (...ranges: string[]): Service => {
      const one = balanced('ranged', '10.62.0.27', 8083, '10.63.0.7');
      return { ...one, spec: { ...one.spec, loadBalancerSourceRanges: ranges } };
    };
    services.set(ranged(`${inside?.address}/32`));
    slices.set(slice('ranged', [String(pods[2]?.address)]));
    await played.sync.idle();
    assert.equal(await ask('10.63.0.7:8083', inside?.name), pods[2]?.name);
    assert.equal(await ask('10.63.0.7:8083', outside?.name), 'timeout');
    assert.equal(await ask('10.62.0.27:8083', outside?.name), pods[2]?.name, 'the cluster IP asks nobody where he comes from');
    services.set(ranged('0.0.0.0/0', '10.0.0.0/8', `${inside?.address}/32`));
    await played.sync.idle();
    assert.equal(await ask('10.63.0.7:8083', outside?.name), pods[2]?.name, 'ranges within ranges');
    const annotated = ranged();
    services.set({ ...annotated, metadata: { ...annotated.metadata, annotations: { 'service.beta.kubernetes.io/load-balancer-source-ranges': `192.0.2.0/24, ${inside?.address}/32` } } });
    await played.sync.idle();
    assert.equal(await ask('10.63.0.7:8083', inside?.name), pods[2]?.name);
    assert.equal(await ask('10.63.0.7:8083', outside?.name), 'timeout', 'by the annotation, too');
    slices.set(slice('ranged', []));
    await played.sync.idle();
    assert.equal(await ask('10.63.0.7:8083', inside?.name), 'ECONNREFUSED', 'without an endpoint');
    assert.equal(await ask('10.63.0.7:8083', outside?.name), 'timeout', 'nor does he learn that there is none');
    assert.equal(await ask('10.63.0.7:8083'), 'ECONNREFUSED');
    services.remove('default/ranged');
  });

  test('who comes from outside keeps to endpoints here, where the Service says so; pods reach all', async () => {
    await run('ip', ['-batch', '-'], { input: `link add out1 type veth peer name eth1 netns ${outside}\naddr add 198.51.100.1/24 dev out1\nlink set out1 up\n` });
    await run('ip', ['-n', outside, '-batch', '-'], { input: 'addr add 198.51.100.2/24 dev eth1\nlink set eth1 up\nlink set lo up\nroute add 10.63.0.0/24 via 198.51.100.1\n' });
    try {
      const elsewhere = slice('near', pods.map((pod) => pod.address));
      services.set({ ...balanced('near', '10.62.0.28', 8084, '10.63.0.8'), spec: { type: 'LoadBalancer', clusterIP: '10.62.0.28', clusterIPs: ['10.62.0.28'], externalTrafficPolicy: 'Local', ports: [{ port: 8084, protocol: 'TCP' }] } });
      slices.set({ ...elsewhere, endpoints: elsewhere.endpoints?.map((each, index) => ({ ...each, nodeName: index === 0 ? 'n1' : 'n2' })) });
      await played.sync.idle();
      for (let i = 0; i < 4; i++) assert.equal(await ask('10.63.0.8:8084', outside), pods[0]?.name, 'from outside only the one here');
      const within = new Set<string>();
      for (let i = 0; i < 6; i++) within.add(await ask('10.63.0.8:8084', pods[1]?.name));
      assert.equal(within.size, 3, 'from a pod all of them');
      slices.set({ ...elsewhere, endpoints: elsewhere.endpoints?.map((each) => ({ ...each, nodeName: 'n2' })) });
      await played.sync.idle();
      assert.equal(await ask('10.63.0.8:8084', outside), 'timeout', 'none here: nothing for who comes from outside');
    } finally {
      services.remove('default/near');
      await played.sync.idle();
      await run('ip', ['link', 'del', 'out1']);
    }
  });

  test('one that terminates serves as long as no other is ready', async () => {
    const ending = slice('ending', pods.slice(0, 2).map((pod) => pod.address));
    services.set(service('ending', { clusterIP: '10.62.0.29' }));
    const [first, second] = ending.endpoints ?? [];
    const terminating = { ready: false, serving: true, terminating: true };
    slices.set({ ...ending, endpoints: [{ ...first!, conditions: terminating }, { ...second!, conditions: { ready: false, serving: false, terminating: true } }] });
    await played.sync.idle();
    for (let i = 0; i < 3; i++) assert.equal(await ask('10.62.0.29:80'), pods[0]?.name);
    slices.set({ ...ending, endpoints: [{ ...first!, conditions: terminating }, second!] });
    await played.sync.idle();
    for (let i = 0; i < 3; i++) assert.equal(await ask('10.62.0.29:80'), pods[1]?.name);
    services.remove('default/ending');
  });

  test('weights are the kernel’s turns, and a new weight counts at once', async () => {
    const weighted = { ...service('weighted', { clusterIP: '10.62.0.31' }), metadata: { name: 'weighted', namespace: 'default', annotations: { 'llmos.dev/load-balancing': 'weighted' } } };
    const endpoints = slice('weighted', pods.slice(0, 2).map((pod) => pod.address));
    slices.set({ ...endpoints, endpoints: endpoints.endpoints?.map((each, index) => ({ ...each, targetRef: { kind: 'Pod', name: `w${index}` } })) });
    const weigh = (index: number, weight: string): void => podObjects.set({ metadata: { name: `w${index}`, namespace: 'default', annotations: { 'llmos.dev/weight': weight } }, status: { podIP: pods[index]!.address } });
    weigh(0, '3');
    services.set(weighted);
    const turns = async (): Promise<Record<string, number>> => {
      await played.sync.idle();
      const answers = [];
      for (let i = 0; i < 8; i++) answers.push(await ask('10.62.0.31:80'));
      return count(answers);
    };
    assert.deepEqual(await turns(), { [pods[0]!.name]: 6, [pods[1]!.name]: 2 });
    weigh(1, '3');
    assert.deepEqual(await turns(), { [pods[0]!.name]: 4, [pods[1]!.name]: 4 });
    weigh(0, '0');
    assert.deepEqual(await turns(), { [pods[1]!.name]: 8 });
    services.remove('default/weighted');
  });

  test('no request fails while endpoints change a hundred times a second', async () => {
    services.set(service('busy', { clusterIP: '10.62.0.32' }));
    slices.set(slice('busy', pods.map((pod) => pod.address)));
    await played.sync.idle();
    let going = true;
    const failed: string[] = [];
    let answered = 0;
    const client = async (): Promise<void> => {
      while (going) {
        const answer = await ask('10.62.0.32:80');
        if (answer.startsWith(host)) answered++;
        else failed.push(answer);
      }
    };
    const clients = [client(), client(), client(), client()];
    let changes = 0;
    for (const began = performance.now(); performance.now() - began < 1_500; changes++) {
      slices.set(slice('busy', pods.filter((_, index) => index === 0 || (changes + index) % 3 > 0).map((pod) => pod.address)));
      await new Promise((resolve) => setTimeout(resolve, 8));
    }
    slices.set(slice('busy', [String(pods[2]?.address)]));
    await played.sync.idle();
    for (let i = 0; i < 10; i++) assert.equal(await ask('10.62.0.32:80'), pods[2]?.name, 'nothing new goes to one that left');
    going = false;
    await Promise.all(clients);
    assert.deepEqual(failed, []);
    assert.ok(changes > 10 && answered > 5, `${changes} changes, ${answered} answers`);
    services.remove('default/busy');
    slices.remove('default/busy-1');
    await played.sync.idle();
  });

  test('who has said all hears the answer, though it takes longer than the kernel waits for it', async () => {
    writeFileSync('/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait', '1');
    const script = "require('node:net').createServer({ allowHalfOpen: true }, (socket) => { let text = ''; socket.on('data', (chunk) => (text += chunk)).on('end', () => setTimeout(() => socket.end('heard ' + text), 2500)); }).listen(81, () => console.log('up'))";
    const server = spawn('ip', ['netns', 'exec', pods[0]!.name, process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const client = "const socket = require('node:net').connect({ host: process.argv[1], port: 81, allowHalfOpen: true }, () => socket.end('all')); let text = ''; socket.setTimeout(10_000, () => socket.destroy()); socket.on('data', (chunk) => (text += chunk)).on('error', (error) => (text += error.code)).on('close', () => console.log(text));";
    try {
      await once(server.stdout as NodeJS.ReadableStream, 'data');
      services.set(service('lasts', { clusterIP: '10.62.0.33', ports: [{ port: 81, protocol: 'TCP' }] }));
      slices.set(slice('lasts', [pods[0]!.address], 81));
      services.set({ ...service('proxied', { clusterIP: '10.62.0.34', ports: [{ port: 81, protocol: 'TCP' }] }), metadata: { name: 'proxied', namespace: 'default', annotations: { 'llmos.dev/load-balancing': 'least-connection' } } });
      slices.set(slice('proxied', [pods[0]!.address], 81));
      await played.sync.idle();
      const asked = ['10.62.0.33', '10.62.0.34'].flatMap((address) => [run(process.execPath, ['-e', client, address]), run('ip', ['netns', 'exec', pods[1]!.name, process.execPath, '-e', client, address])]);
      assert.deepEqual(await Promise.all(asked), Array(4).fill('heard all\n'));
    } finally {
      server.kill('SIGKILL');
      for (const name of ['lasts', 'proxied']) {
        services.remove(`default/${name}`);
        slices.remove(`default/${name}-1`);
      }
      await played.sync.idle();
    }
  });

  test('a client of UDP is not led to an endpoint that is gone', { skip: existsSync('/usr/bin/perl') ? false : 'needs perl' }, async () => {
    const script = "const s = require('node:dgram').createSocket('udp4'); s.on('message', (m, from) => s.send(process.argv[1], from.port, from.address)); s.bind(53, () => console.log('up'))";
    const servers = pods.slice(0, 2).map((pod) => spawn('ip', ['netns', 'exec', pod.name, process.execPath, '-e', script, pod.name], { stdio: ['ignore', 'pipe', 'inherit'] }));
    const [client, late] = [createSocket('udp4'), createSocket('udp4')];
    try {
      await Promise.all(servers.map((server) => once(server.stdout as NodeJS.ReadableStream, 'data')));
      const udp: Pick<EndpointSlice, 'ports'> = { ports: [{ name: '', port: 53, protocol: 'UDP' }] };
      const at = (index: number): EndpointSlice => ({ ...slice('flow', [String(pods[index]?.address)]), ...udp });
      services.set(service('flow', { clusterIP: '10.62.0.25', ports: [{ port: 53, protocol: 'UDP' }] }));
      const say = async (who = client): Promise<string> => {
        who.send('who', 53, '10.62.0.25');
        return String(((await once(who, 'message', { signal: AbortSignal.timeout(3_000) })) as [Buffer])[0]);
      };
      for (const index of [0, 1, 0]) {
        slices.set(at(index));
        await played.sync.idle();
        assert.equal(await say(), pods[index]?.name);
      }
      // As a connection of TCP it stays where one terminates and still serves, though nobody is led there anew (upstream: CleanStaleEntries).
      const [one, other] = [at(0).endpoints![0]!, at(1).endpoints![0]!];
      const ending = { ready: false, serving: true, terminating: true };
      slices.set({ ...at(0), endpoints: [{ ...one, conditions: ending }, other] });
      await played.sync.idle();
      assert.equal(await say(), pods[0]?.name);
      assert.equal(await say(late), pods[1]?.name, 'who comes now');
      for (const endpoints of [[{ ...one, conditions: { ...ending, serving: false } }, other], [other]]) {
        slices.set({ ...at(0), endpoints });
        await played.sync.idle();
        assert.equal(await say(), pods[1]?.name, 'it went without a rule that changed');
      }
    } finally {
      client.close();
      late.close();
      for (const server of servers) server.kill('SIGKILL');
      services.remove('default/flow');
      slices.remove('default/flow-1');
      await played.sync.idle();
    }
  });
});

/** For how long the clients of a Service are still bound, in seconds. */
async function timesLeft(service: string): Promise<number[]> {
  const { nftables } = JSON.parse(await run('nft', ['-j', 'list', 'table', 'ip', 'llt0'])) as { nftables: { set?: { name: string; elem?: { elem: { expires: number } }[] } }[] };
  return nftables.flatMap(({ set }) => (set?.name.includes(service) ? (set.elem ?? []) : [])).map(({ elem }) => elem.expires);
}
