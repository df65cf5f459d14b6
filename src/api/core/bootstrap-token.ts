/** Bootstrap tokens: `id.secret`, kept as Secrets of kube-system ("Authenticating with Bootstrap Tokens"; upstream: cluster-bootstrap). */
import type { Secret } from './secret.ts';

export const BOOTSTRAP_TOKEN_TYPE = 'bootstrap.kubernetes.io/token';
const PREFIX = 'bootstrap-token-';
const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
const EVERY = 'system:bootstrappers';

/** The parts of a token; undefined for any other text. */
export function parseBootstrapToken(token: string): { id: string; secret: string } | undefined {
  const match = TOKEN.exec(token);
  return match === null ? undefined : { id: match[1]!, secret: match[2]! };
}

/** The name of the Secret of a token, in kube-system. */
export function bootstrapSecretName(id: string): string {
  return `${PREFIX}${id}`;
}

export function bootstrapValue({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
}

/** When the token ends, in ms since the epoch; Infinity for never. A time that cannot be read is over. */
export function bootstrapEndMs(secret: Secret): number {
  const text = bootstrapValue(secret, 'expiration');
  if (text === '') return Infinity;
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}

export function mayBootstrap(secret: Secret, usage: 'authentication' | 'signing'): boolean {
  return bootstrapValue(secret, `usage-bootstrap-${usage}`) === 'true';
}

/** The groups of who comes with the token; undefined when the Secret names one that it may not. */
export function bootstrapGroups(secret: Secret): string[] | undefined {
  const more = bootstrapValue(secret, 'auth-extra-groups').split(',').filter((group) => group !== '');
  return more.every((group) => GROUP.test(group)) ? [...new Set([EVERY, ...more])].sort() : undefined;
}

/** The token that the Secret lets somebody sign with. */
export function signingToken(secret: Secret, nowMs: number): { id: string; secret: string } | undefined {
  const [id, value] = [bootstrapValue(secret, 'token-id'), bootstrapValue(secret, 'token-secret')];
  if (secret.type !== BOOTSTRAP_TOKEN_TYPE || id === '' || value === '' || secret.metadata.name !== bootstrapSecretName(id)) return undefined;
  return bootstrapEndMs(secret) > nowMs && mayBootstrap(secret, 'signing') ? { id, secret: value } : undefined;
}
