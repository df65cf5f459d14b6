/** The node agent as a module: this machine as a Node, its pods as processes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { registriesOf, writeRegistries } from '../../base/sys/registries.ts';
import { forgetFlows } from '../../base/sys/udp-flows.ts';
import { defineModule, type ModuleContext } from '../../sdk/module.ts';
import { createAgent, type Agent } from './agent.ts';
import { bell } from './bell.ts';
import { nodeCapacity } from './capacity.ts';
import { cpuAssignment } from './cpus/assignment.ts';
import { shareCpus } from './cpus/share.ts';
import { deviceAllocation } from './devices/allocation.ts';
import { openHugePages } from './cgroup/huge-pages.ts';
import { allocatableWatch } from './csi/allocatable.ts';
import { announceDrivers } from './csi/announce.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { claimDrivers } from './claims/drivers.ts';
import { podClaims } from './claims/claims.ts';
import { csiDrivers } from './csi/drivers.ts';
import { csiVolumes } from './csi/volumes.ts';
import { cdiFolders, countDevices, kubeletFolder, pluginFolder } from './devices/configured.ts';
import { devicePlugins } from './devices/plugins.ts';
import { pluginRegistry } from './plugins/registry.ts';
import { limitAllPods } from './cgroup/shares.ts';
import { heartbeat } from './heartbeat.ts';
import { imageCollector } from './images/collect.ts';
import { pruneRoute } from './images/prune-route.ts';
import type { Auths, CredentialProviders } from './images/credential-providers.ts';
import { images } from './images/ensure.ts';
import { skopeoPuller } from './images/pull.ts';
import { imageStorage } from './images/storage.ts';
import { pullRecords } from './images/pull-records.ts';
import { verificationSettings } from './images/verification.ts';
import { podPidsLimit } from './cgroup/resources.ts';
import { ClusterTrustBundleKind, ConfigMapKind, CSIDriverKind, CSINodeKind, EndpointSliceKind, LeaseKind, NodeKind, PersistentVolumeClaimKind, PersistentVolumeKind, PodCertificateRequestKind, PodKind, ResourceClaimKind, SecretKind, ServiceAccountKind, ServiceKind, VolumeAttachmentKind } from './kinds.ts';
import { admissions } from './lifecycle/admit.ts';
import { mostRestartDelayMs } from './lifecycle/restart.ts';
import { keepRoomForExits } from './lifecycle/exit-folder.ts';
import { watchExits } from './lifecycle/exits.ts';
import { outOfService } from './lifecycle/out-of-service.ts';
import { hostAddress, hybridComplaint, machineCapabilities, openFilesLimit } from './machine.ts';
import type { NodeParts } from './parts.ts';
import { floodBytes, rotateLogs, rotationSettings } from './logs/rotate.ts';
import { openShownLogs, shownLogsFolder } from './logs/folders.ts';
import { logRoute } from './logs/route.ts';
import { NodeMetrics, PodMetrics } from '../../api/metrics/metrics.ts';
import { PodUsage } from '../../api/metrics/pod-usage.ts';
import { NodeUsageHistory, PodUsageHistory } from '../../api/metrics/usage-history.ts';
import { keepHistory, nodeHistorySource, podHistorySource } from './usage/history.ts';
import { withFurther } from './usage/further.ts';
import { meter } from './usage/meter.ts';
import { usageRing } from './usage/ring.ts';
import { nodeCounts } from './usage/counts.ts';
import { podTally, podUsageSource } from './usage/tally.ts';
import { nodeMetricsSource, podMetricsSource } from './usage/metrics-source.ts';
import { portSettings, serveKubeletPort } from './usage/kubelet-port.ts';
import { kubeletPaths } from './usage/kubelet-paths.ts';
import { nodeProxyRoute, withNodePorts } from './usage/proxy-route.ts';
import { throughAgents } from './streams/forward.ts';
import { attachRoute } from './streams/attach.ts';
import { execRoute } from './streams/exec.ts';
import { portForwardRoute } from './streams/port-forward.ts';
import { EXITS_FOLDER, makePaths, nodePaths } from './paths.ts';
import { pressureSettings } from './pressure/settings.ts';
import { pressureWatch } from './pressure/watch.ts';
import { runtimeHandlers } from './runtime/handlers.ts';
import { runtimeClassAdmission } from './runtime/runtime-class.ts';
import { RuntimeClass } from '../../api/node/runtime-class.ts';
import { hostPorts } from './sandbox/host-ports.ts';
import { cni } from './sandbox/cni.ts';
import { userNamespaces } from './userns/user-namespaces.ts';
import { linkNames } from './sandbox/link-names.ts';
import { sandboxPool } from './sandbox/pool.ts';

/** Enough for fifty pods at once. */
const READY_SANDBOXES = 56;
const FAVOR_AFTER_MS = 1_000;

export const node = defineModule({
  name: 'node',
  eventSource: 'kubelet',
  description: 'Runs the pods of this machine: images, sandboxes, containers, volumes, probes, logs, exec',
  kinds: [RuntimeClass],
  admissions: [runtimeClassAdmission],
  needs: [PodKind, NodeKind, LeaseKind, ConfigMapKind, SecretKind, ServiceKind, ServiceAccountKind],
  reads: [RuntimeClass, ClusterTrustBundleKind, PodCertificateRequestKind, ServiceAccountKind, PersistentVolumeClaimKind, PersistentVolumeKind, PodKind, NodeKind, ConfigMapKind, SecretKind, ServiceKind, CSIDriverKind, VolumeAttachmentKind, ResourceClaimKind, EndpointSliceKind],
  writes: [PodKind, NodeKind, LeaseKind, ServiceAccountKind, PodCertificateRequestKind, CSINodeKind, PersistentVolumeClaimKind],
  signs: true,
  run: runNode,
});

export default node;
export { removeAllLogs } from './logs/folders.ts';
export { FIGURES_FILE, type KeptFigures } from './usage/further.ts';

/**
 * Ends when the signal aborts and leaves the containers running for the next llmos, unless the reason of the abort is `down`:
 * then every container is ended and every sandbox given back.
 */
export async function runNode(context: ModuleContext): Promise<void> {
  const complaint = context.machine.cgroupVersion === 'v1' ? hybridComplaint() : undefined;
  if (complaint !== undefined) context.log.warn(complaint);
  if (context.machine.cgroupVersion === 'v1') await openHugePages();
  const staticPods = staticPodFolder(context.config);
  const port = portSettings(context.config);
  const rotation = rotationSettings(context.config);
  const favors = favorsMoves(context);
  await keepRoomForExits(join(context.machine.runFolder, EXITS_FOLDER), context.log);
  const parts = nodeParts(context);
  keepReserved(parts);
  const agent: Agent = createAgent(parts);
  const life = new AbortController(); // one part that fails ends the others
  const stop = (): void => life.abort(context.signal.reason);
  context.signal.addEventListener('abort', stop, { once: true });
  if (context.signal.aborted) stop();
  const usage = meter(parts, agent);
  const ring = usageRing(join(context.machine.stateFolder, 'usage'));
  const collector = imageCollector(parts, agent);
  shareCpus(parts, agent);
  const kubelet = kubeletPaths(parts, usage, agent);
  const served = [
    ...[logRoute(agent, parts.paths.logs, () => context.clock.nowMs()), execRoute(agent, parts.runtime), attachRoute(agent), portForwardRoute(agent, parts.pool), pruneRoute(collector)].map((route) => context.route(throughAgents(route, context.machine))),
    context.route(withNodePorts(throughAgents(nodeProxyRoute(kubelet, context.machine), context.machine))),
    context.serve(NodeMetrics, withFurther(nodeMetricsSource(parts, usage), NodeMetrics.kind, context.machine.agents)), context.serve(PodMetrics, withFurther(podMetricsSource(parts, usage), PodMetrics.kind, context.machine.agents)),
    context.serve(PodUsage, withFurther(podUsageSource(parts, agent), PodUsage.kind, context.machine.agents)),
    context.serve(NodeUsageHistory, nodeHistorySource(parts, ring)), context.serve(PodUsageHistory, podHistorySource(parts, ring)),
  ];
  try {
    const work = [serveKubeletPort(parts, kubelet, port, life.signal, (number) => { parts.kubeletPort = number; parts.report.ring(); }), parts.pool.run(life.signal), heartbeat(parts, life.signal), agent.run(life.signal), usage.run(life.signal), keepHistory(parts, usage, ring, life.signal), ...(context.machine.further === undefined ? [collector.run(life.signal)] : []), parts.plugins.run(life.signal), parts.registry.run(life.signal), rotateLogs(parts, agent, rotation, life.signal), ...(staticPods === undefined ? [] : [import('./static-pods.ts').then(({ runStaticPods }) => runStaticPods(parts, agent, staticPods, life.signal))]), parts.pressure.run(life.signal, { agent, collector }), ...(favors ? [favorMovesSoon(parts, life.signal)] : [])];
    await Promise.all(work).catch(async (error: Error) => {
      life.abort(error);
      await Promise.allSettled(work);
      throw error;
    });
    if (context.signal.reason === 'down') await agent.drain();
  } finally {
    for (const withdraw of served) withdraw();
    context.signal.removeEventListener('abort', stop);
    parts.exits.close();
  }
}

/** Of the machine's first node, unless it is configured not to. */
function favorsMoves({ config, machine }: ModuleContext): boolean {
  const given = config['favorDynmods'] ?? true;
  if (typeof given !== 'boolean') throw new Error(`modules.node.favorDynmods must be true or false, not ${JSON.stringify(given)}`);
  return given && machine.further === undefined;
}

/** Not while llmos boots. */
async function favorMovesSoon({ context: { clock, log, machine } }: NodeParts, signal: AbortSignal): Promise<void> {
  const mark = join(machine.runFolder, 'favordynmods');
  try {
    writeFileSync(mark, '', { mode: 0o600, flag: 'a' });
  } catch (error) {
    // Without the mark nobody would know by whom the option is; it is worth less than the node.
    return log.warn('containers start as the kernel has it: there is no room to mark that the option favordynmods is by llmos', { error });
  }
  await clock.sleep(FAVOR_AFTER_MS, signal);
  const { favorMoves } = await import('./cgroup/favor-moves.ts');
  await favorMoves({ mark, log, signal });
}

/** Undefined where no credential providers are configured; they are read with the first pull. */
function authsOfProviders({ config, clock, log }: ModuleContext): ((repository: string) => Promise<Auths>) | undefined {
  const { imageCredentialProviderConfig: configFile, imageCredentialProviderBinDir: binFolder } = config;
  if (configFile === undefined && binFolder === undefined) return undefined;
  if (![configFile, binFolder].every((each) => typeof each === 'string' && each.startsWith('/'))) throw new Error('modules.node.imageCredentialProviderConfig and imageCredentialProviderBinDir must be given together, as absolute paths');
  let providers: Promise<CredentialProviders> | undefined;
  return async (repository) => {
    providers ??= import('./images/credential-providers.ts').then(({ credentialProviders }) => credentialProviders({ configFile: configFile as string, binFolder: binFolder as string, clock, log: log.child('credentials') }));
    return (await providers).auths(repository);
  };
}

function mostPulls({ maxParallelImagePulls }: Readonly<Record<string, unknown>>): number | undefined {
  if (maxParallelImagePulls === undefined || (typeof maxParallelImagePulls === 'number' && Number.isInteger(maxParallelImagePulls) && maxParallelImagePulls > 0)) return maxParallelImagePulls;
  throw new Error(`modules.node.maxParallelImagePulls must be a whole number above 0, not ${JSON.stringify(maxParallelImagePulls)}`);
}

function keepReserved({ context, capacity }: NodeParts): void {
  const { cgroupVersion, instance, cpuMillis, memoryBytes } = context.machine;
  try {
    limitAllPods({ version: cgroupVersion, instance }, { cpuMillis, memoryBytes }, capacity.reserved);
  } catch (error) {
    context.log.warn('what is reserved for the system could not be kept from pods', { error });
  }
}

/** Throws when it is no folder's path. */
function staticPodFolder(config: Readonly<Record<string, unknown>>): string | undefined {
  const given = config['staticPodPath'];
  if (given !== undefined && (typeof given !== 'string' || !given.startsWith('/'))) throw new Error(`modules.node.staticPodPath must be the absolute path of a folder, not ${JSON.stringify(given)}`);
  return given;
}

function nodeParts(context: ModuleContext): NodeParts {
  const { machine, clock, log, config } = context;
  const shownLogs = openShownLogs(shownLogsFolder(config, machine), log);
  const paths = nodePaths({ stateFolder: machine.stateFolder, runFolder: machine.runFolder, images: machine.images, ...(shownLogs === undefined ? {} : { shownLogs }) });
  makePaths(paths);
  const storage = imageStorage(paths.images);
  const pulled = pullRecords({ storage, owner: machine.instance });
  const program = (name: string): string => machine.programs[name] ?? name;
  const size = config['readySandboxes'];
  const pressed = pressureSettings(config);
  const report = bell(clock);
  const plugins = devicePlugins({ folder: pluginFolder(config, machine), memory: join(machine.stateFolder, 'devices.json'), log: log.child('devices'), changed: report.ring });
  const kubelet = kubeletFolder(config, machine);
  const allocatable = allocatableWatch(context, (name) => drivers.refresh(name));
  const drivers = csiDrivers({
    async announce(all) {
      await announceDrivers(context, all);
      allocatable.follow(all);
    },
  });
  const devicesOfClaims = claimDrivers();
  const registry = pluginRegistry({ folder: join(kubelet, 'plugins_registry'), sorts: [drivers.sort, devicesOfClaims.sort], log: log.child('plugins') });
  const claims = podClaims({ file: join(machine.stateFolder, 'claims.json'), drivers: devicesOfClaims, claim: (namespace, name) => ifThere(context.client.get(ResourceClaimKind, name, { namespace })), log: log.child('claims'), signal: context.signal });
  const capacity = nodeCapacity({ machine, folder: paths.pods, config, pressure: pressed, devices: () => countDevices(plugins) });
  const parts: Omit<NodeParts, 'pressure' | 'admissions'> = {
    context, paths, storage, pulled, counts: nodeCounts(),
    images: images({ storage, puller: skopeoPuller({ skopeo: program('skopeo'), storage, owner: machine.instance, mostAtOnce: mostPulls(config), network: machine.further?.machineNetwork, registries: writeRegistries(join(machine.runFolder, 'registries'), registriesOf(config['registries'])) }), clock, signal: context.signal, ownAuths: authsOfProviders(context), records: pulled, verification: verificationSettings(config) }),
    runtime: runtimeHandlers({ conmon: program('conmon'), programs: machine.programs, configured: config['runtimes'], runtimeRoot: paths.runtimeRoot, exitFolder: paths.exits, cgroupVersion: machine.cgroupVersion, mostLogBytes: floodBytes(rotationSettings(config)) }),
    pool: sandboxPool({ root: paths.sandboxes, cni: cni({ ...machine.cni, network: machine.further?.machineNetwork }), names: linkNames({ instance: machine.instance, folder: join(machine.runFolder, 'links'), network: machine.further?.machineNetwork, log: log.child('sandbox') }), clock, log: log.child('sandbox'), size: typeof size === 'number' ? size : READY_SANDBOXES }),
    hostPorts: hostPorts({ instance: machine.instance, file: paths.hostPorts, nft: program('nft'), families: machine.network.ipv6 === undefined ? ['ip'] : ['ip', 'ip6'], isFurther: machine.further !== undefined, log, forget: (targets) => forgetFlows(targets, { conntrack: machine.programs['conntrack'] }).catch((error: unknown) => log.warn('who sent datagrams to a port of the machine may not reach the pod that has it now', { error })) }),
    exits: watchExits({ folder: paths.exits }),
    outOfService: outOfService(context.caches.of(EndpointSliceKind), { instance: machine.instance, signal: context.signal }),
    hostIp: hostAddress(machine.network.gatewayIp),
    hostIps: [hostAddress(machine.network.gatewayIp), ...(machine.network.ipv6 === undefined ? [] : [machine.network.ipv6.gatewayIp])],
    capabilities: machineCapabilities(),
    openFilesLimit: openFilesLimit(),
    report, plugins, devices: deviceAllocation({ pods: paths.pods, plugins }), cdiFolders: cdiFolders(config), seccompFolder: join(kubelet, 'seccomp'), csiDrivers: drivers, claims, registry, csi: csiVolumes({ root: kubelet, drivers, nodeName: machine.nodeName }),
    capacity, cpus: cpuAssignment(config, capacity.reservedCpus), users: userNamespaces(`/run/${machine.instance}-users`),
    tally: podTally({ version: machine.cgroupVersion, nodeName: machine.nodeName, clock }), podPidsLimit: podPidsLimit(config['podPidsLimit']), mostRestartDelayMs: mostRestartDelayMs(config),
  };
  const pressure = pressureWatch(parts, pressed);
  return Object.assign(parts, { pressure, admissions: admissions({ ...parts, pressure }) });
}
