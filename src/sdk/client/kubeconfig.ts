/**
 * Where a cluster is and who we are there: from a kubeconfig (clientcmd v1 Config) or, inside a pod, from its service account.
 * Order, as kubectl: the path given, then $KUBECONFIG (several files are merged, the first that says something wins), then ~/.kube/config,
 * then the pod's own account.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { ApiError } from '../../api/errors.ts';
import { execCredential, type ExecConfig } from './exec-credential.ts';

export interface Credential {
  token?: string;
  certificatePem?: string;
  keyPem?: string;
}

export interface ClusterAccess {
  /** `https://HOST:PORT`, perhaps with a path; http for a proxy on this machine. */
  server: string;
  /** Absent: the machine's own authorities. */
  caPem?: string;
  insecureSkipTlsVerify?: boolean;
  /** Name in the server's certificate when it is not the host of `server`. */
  tlsServerName?: string;
  /** The context's default namespace, else `default`. */
  namespace: string;
  /** Headers that every request carries, for impersonation and basic authentication. */
  headers: Readonly<Record<string, string | string[]>>;
  /** Asked before each request; keeps what it knows until it runs out, or `refused` says that the server did not take it. */
  credential(options?: { refused?: boolean }): Promise<Credential>;
}

interface Config {
  clusters?: { name: string; cluster?: Cluster }[];
  users?: { name: string; user?: User }[];
  contexts?: { name: string; context?: { cluster?: string; user?: string; namespace?: string } }[];
  'current-context'?: string;
}

interface Cluster {
  server?: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
  'proxy-url'?: string;
}

interface User {
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  token?: string;
  tokenFile?: string;
  username?: string;
  password?: string;
  as?: string;
  'as-uid'?: string;
  'as-groups'?: string[];
  exec?: ExecConfig;
  'auth-provider'?: unknown;
}

const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
/** client-go reads a token file again each minute at the latest. */
const TOKEN_FILE_MS = 60_000;

export interface FindOptions {
  /** A kubeconfig file; none of the other places is looked at then. */
  path?: string;
  /** A context of it; default is its current one. */
  context?: string;
  env?: NodeJS.ProcessEnv;
}

/** Finds the cluster to talk to. Throws BadRequest with what to do when there is none. */
export function findCluster(options: FindOptions = {}): ClusterAccess {
  const env = options.env ?? process.env;
  const paths = options.path !== undefined ? [options.path] : (env['KUBECONFIG'] ?? '') !== '' ? (env['KUBECONFIG'] as string).split(delimiter).filter((path) => path !== '') : [join(env['HOME'] ?? homedir(), '.kube', 'config')];
  const there = paths.filter((path) => existsSync(path));
  if (options.path !== undefined && there.length === 0) throw new ApiError('BadRequest', `there is no kubeconfig ${options.path}`);
  if (there.length > 0) return accessOf(mergeConfigs(there.map(readConfig)), options.context);
  const inside = inClusterAccess({ env });
  if (inside !== undefined) return inside;
  throw new ApiError('BadRequest', `there is no kubeconfig at ${paths.join(' or ')}: name one with --kubeconfig or $KUBECONFIG`);
}

/** Reads a kubeconfig from text; relative paths in it are taken from `folder`. */
export function parseKubeconfig(text: string, options: { context?: string; folder?: string } = {}): ClusterAccess {
  return accessOf(absolute(checked(parse(text), 'the kubeconfig'), options.folder ?? process.cwd()), options.context);
}

/** The account of the pod that this process runs in, or undefined outside of pods. */
export function inClusterAccess(options: { env?: NodeJS.ProcessEnv; folder?: string } = {}): ClusterAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = options.env ?? process.env;
  const folder = options.folder ?? ACCOUNT_FOLDER;
  if (host === undefined || port === undefined || !existsSync(join(folder, 'token'))) return undefined;
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    caPem: readFileSync(join(folder, 'ca.crt'), 'utf8'),
    namespace: existsSync(join(folder, 'namespace')) ? readFileSync(join(folder, 'namespace'), 'utf8').trim() : 'default',
    headers: {},
    credential: tokenFile(join(folder, 'token')),
  };
}

function readConfig(path: string): Config {
  try {
    return absolute(checked(parse(readFileSync(path, 'utf8')), path), dirname(resolve(path)));
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError('BadRequest', `the kubeconfig ${path} cannot be read: ${(error as Error).message}`);
  }
}

function checked(value: unknown, path: string): Config {
  if (value === null || value === undefined) return {};
  const config = value as Config;
  for (const part of ['clusters', 'users', 'contexts'] as const)
    if (typeof config !== 'object' || (config[part] !== undefined && config[part] !== null && !Array.isArray(config[part]))) throw new ApiError('BadRequest', `${path} is no kubeconfig: '${part}' must be a list`);
  return config;
}

function mergeConfigs(configs: readonly Config[]): Config {
  return {
    clusters: configs.flatMap((config) => config.clusters ?? []),
    users: configs.flatMap((config) => config.users ?? []),
    contexts: configs.flatMap((config) => config.contexts ?? []),
    'current-context': configs.map((config) => config['current-context'] ?? '').find((name) => name !== ''),
  };
}

/** File names in a kubeconfig are relative to its own folder. */
function absolute(config: Config, folder: string): Config {
  const at = <T extends object>(value: T | undefined, names: readonly (keyof T)[]): T | undefined => {
    if (value === undefined || value === null) return undefined;
    const changed = names.filter((name) => typeof value[name] === 'string' && value[name] !== '').map((name) => [name, resolve(folder, value[name] as string)]);
    return { ...value, ...Object.fromEntries(changed) };
  };
  return {
    ...config,
    clusters: config.clusters?.map((each) => ({ ...each, cluster: at(each.cluster, ['certificate-authority']) })),
    users: config.users?.map((each) => ({ ...each, user: withProgram(at(each.user, ['client-certificate', 'client-key', 'tokenFile']), folder) })),
  };
}

/** A program named with a slash is a file; without, it is looked for in the PATH. */
function withProgram(user: User | undefined, folder: string): User | undefined {
  const command = user?.exec?.command;
  return command?.includes('/') === true ? { ...user, exec: { ...user?.exec, command: resolve(folder, command) } } : user;
}

function accessOf(config: Config, contextName = config['current-context']): ClusterAccess {
  const named = <T extends { name: string }>(list: readonly T[] | undefined, name: string | undefined, what: string): T => {
    const found = list?.find((each) => each.name === name);
    if (found !== undefined) return found;
    throw new ApiError('BadRequest', `the kubeconfig has no ${what} ${JSON.stringify(name ?? '')}; it has: ${list?.map((each) => each.name).join(', ') || 'none'}`);
  };
  const context = named(config.contexts, contextName, 'context').context ?? {};
  const cluster = named(config.clusters, context.cluster, 'cluster').cluster ?? {};
  const user = (context.user ?? '') === '' ? {} : (named(config.users, context.user, 'user').user ?? {});
  if (!URL.canParse(cluster.server ?? '')) throw new ApiError('BadRequest', `the cluster ${JSON.stringify(context.cluster)} of the kubeconfig has no server address`);
  if (cluster['proxy-url'] !== undefined) throw new ApiError('BadRequest', 'the kubeconfig asks for a proxy (proxy-url), which llmos does not speak: reach the cluster directly, or through "kubectl proxy"');
  if (user['auth-provider'] !== undefined) throw new ApiError('BadRequest', 'the kubeconfig uses an auth-provider, which Kubernetes removed: let it use exec, a token or a certificate');
  return {
    server: cluster.server as string,
    caPem: pem(cluster['certificate-authority-data'], cluster['certificate-authority']),
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'] === true,
    tlsServerName: cluster['tls-server-name'],
    namespace: context.namespace ?? 'default',
    headers: headersOf(user),
    credential: credentialOf(user, cluster.server as string),
  };
}

function headersOf(user: User): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  if (user.username !== undefined && user.token === undefined) headers['authorization'] = `Basic ${Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')}`;
  if (user.as !== undefined) headers['impersonate-user'] = user.as;
  if (user['as-uid'] !== undefined) headers['impersonate-uid'] = user['as-uid'];
  if (user['as-groups'] !== undefined) headers['impersonate-group'] = user['as-groups'];
  return headers;
}

function credentialOf(user: User, server: string): ClusterAccess['credential'] {
  if (user.exec !== undefined) return execCredential(user.exec, { server });
  if (user.tokenFile !== undefined && user.token === undefined) return tokenFile(user.tokenFile);
  const fixed: Credential = {
    token: user.token,
    certificatePem: pem(user['client-certificate-data'], user['client-certificate']),
    keyPem: pem(user['client-key-data'], user['client-key']),
  };
  return () => Promise.resolve(fixed);
}

function tokenFile(path: string): ClusterAccess['credential'] {
  let readMs = 0;
  let token = '';
  return (options) => {
    if (options?.refused === true || Date.now() - readMs > TOKEN_FILE_MS) {
      token = readFileSync(path, 'utf8').trim();
      readMs = Date.now();
    }
    return Promise.resolve({ token });
  };
}

function pem(data: string | undefined, path: string | undefined): string | undefined {
  if (data !== undefined && data !== '') return Buffer.from(data, 'base64').toString('utf8');
  if (path === undefined || path === '') return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ApiError('BadRequest', `the kubeconfig names ${path}, which cannot be read: ${(error as Error).message}`);
  }
}
