/** For the test of the network in namespaces: Services, pods that answer, who asks them, and what the machine has. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { run } from '../../../base/sys/run.ts';
import type { Service, ServiceSpec } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import { createAsker } from '../../../sdk/testing/asker.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import type { NetworkFacts } from '../links.ts';

export function service(name: string, spec: ServiceSpec): Service {
  return { metadata: { name, namespace: 'default' }, spec: { clusterIPs: [spec.clusterIP ?? ''], ports: [{ port: 80, protocol: 'TCP' }], ...spec } };
}

export function balanced(name: string, clusterIP: string, port: number, ip: string): Service {
  return { ...service(name, { type: 'LoadBalancer', clusterIP, ports: [{ port, protocol: 'TCP' }] }), status: { loadBalancer: { ingress: [{ ip }] } } };
}

export function slice(name: string, addresses: readonly string[], port = 80): EndpointSlice {
  return {
    metadata: { name: `${name}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } }, addressType: 'IPv4' as EndpointSlice['addressType'],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true }, nodeName: 'n1' })), ports: [{ name: '', port, protocol: 'TCP' }],
  };
}

/** Joins a namespace to the pod network as the node agent does; gives its address. */
export async function plugIn(facts: NetworkFacts, pod: string, command: 'ADD' | 'DEL'): Promise<string> {
  const list = JSON.parse(await readFile(join(facts.cni.confFolder, `10-${facts.instance}.conflist`), 'utf8')) as { name: string; cniVersion: string; plugins: object[] };
  const env = { ...process.env, CNI_COMMAND: command, CNI_CONTAINERID: pod, CNI_NETNS: `/var/run/netns/${pod}`, CNI_IFNAME: 'eth0', CNI_PATH: facts.cni.binFolders.join(':') };
  const answer = await run(join(facts.cni.binFolders[0] ?? '', 'bridge'), [], { env, input: JSON.stringify({ name: list.name, cniVersion: list.cniVersion, ...list.plugins[0] }) });
  return command === 'ADD' ? ((JSON.parse(answer) as { ips: { address: string }[] }).ips[0]?.address.split('/')[0] ?? '') : '';
}

/** Answers every request with what the expression gives, by default the pod's name. */
export function serve(pod: string, answer = JSON.stringify(pod), port = 80): ChildProcess {
  const script = `require('node:http').createServer((q, r) => r.setHeader('connection', 'close').end(${answer})).listen(${port}, () => console.log('up')); process.stdin.resume().on('end', () => process.exit())`;
  return spawn('ip', ['netns', 'exec', pod, process.execPath, '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
}

/** The body that the address answers with, or the code of the error; asked from a pod, or from the machine itself. */
export async function ask(address: string, from?: string): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  return from === undefined ? request(host, Number(port), connect) : asker.ask(from, host, Number(port));
}

export const asker = createAsker(request);

function request(host: string, port: number, open: typeof connect): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = open({ host, port, timeout: 2_000 }, () => void socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.on('timeout', () => { socket.destroy(); resolve('timeout'); });
    socket.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? 'error'));
    socket.on('close', () => resolve(text.split('\r\n\r\n').slice(1).join('').replaceAll(/^[0-9a-f]+\r\n|\r\n.*$/gs, '')));
  });
}

export function count(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const each of answers) counts[each] = (counts[each] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort());
}

/** All that the network of the machine consists of, as text, when its addresses are no longer tentative. */
export async function machine(): Promise<string> {
  await eventually(async () => !(await run('ip', ['addr', 'show'])).includes(' tentative'), { what: 'addresses that are known to be nobody else\'s' });
  const texts = [await run('nft', ['list', 'ruleset'])];
  for (const what of ['link', 'route', 'addr']) texts.push(await run('ip', [what, 'show']));
  texts.push(await run('ip', ['route', 'show', 'table', 'all']), await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8'));
  return texts.join('\n').replaceAll(/ (state|qlen|group|mode|default|expires) \S+/g, '');
}

