/**
 * The parameters of a trigger's authentication: from secrets, config maps, the environment of the target's container, files of the machine, tokens of service accounts, HashiCorp Vault, and what an
 * OAuth 2 client needs (KEDA: Authentication; pkg/scaling/resolver).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigMap } from '../../api/core/config-map.ts';
import { Secret } from '../../api/core/secret.ts';
import { ServiceAccount } from '../../api/core/service-account.ts';
import { isApiError } from '../../api/errors.ts';
import { ClusterTriggerAuthentication, FOREIGN_PROVIDERS, TriggerAuthentication, type KeyReference, type TriggerAuthenticationSpec } from '../../api/keda/trigger-authentication.ts';
import type { TriggerSpec } from '../../api/keda/triggers.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { textsOf } from './environment.ts';
import type { Settings } from './settings.ts';
import { TriggerError } from './triggers/trigger.ts';
import { vaultParameters } from './vault.ts';

export interface AuthenticationInput {
  context: Pick<ModuleContext, 'client' | 'clock' | 'may'>;
  namespace: string;
  settings: Settings;
  /** The environment of a container of the target; of the one that the object says where none is named. */
  envOf(container?: string): Promise<Readonly<Record<string, string>>>;
}

export interface Authentication {
  parameters: Record<string, string>;
  /** When one of them ends, in ms since the epoch; Infinity where none does. */
  expiresMs: number;
}

const TOKEN_SECONDS = 3_600;
/** Who asks for tokens of service accounts upstream, which roles are bound to. */
const OPERATOR = 'keda-operator';

/** Rejects with ApiError or TriggerError that names what is missing, never a value. */
export async function resolveAuthentication(reference: TriggerSpec['authenticationRef'], { context, namespace, settings, envOf }: AuthenticationInput): Promise<Authentication> {
  if (reference === undefined) return { parameters: {}, expiresMs: Infinity };
  const { client } = context;
  const ofCluster = reference.kind === 'ClusterTriggerAuthentication';
  const { spec } = ofCluster ? await client.get(ClusterTriggerAuthentication, reference.name) : await client.get(TriggerAuthentication, reference.name, { namespace });
  const provider = FOREIGN_PROVIDERS.find((name) => spec[name] !== undefined && (spec[name] as { provider?: string }).provider !== 'none');
  if (provider !== undefined) throw new TriggerError(`the authentication ${reference.name} uses ${provider}, which llmos does not have: use secretTargetRef, configMapTargetRef, env, boundServiceAccountToken, filePath, oauth2 or hashiCorpVault`);
  const place = ofCluster ? settings.clusterObjectNamespace : namespace;
  const parameters: Record<string, string> = {};
  for (const { parameter, name, containerName } of spec.env ?? []) {
    const env = await envOf(containerName);
    if (env[name] === undefined) throw new TriggerError(`the authentication ${reference.name} wants ${name} of the target's environment, which is not there`);
    parameters[parameter] = env[name];
  }
  // Whoever names a file has that alone.
  if ((spec.filePath ?? '') !== '') {
    if (!ofCluster) throw new TriggerError(`the authentication ${reference.name}: filePath is for a ClusterTriggerAuthentication only`);
    return { parameters: await parametersIn(spec.filePath!, settings), expiresMs: Infinity };
  }
  const valueIn = (name: string, key: string, values: Readonly<Record<string, string>> | undefined, what: string): string => {
    const value = values?.[key];
    if (value === undefined) throw new TriggerError(`${what} ${place}/${name} has no key ${key}`);
    return value;
  };
  const secretValue = async ({ name, key }: Pick<KeyReference, 'name' | 'key'>): Promise<string> => valueIn(name, key, textsOf(await client.get(Secret, name, { namespace: place })), 'the secret');
  for (const { parameter, name, key } of spec.configMapTargetRef ?? []) parameters[parameter] = valueIn(name, key, (await client.get(ConfigMap, name, { namespace: place })).data, 'the config map');
  for (const each of spec.secretTargetRef ?? []) parameters[each.parameter] = await secretValue(each);
  let expiresMs = Infinity;
  for (const { parameter, serviceAccountName } of spec.boundServiceAccountToken ?? []) {
    const token = await tokenOf(serviceAccountName, place, { context, settings });
    parameters[parameter] = token.text;
    expiresMs = Math.min(expiresMs, token.expiresMs);
  }
  if ((spec.hashiCorpVault?.secrets.length ?? 0) > 0) {
    const accountToken = async (name: string): Promise<string> => (await tokenOf(name, place, { context, settings })).text;
    const found = await vaultParameters(spec.hashiCorpVault!, { secretValue, accountToken, nowMs: context.clock.nowMs() });
    Object.assign(parameters, found.parameters);
    expiresMs = Math.min(expiresMs, found.expiresMs);
  }
  if (spec.oauth2 !== undefined) Object.assign(parameters, await clientOf(spec.oauth2, secretValue));
  return { parameters, expiresMs };
}

/** A file with an object of texts. */
async function parametersIn(filePath: string, { filePathAuthRootPath }: Settings): Promise<Record<string, string>> {
  if (filePathAuthRootPath === undefined) throw new TriggerError('filePath needs the folder below which files are: modules.event-autoscaler.filePathAuthRootPath');
  if (filePath.startsWith('/') || filePath.includes('..')) throw new TriggerError('filePath must be relative, without ..');
  const text = await readFile(join(filePathAuthRootPath, filePath), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new TriggerError(`the file ${filePath} of the authentication cannot be read: ${error.code}`);
  });
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    found = undefined;
  }
  if (typeof found !== 'object' || found === null || Object.values(found).some((value) => typeof value !== 'string')) throw new TriggerError(`the file ${filePath} of the authentication is no JSON object of texts`);
  return found as Record<string, string>;
}

interface TokenRequest extends KubeObject { spec: { expirationSeconds: number; audiences: string[] }; status?: { token: string; expirationTimestamp: string } }

/** For an hour. As upstream, where a role has to allow it to the operator: who may write a TriggerAuthentication may not have every service account's token. */
async function tokenOf(name: string, namespace: string, { context: { client, may }, settings }: Pick<AuthenticationInput, 'context' | 'settings'>): Promise<{ text: string; expiresMs: number }> {
  const place = settings.clusterObjectNamespace;
  const operator = { name: `system:serviceaccount:${place}:${OPERATOR}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${place}`, 'system:authenticated'] };
  if (may?.(operator, { verb: 'create', resource: { group: '', plural: 'serviceaccounts', subresource: 'token', namespace, name } }) === false) throw new TriggerError(`the service account ${place}/${OPERATOR} may not create tokens of ${namespace}/${name}: bind a Role to it that allows create on serviceaccounts/token`);
  const body: TokenRequest = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec: { expirationSeconds: TOKEN_SECONDS, audiences: [] } };
  const { status } = await client.createSubresource<TokenRequest, TokenRequest>(ServiceAccount as never, { namespace, name }, 'token', body).catch((error: unknown) => {
    throw isApiError(error, 'NotFound') ? new TriggerError(`the service account ${namespace}/${name} is not there`) : error;
  });
  if (status === undefined) throw new Error(`the answer to the token request for ${namespace}/${name} has no token`);
  return { text: status.token, expiresMs: Date.parse(status.expirationTimestamp) };
}

/** In the words of triggers that ask for tokens themselves. */
async function clientOf({ clientId, clientSecret, tokenUrl, scopes = [], tokenUrlParams = {} }: NonNullable<TriggerAuthenticationSpec['oauth2']>, secretValue: (reference: { name: string; key: string }) => Promise<string>): Promise<Record<string, string>> {
  const more = new URLSearchParams(tokenUrlParams).toString();
  return { oauthTokenURI: tokenUrl, clientID: clientId, clientSecret: await secretValue(clientSecret.valueFrom.secretKeyRef), ...(scopes.length > 0 && { scopes: scopes.join(',') }), ...(more !== '' && { endpointParams: more }) };
}
