/**
 * Peers that are daemons, each in a folder of its own: containerd, which the node of any Kubernetes needs at least; etcd, the store of its control
 * plane; and upstream's own API machinery over etcd, serving a custom resource (`setup/peers` puts them on the machine).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openIdentity, type Identity } from '../../src/kernel/apiserver/index.ts';
import type { Target } from './load.ts';

const PEERS = resolve(import.meta.dirname, '../../.cache/peers/usr/bin');
const READY_TIMEOUT_MS = 60_000;
const API_PORT = 16_443;
const ETCD_PORT = 12_379;

export interface Daemon {
  readonly processes: readonly ChildProcess[];
  /** Where its API is, when it has one over TLS. */
  readonly target?: Target;
  /** Ends it; the folder stays. */
  end(): Promise<void>;
}

export interface DaemonKind {
  /** As it stands in the results. */
  readonly name: string;
  installed(): boolean;
  /** Starts it on a folder, empty or left by an earlier run, and settles when it is ready. */
  start(folder: string): Promise<Daemon>;
}

export const containerd: DaemonKind = {
  name: 'containerd',
  installed: () => existsSync('/usr/bin/containerd'),
  async start(folder) {
    const config = join(folder, 'config.toml');
    const socket = socketOf(folder);
    writeFileSync(config, `version = 2\nroot = "${folder}/root"\nstate = "${folder}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${socket}"\n`);
    rmSync(socket, { force: true });
    const child = spawn('containerd', ['-c', config, '-l', 'error'], { stdio: 'ignore' });
    await ready(child, 'containerd', () => accepts(socket));
    return { processes: [child], end: () => ended(child) };
  },
};

/** The socket of the containerd of a folder. */
export function socketOf(folder: string): string {
  return join(folder, 'containerd.sock');
}

export const etcd: DaemonKind = {
  name: 'etcd',
  installed: () => existsSync(join(PEERS, 'etcd')),
  async start(folder) {
    const { identity, files } = identityIn(folder);
    const url = `https://127.0.0.1:${ETCD_PORT}`;
    const child = await startEtcd(folder, url, ['--cert-file', files.cert, '--key-file', files.key], identity);
    return { processes: [child], target: targetFor(identity, ETCD_PORT), end: () => ended(child) };
  },
};

export const kubernetesApi: DaemonKind = {
  name: 'kubernetes 1.36 API machinery and etcd',
  installed: () => etcd.installed() && existsSync(join(PEERS, 'apiextensions-apiserver')),
  async start(folder) {
    const { identity, files } = identityIn(folder);
    const store = await startEtcd(folder, `http://127.0.0.1:${ETCD_PORT}`, []);
    // It would ask a core API server who may do what; a client certificate of system:masters needs no asking, and so nobody listens there.
    const nobody = join(folder, 'nobody.kubeconfig');
    writeFileSync(nobody, identity.kubeconfig('https://127.0.0.1:1'));
    const child = spawn(join(PEERS, 'apiextensions-apiserver'), [
      `--etcd-servers=http://127.0.0.1:${ETCD_PORT}`, '--bind-address=127.0.0.1', `--secure-port=${API_PORT}`, `--tls-cert-file=${files.cert}`, `--tls-private-key-file=${files.key}`,
      `--client-ca-file=${files.ca}`, '--authentication-skip-lookup', `--authentication-kubeconfig=${nobody}`, `--authorization-kubeconfig=${nobody}`, `--kubeconfig=${nobody}`,
      '--disable-admission-plugins=NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,MutatingAdmissionPolicy',
      '--enable-priority-and-fairness=false',
    ], { stdio: 'ignore' });
    const target = targetFor(identity, API_PORT);
    const daemon: Daemon = { processes: [store, child], target, end: () => Promise.all([ended(child), ended(store)]).then(() => {}) };
    // Its /readyz waits for informers of the core API server; it is ready when it serves.
    await ready(child, 'apiextensions-apiserver', async () => (await callOf(target, 'GET', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions')).status === 200)
      .catch((error: Error) => daemon.end().then(() => Promise.reject(error)));
    return daemon;
  },
};

/** Does the work with the daemon in a new folder; undefined, with a message, where it is not installed or does not run here. */
export async function withDaemon<T>(kind: DaemonKind, work: (daemon: Daemon, folder: string) => Promise<T>): Promise<T | undefined> {
  return inFolder(kind, async (folder) => {
    const daemon = await kind.start(folder);
    try {
      return await work(daemon, folder);
    } finally {
      await daemon.end();
    }
  });
}

/** Does the work with a new folder that is removed afterwards; undefined, with a message, where the peer is not installed or does not run here. */
export async function inFolder<T>(kind: DaemonKind, work: (folder: string) => Promise<T>): Promise<T | undefined> {
  if (!kind.installed()) {
    console.error(`${kind.name} is not installed and is left out`);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'llmos-peer-'));
  mkdirSync(join(folder, 'root'), { recursive: true });
  try {
    return await work(folder);
  } catch (error) {
    console.error(`${kind.name} does not run here and is left out: ${(error as Error).message.slice(0, 500)}`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface Files {
  ca: string;
  cert: string;
  key: string;
}

/** A certificate authority in the folder, made as ours is: the same keys and the same TLS on both sides of a comparison. */
function identityIn(folder: string): { identity: Identity; files: Files } {
  const identity = openIdentity({ folder: join(folder, 'pki'), clock: realClock, log: silentLog });
  const files = { ca: join(folder, 'ca.pem'), cert: join(folder, 'server.pem'), key: join(folder, 'server.key') };
  writeFileSync(files.ca, identity.caPem);
  writeFileSync(files.cert, identity.server.certificatePem);
  writeFileSync(files.key, identity.server.keyPem, { mode: 0o600 });
  return { identity, files };
}

function targetFor(identity: Identity, port: number): Target {
  const { certificatePem, keyPem } = identity.admin;
  return { host: '127.0.0.1', port, tls: { ca: identity.caPem, cert: certificatePem, key: keyPem, ALPNProtocols: ['http/1.1'] } };
}

async function startEtcd(folder: string, url: string, more: readonly string[], identity?: Identity): Promise<ChildProcess> {
  const peer = `http://127.0.0.1:${ETCD_PORT + 1}`;
  const child = spawn(join(PEERS, 'etcd'), [
    '--data-dir', join(folder, 'etcd'), '--name', 'etcd', '--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer,
    '--initial-cluster', `etcd=${peer}`, '--log-level', 'error', ...more,
  ], { stdio: 'ignore' });
  const target = identity === undefined ? { host: '127.0.0.1', port: ETCD_PORT } : targetFor(identity, ETCD_PORT);
  await ready(child, 'etcd', async () => (await callOf(target, 'GET', '/health')).text.includes('true')).catch((error: Error) => ended(child).then(() => Promise.reject(error)));
  return child;
}

function accepts(socket: string): Promise<boolean> {
  return new Promise((settle) => {
    const connection = connect(socket, () => {
      connection.destroy();
      settle(true);
    });
    connection.once('error', () => settle(false));
  });
}

/** One request on a connection of its own; status 0 when there was no answer. */
export function callOf(target: Pick<Target, 'host' | 'port'> & Partial<Target>, method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
  return new Promise((settle) => {
    const options = { host: target.host, port: target.port, method, path, agent: false as const, headers: { 'content-type': 'application/json' }, ...target.tls };
    const call = (target.tls === undefined ? httpRequest : httpsRequest)(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part)).on('end', () => settle({ status: response.statusCode ?? 0, text }));
    });
    call.once('error', (error) => settle({ status: 0, text: error.message }));
    call.end(body);
  });
}

async function ready(child: ChildProcess, what: string, isReady: () => Promise<boolean>): Promise<void> {
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  failed.catch(() => {});
  const deadlineMs = Date.now() + READY_TIMEOUT_MS;
  while (!(await Promise.race([isReady(), failed]))) {
    if (child.exitCode !== null || Date.now() > deadlineMs) throw new Error(`${what} did not become ready (exit code ${child.exitCode})`);
    await sleep(2);
  }
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((settled) => child.once('exit', settled));
  child.kill('SIGTERM');
  const impatient = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exit;
  clearTimeout(impatient);
}
