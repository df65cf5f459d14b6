/** Keeps the certificates that Gateways and Ingresses want from an ACME server: made, renewed, written to the Secrets that they name. */
import { X509Certificate } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '../../api/core/secret.ts';
import type { KubeObject } from '../../api/meta.ts';
import { exponentialBackoff } from '../../base/backoff.ts';
import type { ModuleContext } from '../../sdk/module.ts';
import { newAccountKey, thumbprintOf, type AcmeClient, type AcmeRefusal } from './acme-client.ts';
import { isOwnIngress } from './ingress.ts';
import type { Observed } from './observed.ts';
import { ownGateways } from './plan.ts';
import { createAlarm, renewAtMs } from './renewal.ts';

/** Of a Gateway or an Ingress: `acme` has its Secrets made. */
export const ISSUER = 'llmos.dev/issuer';
const LOOK_MS = 3_600_000;
/** As long as a server is waited for at most: one that names years, by a mistake or a clock that is wrong, would have the certificate run out, and one that means it says so again a day later. */
const MOST_WAIT_MS = 86_400_000;
const SEEN_EVERY_MS = 50;
const MOST_LOOKS = 100;

export interface AcmeSettings { directory: string; email?: string; caFile?: string }

/** `modules.gateway.acme`; undefined where it is not said. Throws what is wrong. */
export function acmeSettings(config: Readonly<Record<string, unknown>>): AcmeSettings | undefined {
  const { acme } = config;
  if (acme === undefined) return undefined;
  const { directory, email, caFile } = acme as Partial<AcmeSettings>;
  if (typeof acme !== 'object' || typeof directory !== 'string' || !directory.startsWith('https://')) throw new Error("modules.gateway.acme.directory must be the https:// URL of an ACME server's directory");
  for (const [name, value] of Object.entries({ email, caFile })) if (value !== undefined && typeof value !== 'string') throw new Error(`modules.gateway.acme.${name} must be a text`);
  return { directory, ...(email === undefined ? {} : { email }), ...(caFile === undefined ? {} : { caFile }) };
}

export interface WantedCertificate { namespace: string; secretName: string; names: readonly string[]; owner: KubeObject }

/** The Secrets that are to be made, each with all the names that are asked of it. Wildcards cannot be had by HTTP-01. Pure. */
function wantedCertificates(observed: Observed): WantedCertificate[] {
  const found = new Map<string, { namespace: string; secretName: string; names: Set<string>; owner: KubeObject }>();
  const want = (owner: KubeObject, secretName: string | undefined, names: readonly (string | undefined)[]): void => {
    const { namespace = '' } = owner.metadata;
    if (!secretName) return;
    const entry = found.get(`${namespace}/${secretName}`) ?? { namespace, secretName, names: new Set<string>(), owner };
    for (const name of names) if (name !== undefined && name !== '' && !name.startsWith('*.')) entry.names.add(name);
    if (entry.names.size > 0) found.set(`${namespace}/${secretName}`, entry);
  };
  const asks = ({ metadata }: KubeObject): boolean => metadata.annotations?.[ISSUER] === 'acme';
  for (const gateway of ownGateways(observed).filter(asks)) {
    for (const { hostname, tls } of gateway.spec.listeners) {
      const ref = tls?.certificateRefs?.[0];
      if (ref !== undefined && (ref.kind ?? 'Secret') === 'Secret' && (ref.namespace ?? gateway.metadata.namespace) === gateway.metadata.namespace) want(gateway, ref.name, [hostname]);
    }
  }
  for (const ingress of observed.ingresses.filter((each) => asks(each) && isOwnIngress(each, observed))) for (const { secretName, hosts } of ingress.spec?.tls ?? []) want(ingress, secretName, hosts ?? []);
  return [...found.values()].map(({ names, ...rest }) => ({ ...rest, names: [...names].sort() }));
}

/** When the Secret is to be made (anew), ms: at once (0) where it is not there, or is ours and for other names; ours again before it ends. What a user put there stays: Infinity. Pure. */
function dueMs(secret: Secret | undefined, names: readonly string[]): number {
  if (secret === undefined) return 0;
  if (secret.metadata.annotations?.[ISSUER] !== 'acme') return Infinity;
  try {
    const pem = Buffer.from(secret.data?.['tls.crt'] ?? '', 'base64');
    const shown = new Set((new X509Certificate(pem).subjectAltName ?? '').split(', ').map((each) => each.replace(/^DNS:/, '')));
    return names.some((name) => !shown.has(name)) ? 0 : renewAtMs(pem);
  } catch {
    return 0;
  }
}

export interface Issuer {
  /** What follows the token in the answer to a challenge. */
  readonly thumbprint: string;
  /** For which certificates are to be had, each once. */
  names(): readonly string[];
  /** Looks what is due; goes on by itself. */
  look(observed: Observed): void;
}

export function createIssuer(settings: AcmeSettings, { client, events, clock, log, machine, signal }: ModuleContext, observe: () => Observed): Issuer {
  const keyPem = accountKey(machine.stateFolder);
  const backoff = exponentialBackoff({ baseMs: 10_000, maxMs: 3_600_000 });
  /** Of Secrets whose last try failed: when the next one for the same names may be. */
  const notBefore = new Map<string, { names: string; atMs: number }>();
  const under = new Set<string>();
  let acme: Promise<AcmeClient> | undefined;

  async function issue({ namespace, secretName, names, owner }: WantedCertificate, key: string): Promise<void> {
    const { createAcmeClient } = await import('./acme-client.ts');
    acme ??= Promise.resolve(createAcmeClient({ directory: settings.directory, keyPem, signal, ...(settings.email === undefined ? {} : { email: settings.email }), ...(settings.caFile === undefined ? {} : { caPem: readFileSync(settings.caFile, 'utf8') }) }));
    const pair = await (await acme).certificate(names);
    const { metadata } = await client.apply(Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: secretName, annotations: { [ISSUER]: 'acme' } }, type: 'kubernetes.io/tls', data: { 'tls.crt': Buffer.from(pair.certificatePem).toString('base64'), 'tls.key': Buffer.from(pair.keyPem).toString('base64') } }, { force: true });
    // Who looks before the Secret is seen would have a second one made.
    for (let looks = 0; looks < MOST_LOOKS && Number(observe().secret(key)?.metadata.resourceVersion ?? 0) < Number(metadata.resourceVersion); looks++) await sleep(SEEN_EVERY_MS, undefined, { signal });
    // One that is due as it comes would have the next one made at once, and so on.
    if (renewAtMs(pair.certificatePem) > clock.nowMs()) backoff.forget(key);
    else putOff(key, names);
    events.event(owner, 'Normal', 'CertificateIssued', `Secret ${secretName} holds a certificate for ${names.join(', ')}`);
  }

  /** `waitMs`: what the server asks for, heeded up to {@link MOST_WAIT_MS}. */
  function putOff(key: string, names: readonly string[], waitMs = 0): void {
    notBefore.set(key, { names: names.join(), atMs: clock.nowMs() + Math.max(Math.min(waitMs, MOST_WAIT_MS), backoff.next(key)) });
  }

  /** What was wrong with other names says nothing of these. */
  function putOffTo(key: string, names: readonly string[]): number {
    const last = notBefore.get(key);
    if (last === undefined || last.names === names.join()) return last?.atMs ?? 0;
    notBefore.delete(key);
    backoff.forget(key);
    return 0;
  }

  function look(observed: Observed): void {
    let nextMs = clock.nowMs() + LOOK_MS;
    for (const wanted of wantedCertificates(observed)) {
      const key = `${wanted.namespace}/${wanted.secretName}`;
      const atMs = Math.max(putOffTo(key, wanted.names), dueMs(observed.secret(key), wanted.names));
      if (under.has(key) || atMs > clock.nowMs()) {
        if (!under.has(key)) nextMs = Math.min(nextMs, atMs);
        continue;
      }
      under.add(key);
      void issue(wanted, key).catch((error: unknown) => {
        if (signal.aborted) return;
        // The next try begins with the directory: the server may know the account no more.
        acme = undefined;
        putOff(key, wanted.names, (error as Partial<AcmeRefusal>).retryAfterMs);
        log.warn('a certificate could not be had', { secret: key, error });
        events.event(wanted.owner, 'Warning', 'CertificateNotIssued', `Secret ${wanted.secretName}: ${(error as Error).message}`);
      }).finally(() => {
        under.delete(key);
        if (!signal.aborted) look(observe());
      });
    }
    alarm.set(nextMs);
  }

  const alarm = createAlarm({ nowMs: () => clock.nowMs(), signal }, () => look(observe()));
  return { thumbprint: thumbprintOf(keyPem), names: () => [...new Set(wantedCertificates(observe()).flatMap(({ names }) => names))].sort(), look };
}

function accountKey(folder: string): string {
  const file = join(folder, 'acme-account.pem');
  if (existsSync(file)) return readFileSync(file, 'utf8');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keyPem = newAccountKey();
  // Half a key would keep the gateways from starting for ever.
  const handle = openSync(`${file}.new`, 'w', 0o600);
  writeSync(handle, keyPem);
  fsyncSync(handle);
  closeSync(handle);
  renameSync(`${file}.new`, file);
  return keyPem;
}
