/**
 * The machine: the five phases that turn it into a cloud, and the way back. `runMachine` settles when llmos has stopped.
 *
 * SIGTERM and SIGINT stop llmos and leave the containers running, to be adopted by the next start; the way down (`llmos down`) stops
 * the containers and takes back everything that was made on the machine.
 */
import { ComponentStatus } from '../api/core/component-status.ts';
import { componentStatuses } from './component-statuses.ts';
import { existsSync, mkdirSync, readFileSync, writeFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { realClock } from '../base/clock.ts';
import { createLog, type Log } from '../base/log.ts';
import { createApiServer, openIdentity, type ApiServer, type Listener } from '../kernel/apiserver/index.ts';
import { createLoader, type Loader } from '../kernel/loader/index.ts';
import { openStore, type Store } from '../kernel/store/index.ts';
import type { OpenAudit } from './audit.ts';
import type { OpenAuthentication } from './authentication.ts';
import { builtins, offByDefault } from './builtins.ts';
import { loadConfig, type Config, type Folders } from './config.ts';
import { controlRoutes, type Controls, type StatusView } from './control-routes.ts';
import { createDoorHost } from './door-host.ts';
import type { FurtherNodes } from './further-nodes.ts';
import { flagsOf } from './flags.ts';
import { machineFactsOf, networkFactsOf, serverUrlOf } from './facts.ts';
import { isolateModule } from './isolated-module.ts';
import { rotateLog } from './log-rotation.ts';
import { dropOwnNamespace } from './own-namespace.ts';
import { createPhases, type Phases } from './phases.ts';
import { removePidFile, runningPid, writePidFile } from './pid-file.ts';
import { missingPrograms, probeMachine, type Probe } from './probe.ts';
import { nodeConfig } from './registries.ts';
import { READY_LINE } from './ready-line.ts';
import { settleMemory } from './settle-memory.ts';
import type { HttpClient } from '../sdk/client/http.ts';
import { queueMetricsText } from '../sdk/queue-metrics.ts';
import { addStartHooks } from './start-hooks.ts';
import { snapshotControls } from './snapshot-view.ts';
import { tellUnheard } from './unheard.ts';
import { VERSION } from './version.ts';

/** 'stop' leaves containers running, 'down' takes everything down. */
type StopReason = 'stop' | 'down';

interface Machine {
  config: Config;
  log: Log;
  probe: Probe;
  store: Store;
  door: ApiServer;
  audit?: OpenAudit;
  authentication?: OpenAuthentication;
  loader: Loader;
  phases: Phases;
  /** The loopback address first, then the one that pods reach. */
  listeners: Listener[];
  furtherNodes?: FurtherNodes;
  ready: boolean;
}

/** What is there already of a machine whose boot may fail at any point. */
type Booting = Partial<Machine> & Pick<Machine, 'phases' | 'ready' | 'listeners'>;

export async function runMachine(folders: Folders): Promise<void> {
  const stopping = Promise.withResolvers<StopReason>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.resolve('stop'));
  const machine: Booting = { ready: false, listeners: [], phases: createPhases((line) => process.stdout.write(`${line}\n`)) };
  try {
    await boot(machine as Machine, folders, (reason) => stopping.resolve(reason));
  } catch (error) {
    process.stderr.write(`llmos: ${(error as Error).message}\n`);
    await shutDown(machine, 'stop', 1, () => dropOwnNamespace(folders));
  }
  await shutDown(machine, await stopping.promise, 0);
}

async function boot(machine: Machine, folders: Folders, stop: (reason: StopReason) => void): Promise<void> {
  const { phases } = machine;
  await phases.run('load', () => load(machine, folders));
  await phases.run('probe', () => probe(machine));
  await phases.run('core', () => core(machine, stop));
  await phases.run('modules', () => modules(machine));
  await phases.run('init', () => init(machine));
  settleMemory();
  process.stdout.write(`${READY_LINE} after ${Math.round(performance.now())} ms: ${serverUrlOf(machine.config)}\n`);
}

async function load(machine: Machine, folders: Folders): Promise<string> {
  machine.config = await loadConfig(folders);
  machine.log = createLog({ level: machine.config.logLevel });
  tellUnheard(machine.log);
  rotateLog(machine.log);
  makeFolders(folders);
  const { keepSeconds, encryptionConfig } = machine.config.store;
  const seal = encryptionConfig === undefined ? {} : { seal: await (await import('./encryption.ts')).openSeal(encryptionConfig) };
  machine.store = openStore({ folder: join(folders.state, 'store'), keepMs: keepSeconds * 1_000, clock: realClock, log: machine.log.child('store'), ...seal });
  const { objects, revision } = machine.store.stats();
  return `${folders.state}: ${objects} objects at revision ${revision}`;
}

function makeFolders(folders: Folders): void {
  for (const folder of [folders.state, folders.run]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const other = runningPid(folders.run);
  if (other !== undefined && other !== process.pid) {
    throw new Error(`an llmos with these folders runs already (pid ${other}); stop it with 'llmos down', or give this one folders of its own with --state and --run`);
  }
  writePidFile(folders.run);
}

function probe(machine: Machine): string {
  machine.probe = probeMachine();
  for (const text of missingPrograms(machine.probe)) machine.log.warn(text);
  const { cpuMillis, memoryBytes, cgroupVersion, kernelVersion, programs } = machine.probe;
  return `${cpuMillis / 1_000} cpus, ${(memoryBytes / 2 ** 30).toFixed(1)} GiB, cgroup ${cgroupVersion}, Linux ${kernelVersion}, ${Object.keys(programs).length} host programs`;
}

async function core(machine: Machine, stop: (reason: StopReason) => void): Promise<string> {
  const { config, log, store } = machine;
  const network = networkFactsOf(config);
  const identity = openIdentity({
    folder: join(config.folders.state, 'pki'),
    clock: realClock,
    log: log.child('identity'),
    names: [config.nodeName, config.apiServer.host, network.apiServiceIp, network.gatewayIp].filter((name) => name !== '0.0.0.0'),
    clusterDomain: network.clusterDomain,
  });
  writeKubeconfig(config, identity.kubeconfig(serverUrlOf(config)));
  if (config.audit !== undefined) machine.audit = await (await import('./audit.ts')).openAudit(config.audit, { clock: realClock, log: log.child('audit') });
  if (config.apiServer.authenticationConfig !== undefined) machine.authentication = await (await import('./authentication.ts')).openAuthentication(config.apiServer.authenticationConfig, { ownIssuer: identity.tokens.issuer, clock: realClock, log: log.child('authentication') });
  machine.door = createApiServer({ store, identity, clock: realClock, log: log.child('door'), version: { llmos: VERSION }, limits: config.apiServer, descriptions: config.apiServer.descriptions, flags: flagsOf(config, identity.tokens.issuer), ...(machine.audit === undefined ? {} : { audit: machine.audit.audit }), ...(machine.authentication === undefined ? {} : { outside: machine.authentication.outside }) });
  machine.door.addMetrics(queueMetricsText);
  machine.loader = createLoader({
    clock: realClock,
    log: log.child('loader'),
    host: createDoorHost({
      door: machine.door,
      clock: realClock,
      log,
      authority: identity,
      frontProxy: () => identity.frontProxy(),
      remote: onceMade(() => remoteClient(config)),
      factsOf: (module) => machineFactsOf(module, config, machine.probe, identity.caPem),
      configOf: (module) => (module === 'node' ? nodeConfig(config) : (config.modules[module] ?? {})),
    }),
  });
  for (const route of controlRoutes(controlsOf(machine, stop))) machine.door.route(route);
  // Both say the same: upstream's name for it, and ours.
  for (const name of ['informer-sync', 'modules']) machine.door.addCheck(name, () => {
    if (!machine.ready) throw new Error('modules are still starting');
  }, { readyOnly: true });
  addStartHooks(machine.door, { modules: new Set(chosenModules(config).map(({ name }) => name)), list: () => machine.loader.list(), isStarted: () => machine.ready });
  machine.door.serve(ComponentStatus, componentStatuses({ store, modules: () => machine.loader.list() }));
  machine.listeners = await machine.door.listen([config.apiServer]);
  return `door on ${serverUrlOf(config)}`;
}

/** What is there stays as it is: llmos starts on a full disk too. */
function writeKubeconfig({ folders }: Config, text: string): void {
  const file = join(folders.state, 'pki', 'admin.kubeconfig');
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

async function modules(machine: Machine): Promise<string> {
  await machine.loader.load(chosenModules(machine.config));
  return machine.loader.list().map(({ name, startMs }) => `${name} ${(startMs ?? 0).toFixed(0)}`).join(', ');
}

function chosenModules({ modules: settings }: Config): typeof builtins {
  return builtins.filter(({ name }) => (settings[name]?.['enabled'] ?? !offByDefault.has(name)) === true);
}

/** The pod network is up now, so that pods can have the door on its gateway address too. */
async function init(machine: Machine): Promise<string> {
  const { config, door, log } = machine;
  const { gatewayIp } = networkFactsOf(config);
  if (config.apiServer.host !== '0.0.0.0') {
    await door.listen([{ host: gatewayIp, port: config.apiServer.port }]).then(
      (opened) => machine.listeners.push(...opened),
      (error: Error) => log.warn('pods cannot reach the door', { address: gatewayIp, error }),
    );
  }
  machine.ready = true;
  await moreNodes(machine);
  return `node ${config.nodeName}${config.nodes > 1 ? ` and ${config.nodes - 1} more` : ''}, pods and services on ${config.network.podCidr} and ${config.network.serviceCidr}`;
}

/** Nothing of it is loaded where there is one node, and was no other. */
async function moreNodes(machine: Machine): Promise<void> {
  const { config, door, log } = machine;
  if (config.nodes === 1 && !existsSync(join(config.folders.state, 'nodes'))) return;
  const { startFurtherNodes } = await import('./further-nodes.ts');
  machine.furtherNodes = await startFurtherNodes({ config, client: door.client({ name: 'system:llmos:nodes', groups: ['system:masters'] }), log: log.child('nodes') });
}

function controlsOf(machine: Machine, stop: (reason: StopReason) => void): Controls {
  return {
    status: () => statusOf(machine),
    async loadModule({ name, file }) {
      const module = file !== undefined ? await isolateModule(file) : builtins.find((each) => each.name === name);
      if (module === undefined) throw new Error(`there is no built-in module '${name ?? ''}'; the built-in ones are ${builtins.map((each) => each.name).join(', ')}; give a file for another`);
      await machine.loader.load([module]);
    },
    nodes: () => machine.furtherNodes?.list() ?? [],
    async startNode(name) {
      if (machine.furtherNodes === undefined) throw new Error("there is one node only; 'llmos up --nodes 3' makes two more");
      await machine.furtherNodes.start(name);
    },
    loseNode(name) {
      if (machine.furtherNodes === undefined) throw new Error("there is one node only; 'llmos up --nodes 3' makes two more");
      machine.furtherNodes.lose(name);
    },
    unloadModule: (name) => machine.loader.unload(name),
    down: () => stop('down'),
    backup: (file) => machine.store.backup(file),
    snapshots: snapshotControls(machine.store),
  };
}

function statusOf({ config, phases, loader, store, listeners }: Machine): StatusView {
  const memory = process.memoryUsage();
  const { revision, objects, diskBytes } = store.stats();
  return {
    version: VERSION,
    instance: config.instance,
    nodeName: config.nodeName,
    pid: process.pid,
    uptimeSeconds: process.uptime(),
    phases: phases.done,
    modules: loader.list(),
    memory: { rssBytes: memory.rss, heapUsedBytes: memory.heapUsed },
    store: { revision, objects, diskBytes },
    addresses: { door: listeners.map(({ address }) => `https://${address}`).join(', '), pods: config.network.podCidr, services: config.network.serviceCidr, loadBalancers: config.network.loadBalancerCidr },
  };
}

/** Releases what there is, the last first, and ends the process: idle connections and timers of libraries must not hold it up. */
async function shutDown({ log, loader, door, store, config, audit, authentication, furtherNodes }: Booting, reason: StopReason, code: number, last?: () => Promise<void>): Promise<never> {
  log?.info('stopping', { reason });
  await furtherNodes?.end(reason);
  await loader?.stop(reason);
  await door?.close();
  await audit?.close();
  authentication?.close();
  await store?.close();
  if (config !== undefined) removePidFile(config.folders.run);
  await last?.();
  log?.info('stopped', { reason });
  process.exit(code);
}

/** Loaded with the first thing that is asked for over the network. */
async function remoteClient({ folders }: Config): Promise<HttpClient> {
  const [{ createHttpClient }, { findCluster }] = await Promise.all([import('../sdk/client/http.ts'), import('../sdk/client/kubeconfig.ts')]);
  return createHttpClient(findCluster({ path: join(folders.state, 'pki', 'admin.kubeconfig') }), { name: 'llmos' });
}

function onceMade<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
