/**
 * The configuration: defaults, then /etc/llmos/config.yaml, then environment, then flags. Every value is checked, and a wrong one is
 * refused with its path and what would be right; an unknown key is refused too, since it is most often a misspelt one.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { rangeValue } from '../api/ip.ts';
import { parseCidr, contains, type Cidr } from './cidr.ts';

export interface Config {
  /** Name of this instance and of all that it makes on the machine: 1 to 8 lower-case letters and digits. Default `llmos`. */
  instance: string;
  /** Name of the Node object. Default: the host name. */
  nodeName: string;
  /** Of the machine: one, and further ones in processes and network namespaces of their own. Default 1. */
  nodes: number;
  folders: Folders;
  apiServer: { host: string; port: number; maxConnections: number; maxConnectionsPerAddress: number; maxRequestsInFlight: number; maxWatches: number; descriptions?: string; authenticationConfig?: string };
  network: { podCidr: string; serviceCidr: string; loadBalancerCidr: string; clusterDomain: string; ipv6?: { podCidr: string; serviceCidr: string; loadBalancerCidr: string } };
  /** How long past states are kept, for watches that resume and lists in chunks; s. */
  store: { keepSeconds: number; encryptionConfig?: string };
  /** Absent: no audit log. */
  audit?: AuditConfig;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** What each module gets as its own configuration; `enabled: false` leaves a module out. */
  modules: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface AuditConfig {
  /** Default `<state>/audit/audit.log`. */
  path: string;
  /** An audit.k8s.io/v1 Policy; without it metadata of all but noise. */
  policyFile?: string;
  maxSizeMiB: number;
  /** 0 keeps old files for ever. */
  maxAgeDays: number;
  /** 0 keeps all old files. */
  maxBackups: number;
  /** An event that is longer is told without its bodies; 0: none is too long. */
  maxEventKiB: number;
}

export interface Folders {
  /** What must outlive a restart. Default /var/lib/llmos. */
  state: string;
  /** Run-time files. Default /run/llmos. */
  run: string;
  /** The configuration file. Default /etc/llmos/config.yaml; it need not exist. */
  config: string;
}

/** Flags win over environment, environment over the defaults. */
export function foldersOf(flags: { state?: string; run?: string; config?: string }, env: NodeJS.ProcessEnv): Folders {
  return {
    state: flags.state ?? env['LLMOS_STATE'] ?? '/var/lib/llmos',
    run: flags.run ?? env['LLMOS_RUN'] ?? '/run/llmos',
    config: flags.config ?? env['LLMOS_CONFIG'] ?? '/etc/llmos/config.yaml',
  };
}

/** Reads and checks the configuration. Throws an Error whose message says which value is wrong and what would be right. */
export async function loadConfig(folders: Folders): Promise<Config> {
  const text = readIfThere(folders.config);
  const nodes = process.env['LLMOS_NODES'] === undefined ? {} : { nodes: Number(process.env['LLMOS_NODES']) };
  if (text === undefined) return checkConfig(nodes, folders);
  const { parse } = await import('yaml'); // only when there is a file: it costs start-up time
  try {
    return checkConfig({ ...parse(text), ...nodes }, folders);
  } catch (error) {
    throw new Error(`${folders.config}: ${(error as Error).message}`, { cause: error });
  }
}

/** Pure: a parsed document to a Config. */
export function checkConfig(document: unknown, folders: Folders): Config {
  const root = section(document, '', ['instance', 'nodeName', 'nodes', 'apiServer', 'network', 'store', 'audit', 'log', 'modules']);
  const apiServer = section(root['apiServer'], 'apiServer', ['host', 'port', 'maxConnections', 'maxConnectionsPerAddress', 'maxRequestsInFlight', 'maxWatches', 'descriptions', 'authenticationConfig']);
  const network = section(root['network'], 'network', ['podCidr', 'serviceCidr', 'loadBalancerCidr', 'clusterDomain', 'ipv6', 'podCidr6', 'serviceCidr6', 'loadBalancerCidr6']);
  const store = section(root['store'], 'store', ['keepSeconds', 'encryptionConfig']);
  const audit = section(root['audit'], 'audit', ['enabled', 'path', 'policyFile', 'maxSizeMiB', 'maxAgeDays', 'maxBackups', 'maxEventKiB']);
  const log = section(root['log'], 'log', ['level']);
  const config: Config = {
    instance: matching(root['instance'], 'instance', /^[a-z][a-z0-9]{0,7}$/, 'llmos', '1 to 8 lower-case letters and digits'),
    nodeName: matching(root['nodeName'], 'nodeName', /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, hostname().toLowerCase(), 'a DNS name in lower case'),
    nodes: nodesOf(root['nodes']),
    folders,
    apiServer: {
      host: matching(apiServer['host'], 'apiServer.host', /^[0-9a-fA-F.:]+$/, '127.0.0.1', 'an IP address'), port: portOf(apiServer['port'], 6443),
      maxConnections: countOf(apiServer['maxConnections'], 'apiServer.maxConnections', 10_000),
      maxConnectionsPerAddress: countOf(apiServer['maxConnectionsPerAddress'], 'apiServer.maxConnectionsPerAddress', 5_000),
      maxRequestsInFlight: countOf(apiServer['maxRequestsInFlight'], 'apiServer.maxRequestsInFlight', 1_000),
      maxWatches: countOf(apiServer['maxWatches'], 'apiServer.maxWatches', 10_000),
      ...(apiServer['authenticationConfig'] === undefined ? {} : { authenticationConfig: matching(apiServer['authenticationConfig'], 'apiServer.authenticationConfig', /^\//, '', 'the absolute path of a file') }),
      ...(apiServer['descriptions'] === undefined ? {} : { descriptions: matching(apiServer['descriptions'], 'apiServer.descriptions', /^\//, '', 'the absolute path of a folder') }),
    },
    network: {
      podCidr: cidr(network['podCidr'], 'network.podCidr', '10.244.0.0/16'),
      serviceCidr: cidr(network['serviceCidr'], 'network.serviceCidr', '10.96.0.0/16'),
      loadBalancerCidr: cidr(network['loadBalancerCidr'], 'network.loadBalancerCidr', '10.97.0.0/24'),
      clusterDomain: matching(network['clusterDomain'], 'network.clusterDomain', /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'cluster.local', 'a DNS domain'),
      ...ipv6Of(network),
    },
    store: {
      keepSeconds: keepSecondsOf(store['keepSeconds'], 300),
      ...(store['encryptionConfig'] === undefined ? {} : { encryptionConfig: matching(store['encryptionConfig'], 'store.encryptionConfig', /^\//, '', 'the absolute path of a file') }),
    },
    ...auditOf(audit, folders),
    logLevel: oneOf(log['level'], 'log.level', ['debug', 'info', 'warn', 'error'] as const, 'info'),
    modules: modulesOf(root['modules']),
  };
  refuseOverlap(config.network);
  if (config.nodes > 1 && config.network.ipv6 !== undefined) throw new Error(`network.ipv6 needs a machine that is one node, not ${config.nodes}: further nodes have IPv4 alone`);
  if (config.nodes > 1 && config.modules['node']?.['cpuManagerPolicy'] === 'static') throw new Error(`modules.node.cpuManagerPolicy static needs a machine that is one node, not ${config.nodes}: each would give away the same cpus`);
  refuseNoCpuLeft(config.modules['node'] ?? {});
  return config;
}

/** Else the node would not begin, and llmos be ready without one. */
function refuseNoCpuLeft(node: Readonly<Record<string, unknown>>): void {
  const reserves = (key: string): boolean => (node[key] as { cpu?: unknown } | null | undefined)?.cpu !== undefined;
  if (node['cpuManagerPolicy'] !== 'static' || node['reservedSystemCPUs'] !== undefined || reserves('systemReserved') || reserves('kubeReserved')) return;
  throw new Error('modules.node.cpuManagerPolicy static needs a cpu for the system: set modules.node.reservedSystemCPUs, such as "0", or cpu of systemReserved or kubeReserved');
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`the configuration ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function section(value: unknown, path: string, known: readonly string[]): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`${path || 'the document'} must be a mapping`);
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new Error(`unknown key '${path === '' ? '' : `${path}.`}${key}'; known here: ${known.join(', ')}`);
  }
  return value as Record<string, unknown>;
}

function modulesOf(value: unknown): Config['modules'] {
  const modules: Record<string, Record<string, unknown>> = {};
  if (value === undefined || value === null) return modules;
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('modules must be a mapping of module names');
  for (const [name, part] of Object.entries(value)) {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) throw new Error(`modules.${name} must be a mapping`);
    modules[name] = part as Record<string, unknown>;
  }
  return modules;
}

function matching(value: unknown, path: string, pattern: RegExp, fallback: string, what: string): string {
  const text = value === undefined || value === null ? fallback : value;
  if (typeof text !== 'string' || !pattern.test(text)) throw new Error(`${path} must be ${what}, not ${JSON.stringify(text)}`);
  return text;
}

function auditOf(audit: Record<string, unknown>, folders: Folders): { audit?: AuditConfig } {
  const enabled = audit['enabled'] ?? false;
  if (typeof enabled !== 'boolean') throw new Error(`audit.enabled must be true or false, not ${JSON.stringify(enabled)}`);
  const policyFile = audit['policyFile'] === undefined || audit['policyFile'] === null ? undefined : matching(audit['policyFile'], 'audit.policyFile', /^\//, '', 'an absolute path');
  const config: AuditConfig = {
    path: audit['path'] === undefined || audit['path'] === null ? join(folders.state, 'audit', 'audit.log') : matching(audit['path'], 'audit.path', /^\/.*[^/]$/, '', 'an absolute path of a file'),
    maxSizeMiB: wholeNumber(audit['maxSizeMiB'], 'audit.maxSizeMiB', 100, 1, 10_240),
    maxAgeDays: wholeNumber(audit['maxAgeDays'], 'audit.maxAgeDays', 30, 0, 3_650),
    maxBackups: wholeNumber(audit['maxBackups'], 'audit.maxBackups', 10, 0, 10_000),
    maxEventKiB: wholeNumber(audit['maxEventKiB'], 'audit.maxEventKiB', 0, 0, 10_240),
    ...(policyFile === undefined ? {} : { policyFile }),
  };
  return enabled ? { audit: config } : {};
}

function wholeNumber(value: unknown, path: string, fallback: number, least: number, most: number): number {
  const number = value === undefined || value === null ? fallback : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < least || number > most) throw new Error(`${path} must be a whole number from ${least} to ${most}, not ${JSON.stringify(number)}`);
  return number;
}

function portOf(value: unknown, fallback: number): number {
  const port = value ?? fallback;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`apiServer.port must be a port from 1 to 65535, not ${JSON.stringify(port)}`);
  return port;
}

const MOST_NODES = 16;

function nodesOf(value: unknown): number {
  const count = value ?? 1;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > MOST_NODES) throw new Error(`nodes must be a whole number from 1 to ${MOST_NODES}, not ${JSON.stringify(count)}`);
  return count;
}

function countOf(value: unknown, path: string, fallback: number): number {
  const count = value ?? fallback;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > 1_000_000) throw new Error(`${path} must be a number from 1 to 1000000, not ${JSON.stringify(count)}`);
  return count;
}

function keepSecondsOf(value: unknown, fallback: number): number {
  const seconds = value ?? fallback;
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 1 || seconds > 86_400) throw new Error(`store.keepSeconds must be a number of seconds from 1 to 86400, not ${JSON.stringify(seconds)}`);
  return seconds;
}

function oneOf<T extends string>(value: unknown, path: string, choices: readonly T[], fallback: T): T {
  const choice = value ?? fallback;
  if (!choices.includes(choice as T)) throw new Error(`${path} must be one of ${choices.join(', ')}, not ${JSON.stringify(choice)}`);
  return choice as T;
}

function cidr(value: unknown, path: string, fallback: string): string {
  const text = value ?? fallback;
  if (typeof text !== 'string' || parseCidr(text) === undefined) throw new Error(`${path} must be an IPv4 range such as ${fallback}, not ${JSON.stringify(text)}`);
  return text;
}

/** Ranges of the second family, where the network is to have one. */
function ipv6Of(network: Record<string, unknown>): Pick<Config['network'], 'ipv6'> {
  const { ipv6 = false } = network;
  if (typeof ipv6 !== 'boolean') throw new Error(`network.ipv6 must be true or false, not ${JSON.stringify(ipv6)}`);
  const ranges = { podCidr: cidr6(network, 'podCidr6', 'fd00:10:244::/64'), serviceCidr: cidr6(network, 'serviceCidr6', 'fd00:10:96::/112'), loadBalancerCidr: cidr6(network, 'loadBalancerCidr6', 'fd00:10:97::/120') };
  const all = Object.values(ranges).map((range) => rangeValue(range)!);
  if (all.some((a) => all.some((b) => a !== b && b.base >= a.base && b.base < a.base + a.size))) throw new Error('network.podCidr6, serviceCidr6 and loadBalancerCidr6 overlap; give them ranges of their own');
  return ipv6 ? { ipv6: ranges } : {};
}

function cidr6(network: Record<string, unknown>, key: string, fallback: string): string {
  const text = network[key] ?? fallback;
  const range = typeof text === 'string' ? rangeValue(text) : undefined;
  if (range?.family !== 6 || range.size < 16n) throw new Error(`network.${key} must be an IPv6 range of at most /124 such as ${fallback}, not ${JSON.stringify(text)}`);
  return text as string;
}

function refuseOverlap(network: Config['network']): void {
  const ranges = (['podCidr', 'serviceCidr', 'loadBalancerCidr'] as const).map((name) => ({ name, range: parseCidr(network[name]) as Cidr }));
  for (const a of ranges) {
    for (const b of ranges) {
      if (a !== b && contains(a.range, b.range.base)) throw new Error(`network.${a.name} and network.${b.name} overlap; give them ranges of their own`);
    }
  }
}
