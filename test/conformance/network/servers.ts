/** Pods that answer with their names over HTTP (80, 8080) and UDP (80, 8081), and ask others: Node of the machine, with its libraries, in a container. */
import { dirname } from 'node:path';
import { create, kubectl, podOf, until, type Body } from '../cluster.ts';

const SERVER = `const os = require('node:os'), dgram = require('node:dgram');
for (const port of [80, 8080]) require('node:http').createServer((q, r) => r.setHeader('connection', 'close').end(os.hostname())).listen(port);
for (const port of [80, 8081]) { const s = dgram.createSocket('udp4'); s.on('message', (m, from) => s.send(os.hostname(), from.port, from.address)); s.bind(port); }`;

/** Asks one after the other; prints the answers as JSON, '' for none. */
export const CLIENT = `const [, protocol, host, port, times] = process.argv;
const http = () => new Promise((done) => { const q = require('node:http').get({ host, port, agent: false, timeout: 1500 }, (r) => { let t = ''; r.on('data', (d) => t += d); r.on('end', () => done(t)); }); q.on('timeout', () => q.destroy()); q.on('error', () => done('')); });
const udp = () => new Promise((done) => { const s = require('node:dgram').createSocket('udp4'); const end = (t) => { clearTimeout(timer); s.close(); done(t); }; const timer = setTimeout(() => end(''), 1500); s.on('message', (m) => end(String(m))); s.on('error', () => end('')); s.send('who', Number(port), host, (e) => e && end('')); });
(async () => { const all = []; for (let i = 0; i < Number(times); i++) all.push(await (protocol === 'udp' ? udp() : http())); console.log(JSON.stringify(all)); })();`;

const LIBRARIES = ['usr', 'lib', 'lib64'];
const inContainer = '/node/node';

export function serverOf(name: string, more: { labels?: object; spec?: object; container?: object; metadata?: object } = {}): Body {
  const volumes = [...LIBRARIES.map((each) => ({ name: each, hostPath: { path: `/${each}` } })), { name: 'node', hostPath: { path: dirname(process.execPath) } }];
  const volumeMounts = [...LIBRARIES.map((each) => ({ name: each, mountPath: `/${each}`, readOnly: true })), { name: 'node', mountPath: '/node', readOnly: true }];
  const container = { command: [inContainer, '-e', SERVER], volumeMounts, readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 }, ...more.container };
  return podOf(name, { ...more, container, spec: { volumes, ...more.spec } });
}

/** Makes servers in a namespace and waits until all are ready; gives them. */
export async function serve(namespace: string, ...pods: Body[]): Promise<Body[]> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  for (const pod of pods) await create(path, pod);
  return Promise.all(pods.map((pod) => until(`${path}/${pod.metadata.name}`, ({ status }) => status?.conditions?.some((each: Body) => each.type === 'Ready' && each.status === 'True') === true)));
}

export interface Question {
  host: string;
  port: number;
  protocol?: 'http' | 'udp';
  /** Default 1. */
  times?: number;
}

/** The names of the pods that answered, asked from within a pod. */
export async function askFrom(namespace: string, pod: string, { host, port, protocol = 'http', times = 1 }: Question): Promise<string[]> {
  return JSON.parse(await kubectl('exec', '-n', namespace, pod, '--', inContainer, '-e', CLIENT, protocol, host, String(port), String(times))) as string[];
}

/** As {@link askFrom}, asked from the machine. */
export async function askFromNode({ host, port, protocol = 'http', times = 1 }: Question): Promise<string[]> {
  const { execFile } = await import('node:child_process');
  return new Promise((settle, fail) => {
    execFile(process.execPath, ['-e', CLIENT, protocol, host, String(port), String(times)], (error, stdout) => (error === null ? settle(JSON.parse(stdout) as string[]) : fail(error)));
  });
}

/** What Node's resolver in a pod says, by the system's own way (`lookup`) or by question to the name server; `-` and the code for an error. */
export async function resolveFrom(namespace: string, pod: string, how: 'lookup' | 'resolve4' | 'resolveSrv' | 'resolveCname' | 'reverse', name: string): Promise<string> {
  const code = `const dns = require('node:dns').promises; (${how === 'lookup' ? 'dns.lookup(process.argv[1], { all: true, family: 4 })' : `dns.${how}(process.argv[1])`}).then((r) => console.log(r.map((e) => e.address ?? (e.name === undefined ? e : e.name + ':' + e.port)).sort().join(' ')), (e) => console.log('-' + e.code))`;
  return (await kubectl('exec', '-n', namespace, pod, '--', inContainer, '-e', code, name)).trim();
}
