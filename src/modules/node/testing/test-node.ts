/** A node of its own for a test: folders, bridge network, image, cluster in memory. Only inside the namespaces of {@link inNamespaces}. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../../base/clock.ts';
import { createLog, silentLog } from '../../../base/log.ts';
import { run, runAny } from '../../../base/sys/run.ts';
import { createCaches } from '../../../sdk/caches.ts';
import type { MachineFacts, ModuleContext } from '../../../sdk/module.ts';
import { whenToldToEnd } from '../../../sdk/testing/told-to-end.ts';
import { runNode } from '../module.ts';
import { EXITS_FOLDER } from '../paths.ts';
import { importTestImage } from './test-image.ts';
import { memoryCluster, type MemoryCluster } from './memory-cluster.ts';

export interface TestNode {
  cluster: MemoryCluster;
  folder: string;
  events: { about: string; type: string; reason: string; message: string }[];
  context: ModuleContext;
  /** Starts (again) as llmos would. */
  start(): void;
  /** Stops llmos; `down` takes the containers along. */
  stop(reason?: 'down'): Promise<void>;
  remove(): Promise<void>;
}

const cgroupVersion = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'v2' : 'v1';
export const TEST_IMAGE = 'localhost/test:latest';

/** Runs this test file again inside mount and network namespaces of its own. Gives true inside. */
export async function inNamespaces(file: string): Promise<boolean> {
  if (process.env['LLMOS_TEST_INSIDE'] === '1') return true;
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const script = 'umount /sys/fs/cgroup/unified 2>/dev/null; mount -t tmpfs tmpfs /run; ip link set lo up; exec "$@"';
  let inside: number | undefined;
  const running = runAny('unshare', ['--mount', '--net', 'sh', '-c', script, 'sh', process.execPath, '--disable-warning=ExperimentalWarning', file], { env: { ...env, LLMOS_TEST_INSIDE: '1' }, timeoutMs: 120_000, started: (pid) => void (inside = pid) });
  const forget = whenToldToEnd(() => {
    if (inside !== undefined) process.kill(inside, 'SIGTERM');
    return running;
  });
  const result = await running;
  forget();
  // What fails in a hook of the file itself is told of, and does not change the code.
  if (result.code !== 0 || /^✖ failing tests/m.test(result.stdout)) throw new Error(`inside the namespaces:\n${result.stdout.slice(-8_000)}\n${result.stderr.slice(-4_000)}`);
  if (process.env['LLMOS_TEST_SHOW'] === '1') console.log(result.stdout, result.stderr);
  return false;
}

export async function testNode(options: { readySandboxes?: number; quiet?: boolean; config?: Record<string, unknown> } = {}): Promise<TestNode> {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-node-'));
  const run_ = join('/run', folder.slice(folder.lastIndexOf('-') + 1));
  const instance = folder.slice(-6).toLowerCase();
  const confFolder = join(run_, 'cni');
  const images = { root: join(folder, 'images'), runRoot: join(run_, 'images') };
  for (const each of [confFolder, join(folder, 'node'), join(run_, 'node')]) mkdirSync(each, { recursive: true });
  const bridge = `t${instance}`;
  writeFileSync(join(confFolder, '10-test.conflist'), JSON.stringify({
    cniVersion: '1.0.0', name: instance,
    plugins: [{ type: 'bridge', bridge, isGateway: true, ipMasq: false, ipam: { type: 'host-local', dataDir: join(run_, 'ipam'), ranges: [[{ subnet: '10.199.0.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] } }],
  }));
  await importTestImage({ scratch: folder, images, name: TEST_IMAGE });
  const machine: MachineFacts = {
    stateFolder: join(folder, 'node'), runFolder: join(run_, 'node'), instance, nodeName: 'n1', cpuMillis: 2_000, memoryBytes: totalmem(), cgroupVersion, programs: { crun: '/usr/bin/crun', conmon: '/usr/bin/conmon' },
    network: { podCidr: '10.199.0.0/24', serviceCidr: '10.96.0.0/16', gatewayIp: '10.199.0.1', dnsServiceIp: '10.96.0.10', apiServiceIp: '10.96.0.1', loadBalancerCidr: '10.97.0.0/24', clusterDomain: 'cluster.local' },
    cni: { confFolder, binFolders: ['/usr/lib/cni', '/opt/cni/bin'] }, images, apiServer: { url: 'https://127.0.0.1:6443', port: 6443, caPem: '' },
  };
  const cluster = memoryCluster();
  const events: TestNode['events'] = [];
  let running: { abort: AbortController; done: Promise<void>; caches: ReturnType<typeof createCaches> } | undefined;
  const node: TestNode = {
    cluster, folder, events, context: undefined as never,
    start() {
      const abort = new AbortController();
      const log = options.quiet === false ? createLog({ level: 'debug' }) : silentLog;
      const caches = createCaches({ client: cluster.client, log, signal: abort.signal });
      node.context = {
        client: cluster.client, caches, clock: realClock, log, signal: abort.signal, config: { readySandboxes: options.readySandboxes ?? 3, ...options.config }, machine,
        events: { event: (about, type, reason, message) => void events.push({ about: about.metadata.name ?? '', type, reason, message }) },
        kinds: { list: () => [], find: () => undefined, subscribe: () => () => {} }, serve: () => () => {}, admit: () => () => {},
    route: () => () => {}, report: () => {},
      };
      running = { abort, caches, done: runNode(node.context) };
    },
    async stop(reason) {
      running?.abort.abort(reason);
      await running?.done;
      await running?.caches.settled();
      running = undefined;
    },
    async remove() {
      if (running === undefined) node.start();
      await node.stop('down');
      await runAny('umount', ['-l', join(images.root, 'overlay'), join(machine.runFolder, EXITS_FOLDER)]);
      await run('ip', ['link', 'delete', bridge]).catch(() => '');
      for (const each of [folder, run_]) rmSync(each, { recursive: true, force: true });
      const { removeCgroup } = await import('../cgroup/layout.ts');
      removeCgroup({ version: cgroupVersion, path: `/${instance}` });
      forget();
    },
  };
  const forget = whenToldToEnd(node.remove);
  return node;
}
