/**
 * Programs that give credentials for registries when an image is pulled, asked as the kubelet asks them: CredentialProviderRequest on standard input,
 * CredentialProviderResponse on standard output (kubelet.config.k8s.io/v1 CredentialProviderConfig, credentialprovider.kubelet.k8s.io/v1).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseDuration } from '../../../api/times.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import { runAny } from '../../../base/sys/run.ts';
import { matchesImage, registryOf } from './match-image.ts';

/** By registry, perhaps with a path: as in a docker config.json. */
export type Auths = Record<string, { auth: string }>;

export interface CredentialProviders {
  /** For an image with its registry, without tag. A program that fails is logged and left out, as upstream does. Rejects when the configuration is wrong. */
  auths(repository: string): Promise<Auths>;
}

interface Provider {
  name: string;
  file: string;
  matchImages: readonly string[];
  cacheMs: number;
  apiVersion: string;
  args: readonly string[];
  env: Record<string, string>;
}

interface Answer { auth: Record<string, { username?: string; password?: string }> }

export interface ProviderOptions {
  configFile: string;
  binFolder: string;
  clock: Clock;
  log: Log;
}

const TIMEOUT_MS = 60_000;
const MOST_BYTES = 1024 * 1024;
const VERSIONS = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `credentialprovider.kubelet.k8s.io/${version}`);
const GLOBAL = '<global>';

export function credentialProviders({ configFile, binFolder, clock, log }: ProviderOptions): CredentialProviders {
  const kept = new Map<string, { answer: Answer; untilMs: number }>();
  let providers: readonly Provider[] | undefined;

  async function ask(provider: Provider, repository: string): Promise<Answer | undefined> {
    for (const key of [repository, registryOf(repository), GLOBAL]) {
      const found = kept.get(`${provider.name} ${key}`);
      if (found !== undefined && found.untilMs > clock.nowMs()) return found.answer;
    }
    const request = JSON.stringify({ kind: 'CredentialProviderRequest', apiVersion: provider.apiVersion, image: repository });
    const { code, stdout, stderr } = await runAny(provider.file, provider.args, { input: request, env: { ...process.env, ...provider.env }, timeoutMs: TIMEOUT_MS, maxOutputBytes: MOST_BYTES });
    if (code !== 0) throw new Error(`it ended with code ${code}: ${stderr.trim().slice(-300)}`);
    const { answer, key, cacheMs } = readAnswer(stdout, provider, repository);
    if (cacheMs > 0) kept.set(`${provider.name} ${key}`, { answer, untilMs: clock.nowMs() + cacheMs });
    return answer;
  }

  return {
    async auths(repository) {
      providers ??= readProviders(readFileSync(configFile, 'utf8'), binFolder);
      const auths: Auths = {};
      // The first of several that speak of the same registry counts.
      for (const provider of providers.toReversed()) {
        if (!provider.matchImages.some((pattern) => matchesImage(pattern, repository))) continue;
        const answer = await ask(provider, repository).catch((error: Error) => void log.warn('a credential provider gave no credentials', { provider: provider.name, image: repository, error: error.message }));
        Object.assign(auths, authsFor(repository, answer));
      }
      return auths;
    },
  };
}

/** Throws with what is wrong. */
export function readProviders(text: string, binFolder: string): Provider[] {
  const { apiVersion, kind, providers } = (parse(text) ?? {}) as { apiVersion?: string; kind?: string; providers?: unknown };
  if (kind !== 'CredentialProviderConfig' || !apiVersion?.startsWith('kubelet.config.k8s.io/')) throw new Error('imageCredentialProviderConfig names no file with a CredentialProviderConfig of kubelet.config.k8s.io/v1');
  if (!Array.isArray(providers) || providers.length === 0) throw new Error('the CredentialProviderConfig has no providers');
  return providers.map((each, index) => {
    const { name, matchImages, defaultCacheDuration, apiVersion: version = '', args = [], env = [], tokenAttributes } = each as Record<string, unknown> & { apiVersion?: string; args?: string[]; env?: { name: string; value: string }[] };
    const bad = (what: string): Error => new Error(`providers[${index}] of the CredentialProviderConfig: ${what}`);
    if (typeof name !== 'string' || name === '' || /[/\s]|^\.\.?$/.test(name)) throw bad('name must be that of a program in imageCredentialProviderBinDir');
    if (providers.some((other, at) => at < index && (other as { name?: string }).name === name)) throw bad(`the name ${name} is there twice`);
    if (!Array.isArray(matchImages) || matchImages.length === 0 || matchImages.some((pattern) => typeof pattern !== 'string')) throw bad('matchImages must be a list of patterns such as "*.registry.io"');
    const cacheMs = typeof defaultCacheDuration === 'string' ? parseDuration(defaultCacheDuration) / 1e6 : Number.NaN;
    if (!(cacheMs >= 0)) throw bad('defaultCacheDuration must be a duration such as "12h"');
    if (!VERSIONS.includes(version)) throw bad(`apiVersion must be one of ${VERSIONS.join(', ')}`);
    if (tokenAttributes !== undefined) throw bad('tokenAttributes are not served');
    const file = join(binFolder, name);
    if (!existsSync(file)) throw bad(`there is no program ${file}`);
    return { name, file, matchImages: matchImages as string[], cacheMs, apiVersion: version, args, env: Object.fromEntries(env.map((one) => [one.name, one.value])) };
  });
}

function readAnswer(text: string, { apiVersion, cacheMs }: Provider, repository: string): { answer: Answer; key: string; cacheMs: number } {
  const response = JSON.parse(text) as { kind?: string; apiVersion?: string; cacheKeyType?: string; cacheDuration?: string | null; auth?: Answer['auth'] };
  if (response.kind !== 'CredentialProviderResponse' || response.apiVersion !== apiVersion) throw new Error(`it answered no CredentialProviderResponse of ${apiVersion}`);
  const key = { Image: repository, Registry: registryOf(repository), Global: GLOBAL }[response.cacheKeyType ?? ''];
  if (key === undefined) throw new Error(`its cacheKeyType ${JSON.stringify(response.cacheKeyType)} is none of Image, Registry, Global`);
  return { answer: { auth: response.auth ?? {} }, key, cacheMs: typeof response.cacheDuration === 'string' ? parseDuration(response.cacheDuration) / 1e6 : cacheMs };
}

/** Its keys may be patterns; the puller wants the very registry. */
function authsFor(repository: string, answer: Answer | undefined | void): Auths {
  const matching = Object.entries(answer?.auth ?? {}).filter(([pattern]) => matchesImage(pattern, repository));
  return Object.fromEntries(matching.map(([pattern, { username = '', password = '' }]) => {
    const path = pattern.replace(/^https?:\/\//, '').split('/').slice(1).join('/').replace(/\/$/, '');
    return [`${registryOf(repository)}${path === '' ? '' : `/${path}`}`, { auth: Buffer.from(`${username}:${password}`).toString('base64') }];
  }));
}
