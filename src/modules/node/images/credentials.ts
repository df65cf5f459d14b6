/** The credentials for a pull: of the imagePullSecrets of a pod (types kubernetes.io/dockerconfigjson and dockercfg) and of the machine, and which of them a registry is shown. */
import { createHash } from 'node:crypto';
import type { Pod, Secret } from '../../../api/generated/core-v1.ts';

/** Whose credentials they are. */
export interface SecretCoordinates {
  namespace: string;
  name: string;
  uid: string;
}

export interface GivenAuths {
  /** As in a docker config.json: by registry, perhaps with a path. */
  auths: Record<string, object>;
  /** Absent for those of the machine, which every pod of it may use. */
  secret?: SecretCoordinates;
}

/** What a pod may show of an image: that it has this very credential in this secret. */
export interface ShownSecret extends SecretCoordinates {
  /** SHA-256 of the credential. */
  credentialHash: string;
}

/** The machine's own first, then those of the pod in their order; secrets that are missing or broken are left out, as upstream does. */
export async function pullCredentials(pod: Pod, secret: (name: string) => Promise<Secret | undefined>, own?: Secret): Promise<readonly GivenAuths[]> {
  const given: GivenAuths[] = own === undefined ? [] : [{ auths: authsIn(own) }];
  for (const { name } of pod.spec?.imagePullSecrets ?? []) {
    const found = name ? await secret(name) : undefined;
    if (found === undefined) continue;
    const { namespace = pod.metadata.namespace ?? '', uid = '' } = found.metadata;
    given.push({ auths: authsIn(found), secret: { namespace, name: name ?? '', uid } });
  }
  return given.filter(({ auths }) => Object.keys(auths).length > 0);
}

/** The text of a docker config.json; undefined when there is nothing to show. Of several for one registry the last counts. */
export function authFileOf(given: readonly GivenAuths[]): string | undefined {
  const auths = Object.assign({}, ...given.map((each) => each.auths)) as Record<string, object>;
  return Object.keys(auths).length === 0 ? undefined : JSON.stringify({ auths });
}

/** Which of them the registry of a repository is shown: the one with the longest path, the last of several (containers-auth.json(5)). Undefined: none, the pull is anonymous. */
export function shownFor(repository: string, given: readonly GivenAuths[]): GivenAuths | undefined {
  for (const key of keysOf(repository)) {
    const found = given.findLast(({ auths }) => credentialIn(auths, key) !== undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** All secrets with a credential that fits the repository. */
export function secretsFor(repository: string, given: readonly GivenAuths[]): ShownSecret[] {
  return given.flatMap(({ auths, secret }) => {
    const fitting = keysOf(repository).map((key) => credentialIn(auths, key)).find((each) => each !== undefined);
    return secret === undefined || fitting === undefined ? [] : [{ ...secret, credentialHash: createHash('sha256').update(JSON.stringify(fitting)).digest('hex') }];
  });
}

/** `host/a/b`, `host/a`, `host`. */
function keysOf(repository: string): string[] {
  const parts = repository.split('/');
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/'));
}

/** By the very key; a registry also by a URL, as `docker login` wrote it. */
function credentialIn(auths: Record<string, object>, key: string): object | undefined {
  return auths[key] ?? (key.includes('/') ? undefined : Object.entries(auths).find(([each]) => hostOf(each) === key)?.[1]);
}

function hostOf(key: string): string | undefined {
  const [, url = '', host = ''] = /^(https?:\/\/)?([^/]+)/.exec(key) ?? [];
  if (url === '' && key.includes('/')) return undefined; // a repository, or a part of its path
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

function authsIn({ data }: Secret): Record<string, object> {
  return { ...(parse(data?.['.dockerconfigjson'])?.['auths'] as Record<string, object> | undefined), ...parse(data?.['.dockercfg']) };
}

function parse(base64: unknown): Record<string, object> | undefined {
  if (typeof base64 !== 'string') return undefined;
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as Record<string, object>;
  } catch {
    return undefined;
  }
}
