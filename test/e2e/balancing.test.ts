/** Least connection with its annotations, seen with real pods: health checks, slow start, weights. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isRunning } from '../../src/base/sys/is-running.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { serverOf } from '../conformance/network/servers.ts';

/** Port 80 says who it is and holds the connection; port 8080 is a web server with a file that says that it is well. */
const HOLD = `require('node:net').createServer((s) => s.on('error', () => {}).write(require('node:os').hostname() + '\\n')).listen(80)`;
const COMMAND = ['sh', '-c', `hostname > /www/index.html; echo ok > /www/healthz; httpd -p 8080 -h /www; exec /node/node -e "${HOLD}"`];

const ECHO = "require('node:net').createServer((s) => s.on('error', () => {}).pipe(s)).listen(80)";

/** A bit of srv_admin_state. */
const FORCED_MAINTENANCE = 1;

describe('least connection', { timeout: 120_000 * PATIENCE }, () => {
  let llmos: Instance;
  const held: Socket[] = [];
  const addresses = new Map<string, string>();

  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
    await apply(service('weighted', {}), service('checked', { 'llmos.dev/health-check': '/healthz', 'llmos.dev/health-check-interval': '200ms' }, 8080), service('slow', { 'llmos.dev/slow-start': '1h' }), service('fast', {}), pod('a', { 'llmos.dev/weight': '3' }), pod('b', {}));
    await ready();
    for (const name of ['weighted', 'checked', 'slow', 'fast']) {
      const { stdout } = await llmos.kubectl('get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}');
      addresses.set(name, stdout);
      await endpoints(name, 2);
    }
  });

  after(async () => {
    for (const each of held) each.destroy();
    await llmos?.destroy();
  });

  function pod(name: string, annotations: object): object {
    return serverOf(name, { labels: { app: 'web' }, metadata: { annotations }, container: { command: COMMAND } });
  }

  function service(name: string, annotations: object, targetPort = 80): object {
    return { apiVersion: 'v1', kind: 'Service', metadata: { name, annotations: { 'llmos.dev/load-balancing': 'least-connection', ...annotations } }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort }] } };
  }

  async function apply(...objects: object[]): Promise<void> {
    await applyTo(llmos, ...objects);
  }

  async function ready(): Promise<void> {
    await ok(llmos.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s'));
  }

  async function endpoints(name: string, count: number): Promise<void> {
    await eventually(async () => (await llmos.kubectl('get', 'endpoints', name, '-o', 'jsonpath={.subsets[*].addresses[*].ip}')).stdout.split(' ').length === count, { what: `${count} endpoints of ${name}` });
    await weights(name, (found) => found.length === count);
  }

  /** Settles when the weights of the proxy's servers that are in use, in order, are such. */
  async function weights(name: string, holds: (found: number[]) => boolean): Promise<void> {
    await eventually(async () => {
      const lines = (await runtime(`show servers state default:${name}:80`)).split('\n').map((line) => line.split(' ')).filter((words) => words[1] === `default:${name}:80` && (Number(words[6]) & FORCED_MAINTENANCE) === 0);
      return holds(lines.map((words) => Number(words[7])).sort((one, other) => one - other));
    }, { what: `the servers of ${name}` });
  }

  function runtime(command: string): Promise<string> {
    return new Promise((settle) => {
      let text = '';
      const socket = connect(join(llmos.run, 'network/haproxy/haproxy.sock'), () => void socket.write(`${command}\n`));
      socket.on('data', (chunk: Buffer) => (text += chunk.toString())).on('error', () => {}).on('close', () => settle(text));
    });
  }

  /** Opens so many connections that stay, one after the other; how many each pod got. */
  async function hold(name: string, count: number): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (let at = 0; at < count; at++) {
      const socket = connect(80, addresses.get(name)!);
      held.push(socket);
      const who = await new Promise<string>((settle, fail) => socket.on('error', fail).on('close', () => fail(new Error('closed'))).once('data', (chunk: Buffer) => settle(chunk.toString().trim())));
      socket.removeAllListeners('close').on('error', () => {});
      counts[who] = (counts[who] ?? 0) + 1;
    }
    return counts;
  }

  async function asked(name: string, times: number): Promise<string> {
    const answers = new Set<string>();
    for (let at = 0; at < times; at++) answers.add(await fetch(`http://${addresses.get(name)}/`, { headers: { connection: 'close' } }).then((answer) => answer.text(), (error: Error) => error.message));
    return [...answers].map((each) => each.trim()).sort().join(' ');
  }

  it('gives each its weight, and takes in a new weight at once', async () => {
    const first = await hold('weighted', 16);
    assert.ok(Math.abs(first['a']! - 12) <= 1, JSON.stringify(first));
    await llmos.kubectl('annotate', 'pod', 'b', 'llmos.dev/weight=3');
    await weights('weighted', ([least]) => least === 3);
    const second = await hold('weighted', 16);
    assert.ok(Math.abs(first['b']! + second['b']! - 16) <= 2, JSON.stringify([first, second]));
    await llmos.kubectl('annotate', 'pod', 'b', 'llmos.dev/weight=0', '--overwrite');
    await weights('weighted', ([least]) => least === 0);
    assert.deepEqual(await hold('weighted', 6), { a: 6 });
    await llmos.kubectl('annotate', 'pod', 'a', 'b', 'llmos.dev/weight-');
    await weights('fast', (found) => found.every((each) => each === 1));
    await weights('slow', (found) => found.every((each) => each === 1));
  });

  it('spares who does not answer the check though the pod is ready, until it does', async () => {
    assert.equal(await eventually(async () => { const all = await asked('checked', 6); return all.includes(' ') && all; }), 'a b');
    await llmos.kubectl('exec', 'b', '--', 'rm', '/www/healthz');
    await eventually(async () => (await asked('checked', 6)) === 'a', { what: 'b is spared' });
    assert.equal((await llmos.kubectl('get', 'pod', 'b', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')).stdout, 'True');
    await llmos.kubectl('exec', 'b', '--', 'touch', '/www/healthz');
    await eventually(async () => (await asked('checked', 6)) === 'a b', { what: 'b is back' });
  });

  it('lets a new endpoint come slowly, where that is wished', async () => {
    await hold('slow', 16);
    await hold('fast', 16);
    await apply(pod('c', {}));
    await ready();
    for (const name of ['slow', 'fast']) await endpoints(name, 3);
    const fast = await hold('fast', 12);
    const slow = await hold('slow', 12);
    assert.ok((fast['c'] ?? 0) >= 7, JSON.stringify(fast));
    assert.ok((slow['c'] ?? 0) <= 2, JSON.stringify(slow));
  });

  it('follows a policy, the older of two, and tells its signals', async () => {
    const policy = (name: string, algorithm: string): object => ({ apiVersion: 'network.llmos.dev/v1alpha1', kind: 'LoadBalancingPolicy', metadata: { name }, spec: { targetRefs: [{ kind: 'Service', name: 'plain' }], algorithm, drain: '5s' } });
    const plain = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'plain' }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080, appProtocol: 'http' }] } };
    await apply(plain, policy('b-first', 'RandomTwoChoices'));
    const accepted = (name: string): Promise<string> => llmos.kubectl('get', 'loadbalancingpolicy', name, '-o', 'jsonpath={.status.conditions[0].status} {.status.conditions[0].reason}').then(({ stdout }) => stdout);
    await eventually(async () => (await accepted('b-first')) === 'True Accepted', { what: 'it is accepted' });
    await new Promise((settle) => setTimeout(settle, 1_100)); // ages are told in seconds
    await apply(policy('a-second', 'LeastConnection'));
    await eventually(async () => (await accepted('a-second')) === 'False Conflicted', { what: 'the second one loses' });
    addresses.set('plain', (await llmos.kubectl('get', 'service', 'plain', '-o', 'jsonpath={.spec.clusterIP}')).stdout);
    await eventually(async () => (await asked('plain', 12)) === 'a b c', { what: 'answers by way of the proxy' });
    assert.ok((await runtime('show stat')).includes('default:plain:80,BACKEND'));
    await eventually(async () => /llmos_service_request_duration_seconds_count\{namespace="default",service="plain",port="80"\} [1-9]/.test((await llmos.kubectl('get', '--raw', '/metrics')).stdout), { what: 'its signals' });
    await llmos.kubectl('delete', 'loadbalancingpolicy', 'a-second', 'b-first');
    await eventually(async () => !(await runtime('show stat')).includes('default:plain:80'), { what: 'the kernel has it again' });
    const { code, stderr } = await llmos.kubectlWith(JSON.stringify(policy('wrong', 'Magic')), 'apply', '-f', '-');
    assert.notEqual(code, 0);
    assert.match(stderr, /spec\.algorithm: Unsupported value: "Magic"/);
  });

  it('answers who came while neither llmos nor its HAProxy was there, when they are back', async () => {
    await hold('fast', 1);
    await llmos.kill('SIGKILL');
    const pid = Number(readFileSync(join(llmos.run, 'network/haproxy/haproxy.pid'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    await eventually(async () => !isRunning(pid), { what: 'its end', everyMs: 1 });
    const waiting = Promise.all(Array.from({ length: 5 }, () => hold('fast', 1)));
    waiting.catch(() => {}); // heard below
    await llmos.boot();
    assert.equal((await waiting).length, 5);
  });

  it('a change of the algorithm loses no connection, neither of those that are open nor of those that come', async () => {
    await apply({ apiVersion: 'v1', kind: 'Pod', ...serverOf('echo', { labels: { app: 'echo' }, container: { command: ['/node/node', '-e', ECHO] } }) }, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo' }, spec: { selector: { app: 'echo' }, ports: [{ port: 80 }] } });
    await ready();
    const host = (await llmos.kubectl('get', 'service', 'echo', '-o', 'jsonpath={.spec.clusterIP}')).stdout;
    const open = (): Promise<Socket> => new Promise((settle, fail) => {
      const socket = connect(80, host, () => settle(socket)).on('error', fail);
      held.push(socket);
    });
    const echoes = (socket: Socket): Promise<boolean> => new Promise((settle) => {
      socket.removeAllListeners('close').once('close', () => settle(false)).once('data', () => settle(true));
      if (socket.closed) settle(false);
      else socket.write('x');
    });
    await eventually(async () => echoes(await open()).catch(() => false), { what: 'it answers' });
    const isCarried = async (): Promise<string> => /^listen default:echo:80\n(?: +bind .*\n)+ +balance (.*)$/m.exec(readFileSync(join(llmos.run, 'network/haproxy/haproxy.cfg'), 'utf8'))?.[1] ?? 'kernel';
    let isOver = false;
    let coming = 0;
    const failures: string[] = [];
    const comers = Array.from({ length: 3 }, async () => {
      while (!isOver) {
        const socket = await open().catch((error: Error) => void failures.push(error.message));
        if (socket !== undefined && !(await echoes(socket))) failures.push('closed');
        socket?.destroy();
        coming += 1;
      }
    });
    const kept: Socket[] = [];
    for (const [algorithm, balance] of [['random', 'kernel'], ['least-connection', 'leastconn'], ['consistent-hash', 'source'], ['weighted', 'kernel'], ['random-two-choices', 'random(2)'], ['round-robin', 'kernel']] as const) {
      await llmos.kubectl('annotate', 'service', 'echo', `llmos.dev/load-balancing=${algorithm}`, '--overwrite');
      await eventually(async () => (await isCarried()) === balance, { what: `${algorithm} by ${balance}` });
      const before = coming;
      kept.push(await open(), await open());
      for (const each of kept) assert.ok(await echoes(each), `${algorithm}: one that was open`);
      await eventually(async () => coming > before + 20, { what: 'more of those that come' });
    }
    isOver = true;
    await Promise.all(comers);
    assert.deepEqual(failures, []);
    for (const each of kept) assert.ok(await echoes(each));
  });

  it('says what is wrong with an annotation', async () => {
    await apply(service('wrong', { 'llmos.dev/health-check': '/x y\n  server evil 192.0.2.1:80', 'llmos.dev/slow-start': 'soon' }));
    await eventually(async () => /neither 'tcp' nor a path.*is no time from 100ms to 1h/s.test((await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=wrong', '-o', 'jsonpath={.items[*].message}')).stdout), { what: 'an event' });
    await apply(pod('heavy', { 'llmos.dev/weight': '300' }));
    await eventually(async () => (await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=weighted', '-o', 'jsonpath={.items[*].message}')).stdout.includes("annotation llmos.dev/weight of heavy: '300' is no number from 0 to 256; 1 is used"), { what: 'an event of the weight' });
  });

  it('says of a policy that no proxy can carry what has no port of TCP', async () => {
    const datagrams = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'datagrams' }, spec: { selector: { app: 'web' }, ports: [{ port: 80, protocol: 'UDP' }] } };
    const policy = (spec: object): object => ({ apiVersion: 'network.llmos.dev/v1alpha1', kind: 'LoadBalancingPolicy', metadata: { name: 'datagrams' }, spec: { targetRefs: [{ kind: 'Service', name: 'datagrams' }], ...spec } });
    const programmed = async (): Promise<string> => (await llmos.kubectl('get', 'lbp', 'datagrams', '-o', 'jsonpath={.status.conditions[?(@.type=="Programmed")].status} {.status.conditions[?(@.type=="Programmed")].reason}')).stdout;
    await apply(datagrams, policy({ algorithm: 'LeastConnection' }));
    await eventually(async () => (await programmed()) === 'False SharedByKernel', { what: 'it is told' });
    await apply(policy({ algorithm: 'Random' }));
    await eventually(async () => (await programmed()) === 'True Programmed', { what: 'the kernel does that' });
    const { code, stderr } = await llmos.kubectlWith(JSON.stringify(policy({ algorithm: 'ConsistentHash', consistentHash: { by: 'Path', name: 'x' } })), 'apply', '-f', '-');
    assert.notEqual(code, 0);
    assert.match(stderr, /spec\.consistentHash\.name: Invalid value: "x": only of a Header or a Cookie/);
  });

  it('takes the policy of the documents as kubectl reads it', async () => {
    const [, policy = ''] = /```yaml\n(apiVersion: network\.llmos\.dev[\s\S]*?)```/.exec(readFileSync(join(import.meta.dirname, '../../docs/reference/load-balancing.md'), 'utf8')) ?? [];
    const { code, stdout, stderr } = await llmos.kubectlWith(policy, 'apply', '--dry-run=server', '-o', 'json', '-f', '-');
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual((JSON.parse(stdout) as { spec: { consistentHash: object } }).spec.consistentHash, { by: 'Cookie', name: 'session' });
  });
});
