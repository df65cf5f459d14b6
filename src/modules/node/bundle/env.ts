/** The environment of a container: services, envFrom, env, in that order, later ones win (core/v1 Container.env). */
import type { ConfigMap, Container, EnvVar, FileKeySelector, Pod, Secret, Service } from '../../../api/generated/core-v1.ts';
import { envFileValue } from './env-file.ts';
import { fieldValue, resourceValue, type PodFacts } from './downward.ts';
import { expand } from '../../../api/core/expand.ts';

/** What the environment is made from. A missing ConfigMap or Secret is undefined. */
export interface EnvSources {
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
  /** Services of the pod's namespace that have a cluster IP. */
  services: readonly Service[];
  /** The text of a file in a volume of the pod. */
  volumeFile?(volume: string, path: string): string | undefined;
  /** The cluster's own API, as `default/kubernetes` says. */
  api: { host: string; port: number };
}

/** Rejects with what kubelet says under CreateContainerConfigError. */
export async function containerEnv(pod: Pod, container: Container, sources: EnvSources, facts: PodFacts): Promise<Map<string, string>> {
  const links = serviceVariables(pod, sources);
  const env = new Map<string, string>();
  for (const from of container.envFrom ?? []) for (const [key, value] of await envFrom(from, sources)) env.set(key, value);
  for (const entry of container.env ?? []) {
    const value = entry.valueFrom === undefined ? expand(entry.value ?? '', (name) => env.get(name) ?? links.get(name)) : await valueFrom(pod, container, entry, sources, facts);
    if (value !== undefined) env.set(entry.name, value);
  }
  for (const [key, value] of links) if (!env.has(key)) env.set(key, value);
  return env;
}

async function envFrom(from: NonNullable<Container['envFrom']>[number], sources: EnvSources): Promise<[string, string][]> {
  const prefix = from.prefix ?? '';
  if (from.configMapRef !== undefined) {
    const map = await sources.configMap(from.configMapRef.name ?? '');
    if (map === undefined && from.configMapRef.optional !== true) throw new Error(`configmap "${from.configMapRef.name}" not found`);
    return Object.entries(map?.data ?? {}).map(([key, value]) => [prefix + key, value]);
  }
  const name = from.secretRef?.name ?? '';
  const secret = await sources.secret(name);
  if (secret === undefined && from.secretRef?.optional !== true) throw new Error(`secret "${name}" not found`);
  return Object.entries(secret?.data ?? {}).map(([key, value]) => [prefix + key, Buffer.from(String(value), 'base64').toString('utf8')]);
}

async function valueFrom(pod: Pod, container: Container, entry: EnvVar, sources: EnvSources, facts: PodFacts): Promise<string | undefined> {
  const from = entry.valueFrom!;
  if (from.fieldRef !== undefined) return fieldValue(pod, from.fieldRef.fieldPath, facts);
  if (from.resourceFieldRef !== undefined) return resourceValue(pod, container, from.resourceFieldRef, facts);
  if (from.fileKeyRef !== undefined) return fromFile(from.fileKeyRef, sources);
  const ref = from.configMapKeyRef ?? from.secretKeyRef;
  if (ref === undefined) throw new Error(`environment variable ${entry.name}: valueFrom names no source that is known here`);
  const kind = from.configMapKeyRef !== undefined ? 'configmap' : 'secret';
  const object = kind === 'configmap' ? await sources.configMap(ref.name ?? '') : await sources.secret(ref.name ?? '');
  if (object === undefined) {
    if (ref.optional === true) return undefined;
    throw new Error(`${kind} "${ref.name}" not found`);
  }
  const raw = object.data?.[ref.key];
  if (raw === undefined) {
    if (ref.optional === true) return undefined;
    throw new Error(`couldn't find key ${ref.key} in ${kind === 'configmap' ? 'ConfigMap' : 'Secret'} ${pod.metadata.namespace}/${ref.name}`);
  }
  return kind === 'configmap' ? String(raw) : Buffer.from(String(raw), 'base64').toString('utf8');
}

function fromFile({ volumeName, path, key, optional }: FileKeySelector, sources: EnvSources): string | undefined {
  const text = sources.volumeFile?.(volumeName, path);
  const value = text === undefined ? undefined : envFileValue(text, key);
  if (value === undefined && optional !== true) throw new Error(text === undefined ? `env file ${path} not found in volume ${volumeName}` : `environment variable key "${key}" not found in file "${path}"`);
  return value;
}

/** KUBERNETES_* always, those of the other services unless enableServiceLinks is false (the Docker link form). */
function serviceVariables(pod: Pod, sources: EnvSources): Map<string, string> {
  const env = new Map<string, string>();
  const links = pod.spec?.enableServiceLinks !== false;
  for (const service of links ? sources.services : []) addService(env, service.metadata.name ?? '', service.spec?.clusterIP ?? '', (service.spec?.ports ?? []).map((port) => ({ name: port.name, port: port.port, protocol: port.protocol ?? 'TCP' })));
  addService(env, 'kubernetes', sources.api.host, [{ name: 'https', port: sources.api.port, protocol: 'TCP' }]);
  return env;
}

function addService(env: Map<string, string>, name: string, ip: string, ports: readonly { name?: string; port: number; protocol: string }[]): void {
  const first = ports[0];
  if (first === undefined || ip === '' || ip === 'None') return;
  const prefix = name.toUpperCase().replaceAll('-', '_');
  env.set(`${prefix}_SERVICE_HOST`, ip);
  env.set(`${prefix}_SERVICE_PORT`, String(first.port));
  for (const port of ports) if (port.name !== undefined && port.name !== '') env.set(`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`, String(port.port));
  const address = ip.includes(':') ? `[${ip}]` : ip;
  env.set(`${prefix}_PORT`, `${first.protocol.toLowerCase()}://${address}:${first.port}`);
  for (const port of ports) {
    const key = `${prefix}_PORT_${port.port}_${port.protocol.toUpperCase()}`;
    env.set(key, `${port.protocol.toLowerCase()}://${address}:${port.port}`);
    env.set(`${key}_PROTO`, port.protocol.toLowerCase());
    env.set(`${key}_PORT`, String(port.port));
    env.set(`${key}_ADDR`, ip);
  }
}
