/**
 * Parameters from HashiCorp Vault, by its HTTP API: signed in by a token, or by one of a service account's (auth method kubernetes); secrets of key-value engines of both
 * versions, and certificates that are issued (KEDA: Hashicorp Vault secrets). Each path is read once, so that what is made anew with each reading belongs together.
 */
import type { VaultSecret, VaultSpec } from '../../api/keda/vault.ts';
import { READ_TIMEOUT_MS, TriggerError } from './triggers/trigger.ts';
import { fetchText, parseJson } from './triggers/web.ts';

export interface VaultInput {
  secretValue(reference: { name: string; key: string }): Promise<string>;
  /** A token of a service account. */
  accountToken(name: string): Promise<string>;
  nowMs: number;
}

interface VaultAnswer { auth?: { client_token?: string; lease_duration?: number }; data?: Record<string, unknown>; lease_duration?: number }
type Ask = (path: string, body?: object) => Promise<VaultAnswer>;

/** Rejects with TriggerError or Error that names what is missing, never a value. `expiresMs`: when the first of them ends, in ms since the epoch. */
export async function vaultParameters(spec: VaultSpec, input: VaultInput): Promise<{ parameters: Record<string, string>; expiresMs: number }> {
  const leases: number[] = [];
  const headers = { 'x-vault-request': 'true', 'content-type': 'application/json', ...((spec.namespace ?? '') !== '' && { 'x-vault-namespace': spec.namespace! }) };
  const asking = (token?: string): Ask => async (path, body) => {
    const url = `${spec.address.replace(/\/+$/, '')}/v1/${path.replace(/^\/+/, '')}`;
    const options = { headers: { ...headers, ...(token !== undefined && { 'x-vault-token': token }) }, ...(body !== undefined && { method: 'POST' as const, body: JSON.stringify(body) }), timeoutMs: READ_TIMEOUT_MS };
    const text = await fetchText(url, options, new AbortController().signal).catch((error: Error) => {
      throw new Error(`the vault, asked for ${path}: ${error.message}`, { cause: error });
    });
    const answer = parseJson(text, 'the vault') as VaultAnswer;
    leases.push(...[answer.lease_duration, answer.auth?.lease_duration].filter((seconds) => seconds !== undefined && seconds > 0) as number[]);
    return answer;
  };
  const ask = asking(await signIn(spec, asking(), input));
  const read = new Map<string, Promise<VaultAnswer>>();
  const parameters: Record<string, string> = {};
  for (const secret of spec.secrets) {
    const which = JSON.stringify([secret.path, secret.type ?? '', secret.pkiData ?? {}]);
    const answer = read.get(which) ?? ask(secret.path, secret.type === 'pki' ? issueOf(secret) : undefined);
    read.set(which, answer);
    parameters[secret.parameter] = valueIn(secret, (await answer).data ?? {});
  }
  return { parameters, expiresMs: Math.min(Infinity, ...leases.map((seconds) => input.nowMs + 1_000 * seconds)) };
}

async function signIn({ authentication, credential = {}, mount = '', role = '' }: VaultSpec, ask: Ask, { secretValue, accountToken }: VaultInput): Promise<string> {
  if (authentication === 'token') {
    const token = credential.tokenFrom === undefined ? credential.token : await secretValue(credential.tokenFrom.secretKeyRef);
    if (token === undefined || token === '') throw new TriggerError('the vault needs a token: hashiCorpVault.credential.tokenFrom.secretKeyRef');
    return token;
  }
  if (mount === '' || role === '') throw new TriggerError('the vault needs the mount and the role of its auth method kubernetes: hashiCorpVault.mount, hashiCorpVault.role');
  // A path of a token (`serviceAccount`) would be one of the machine, which is not for whoever may write an authentication.
  if ((credential.serviceAccountName ?? '') === '') throw new TriggerError('the vault needs a service account: hashiCorpVault.credential.serviceAccountName');
  const { auth } = await ask(`auth/${mount}/login`, { jwt: await accountToken(credential.serviceAccountName!), role });
  if (auth?.client_token === undefined) throw new Error(`the vault gave no token for the role ${role}`);
  return auth.client_token;
}

/** In the words of the engine pki. */
function issueOf({ pkiData: { commonName, altNames, ipSans, uriSans, otherSans, ttl, format } = {} }: VaultSecret): object {
  return { common_name: commonName, alt_names: altNames, ip_sans: ipSans, uri_sans: uriSans, other_sans: otherSans, ttl, format };
}

/** Of version 2 the values lie a level deeper; which version it is, the answer tells where nobody says. */
function valueIn({ path, key, type = '' }: VaultSecret, data: Record<string, unknown>): string {
  const isSecond = type === 'secretV2' || (type === '' && data['data'] !== undefined);
  const values = isSecond ? data['data'] : data;
  const value = typeof values === 'object' && values !== null && Object.hasOwn(values, key) ? (values as Record<string, unknown>)[key] : undefined;
  if (type === 'pki' && Array.isArray(value)) return value.join('\n');
  if (typeof value !== 'string') throw new TriggerError(`the vault's ${path} has ${value === undefined ? `no key ${key}` : `a key ${key} that is no text`}`);
  return value;
}
