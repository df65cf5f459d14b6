/**
 * Identity: the keys and certificates of one llmos, in a folder of mode 0700 with files of mode 0600. They are made on the first boot
 * and renewed when they near their end or when the server gets a new name; the authority and the token key stay.
 */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isIP } from 'node:net';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { makeAuthority, makeLeaf, signRequest, type KeyAndCertificate, type SigningRequest } from './certificates.ts';
import { createTokenSigner, type TokenSigner } from './tokens.ts';

export interface IdentityOptions {
  /** `<state>/pki`; made when missing. */
  folder: string;
  clock: Clock;
  log: Log;
  /** DNS names and IP addresses of the server beside 127.0.0.1, ::1, localhost and the kubernetes service names. */
  names?: readonly string[];
  /** Default cluster.local. */
  clusterDomain?: string;
  /** Issuer of service account tokens; default `https://kubernetes.default.svc.<clusterDomain>`. */
  issuer?: string;
}

export interface Identity {
  readonly caPem: string;
  /** Another one when the first nears its end. */
  readonly server: KeyAndCertificate;
  /** A client certificate of group system:masters. */
  readonly admin: KeyAndCertificate;
  readonly tokens: TokenSigner;
  /** By what servers that we ask for others know us: an authority of its own, and a client certificate of it, made when first asked for. */
  frontProxy(): FrontProxy;
  /** A certificate of our authority for what others ask for, PEM. */
  sign(request: SigningRequest): string;
  /** The administrator's kubeconfig for a server URL such as `https://127.0.0.1:6443`. */
  kubeconfig(url: string): string;
}

export interface FrontProxy {
  readonly caPem: string;
  readonly client: KeyAndCertificate;
}

/** The name in the certificate of the front proxy. */
const FRONT_PROXY_NAME = 'front-proxy-client';

const RENEW_BEFORE_MS = 30 * 86_400_000;
const LOOK_AGAIN_MS = 3_600_000;

export function openIdentity(options: IdentityOptions): Identity {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const clusterDomain = options.clusterDomain ?? 'cluster.local';
  const names = serverNames(clusterDomain, options.names ?? []);
  const nowMs = options.clock.nowMs();
  const authority = keep(options, 'ca', () => true, () => makeAuthority('llmos', nowMs));
  const isOurs = (certificate: X509Certificate): boolean => certificate.checkIssued(new X509Certificate(authority.certificatePem));
  const keepServer = (): KeyAndCertificate => keep(options, 'apiserver', (old) => isOurs(old) && covers(old, names), () =>
    makeLeaf(authority, { commonName: 'kube-apiserver', usage: 'server', names, nowMs: options.clock.nowMs() }));
  let server = keepServer();
  let serverEndMs = endOf(server);
  const admin = keep(options, 'admin', isOurs, () =>
    makeLeaf(authority, { commonName: 'kubernetes-admin', organizations: ['system:masters'], usage: 'client', nowMs }));
  const issuer = options.issuer ?? `https://kubernetes.default.svc.${clusterDomain}`;
  let frontProxy: FrontProxy | undefined;
  let frontProxyMs = 0;
  return {
    caPem: authority.certificatePem,
    get server() {
      if (serverEndMs - options.clock.nowMs() < RENEW_BEFORE_MS) {
        server = keepServer();
        serverEndMs = endOf(server);
      }
      return server;
    },
    admin,
    tokens: createTokenSigner({ keyPem: tokenKey(options.folder), issuer }),
    frontProxy() {
      // Asked for with each request that goes on to another server.
      const askedMs = options.clock.nowMs();
      if (frontProxy === undefined || askedMs - frontProxyMs > LOOK_AGAIN_MS) [frontProxy, frontProxyMs] = [frontProxyOf(options), askedMs];
      return frontProxy;
    },
    sign: (request) => signRequest(authority, request, options.clock.nowMs()),
    kubeconfig: (url) => kubeconfigText({ url, caPem: authority.certificatePem, admin }),
  };
}

/** Whoever has a certificate of this authority may say who a request is for: it signs nothing else. */
function frontProxyOf(options: IdentityOptions): FrontProxy {
  const nowMs = options.clock.nowMs();
  const authority = keep(options, 'front-proxy-ca', () => true, () => makeAuthority('front-proxy-ca', nowMs));
  const isOurs = (certificate: X509Certificate): boolean => certificate.checkIssued(new X509Certificate(authority.certificatePem));
  const client = keep(options, 'front-proxy-client', isOurs, () => makeLeaf(authority, { commonName: FRONT_PROXY_NAME, usage: 'client', nowMs }));
  return { caPem: authority.certificatePem, client };
}

function serverNames(clusterDomain: string, more: readonly string[]): string[] {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${clusterDomain}`];
  return [...new Set(['localhost', '127.0.0.1', '::1', ...service, ...more])];
}

/** What is in the folder, unless it is missing, near its end or no longer fits; then what `make` makes, written there. */
function keep(options: IdentityOptions, name: string, fits: (certificate: X509Certificate) => boolean, make: () => KeyAndCertificate): KeyAndCertificate {
  const keyPem = read(join(options.folder, `${name}.key`));
  const certificatePem = read(join(options.folder, `${name}.crt`));
  if (keyPem !== undefined && certificatePem !== undefined) {
    const certificate = readPair(keyPem, certificatePem);
    // Another authority would be trusted by nobody who knows this one: that is not ours to decide.
    if (certificate === undefined && name === 'ca') throw new Error(`the authority in ${options.folder} is damaged (ca.key and ca.crt do not belong together or cannot be read); restore both from a backup, or delete the folder to begin with a new one and hand out new kubeconfigs`);
    const remainingMs = certificate === undefined ? 0 : Date.parse(certificate.validTo) - options.clock.nowMs();
    const isBegun = certificate !== undefined && Date.parse(certificate.validFrom) <= options.clock.nowMs(); // it may be of a clock that was ahead
    if (certificate !== undefined && isBegun && remainingMs > RENEW_BEFORE_MS && fits(certificate)) return { keyPem, certificatePem };
    options.log.info('renewing a certificate', { name, validFrom: certificate?.validFrom, validTo: certificate?.validTo });
  }
  const made = make();
  write(join(options.folder, `${name}.key`), made.keyPem);
  write(join(options.folder, `${name}.crt`), made.certificatePem);
  return made;
}

/** The certificate, if it can be read and belongs to the key. */
function readPair(keyPem: string, certificatePem: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(certificatePem);
    return certificate.checkPrivateKey(createPrivateKey(keyPem)) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

function endOf({ certificatePem }: KeyAndCertificate): number {
  return Date.parse(new X509Certificate(certificatePem).validTo);
}

function covers(certificate: X509Certificate, names: readonly string[]): boolean {
  return names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) !== undefined : certificate.checkIP(name) !== undefined));
}

function tokenKey(folder: string): string {
  const path = join(folder, 'sa.key');
  const known = read(path);
  if (known !== undefined) return known;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const text = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  write(path, text);
  return text;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** By way of a second name, so that a crash never leaves half a key. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
