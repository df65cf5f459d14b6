/** From configuration and probe to what modules may know of the machine. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatIPv6, rangeValue } from '../api/ip.ts';
import type { MachineFacts } from '../sdk/module.ts';
import { addressAt, parseCidr, type Cidr } from './cidr.ts';
import type { Config } from './config.ts';
import { sliceOf } from './node-slice.ts';
import { cniBinFolders, type Probe } from './probe.ts';

export function networkFactsOf({ network }: Config): MachineFacts['network'] {
  const service = parseCidr(network.serviceCidr) as Cidr;
  const { ipv6, ...ipv4 } = network;
  return {
    ...ipv4,
    ...(ipv6 === undefined ? {} : { ipv6: { ...ipv6, gatewayIp: formatIPv6((rangeValue(ipv6.podCidr)?.base ?? 0n) + 1n) } }),
    gatewayIp: addressAt(parseCidr(network.podCidr) as Cidr, 1),
    apiServiceIp: addressAt(service, 1),
    dnsServiceIp: addressAt(service, 10),
  };
}

/** The facts for one module; makes its folders. */
export function machineFactsOf(module: string, config: Config, probe: Probe, caPem: string): MachineFacts {
  const { folders, apiServer } = config;
  const stateFolder = join(folders.state, module);
  const runFolder = join(folders.run, module);
  const confFolder = join(folders.run, 'cni');
  for (const folder of [stateFolder, runFolder, confFolder]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    stateFolder,
    runFolder,
    instance: config.instance,
    nodeName: config.nodeName,
    cpuMillis: probe.cpuMillis,
    memoryBytes: probe.memoryBytes,
    ...(config.nodes > 1 ? { nodes: config.nodes } : {}),
    cgroupVersion: probe.cgroupVersion,
    programs: probe.programs,
    network: networkFactsOf(config),
    cni: { confFolder, binFolders: cniBinFolders() },
    images: imageFoldersOf(folders),
    ...(module === 'node' ? { agents: join(folders.run, 'nodes') } : {}),
    ...(config.nodes > 1 ? { furtherAddresses: Array.from({ length: config.nodes - 1 }, (_, index) => sliceOf(config, index + 2).address) } : {}),
    apiServer: { url: serverUrlOf(config), port: apiServer.port, caPem },
  };
}

/** containers/storage of this instance: what `--root` and `--runroot` of buildah and skopeo are. */
export function imageFoldersOf(folders: Config['folders']): MachineFacts['images'] {
  return { root: join(folders.state, 'images'), runRoot: join(folders.run, 'images') };
}

export function serverUrlOf({ apiServer }: Config): string {
  const host = apiServer.host === '0.0.0.0' ? '127.0.0.1' : apiServer.host.includes(':') ? `[${apiServer.host}]` : apiServer.host;
  return `https://${host}:${apiServer.port}`;
}
