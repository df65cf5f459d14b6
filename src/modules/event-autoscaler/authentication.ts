/** The parameters of a trigger's authentication: from secrets, config maps, and the environment of the target's container. */
import { ConfigMap } from '../../api/core/config-map.ts';
import { Secret } from '../../api/core/secret.ts';
import type { Container, PodSpec } from '../../api/generated/core-v1.ts';
import { ClusterTriggerAuthentication, FOREIGN_PROVIDERS, TriggerAuthentication, type KeyReference } from '../../api/keda/trigger-authentication.ts';
import type { TriggerSpec } from '../../api/keda/triggers.ts';
import type { Client } from '../../sdk/client.ts';
import { TriggerError } from './triggers/trigger.ts';

export interface AuthenticationInput {
  client: Client;
  namespace: string;
  /** Where ClusterTriggerAuthentications have their secrets. */
  clusterNamespace: string;
  /** The environment of a container of the target; of the one that the object says where none is named. */
  envOf(container?: string): Promise<Readonly<Record<string, string>>>;
}

/** Rejects with ApiError or TriggerError that names what is missing, never a value. */
export async function resolveAuthentication(reference: TriggerSpec['authenticationRef'], { client, namespace, clusterNamespace, envOf }: AuthenticationInput): Promise<Record<string, string>> {
  if (reference === undefined) return {};
  const ofCluster = reference.kind === 'ClusterTriggerAuthentication';
  const { spec } = ofCluster ? await client.get(ClusterTriggerAuthentication, reference.name) : await client.get(TriggerAuthentication, reference.name, { namespace });
  const provider = FOREIGN_PROVIDERS.find((name) => spec[name] !== undefined && (spec[name] as { provider?: string }).provider !== 'none');
  if (provider !== undefined) throw new TriggerError(`the authentication ${reference.name} uses ${provider}, which llmos does not have: use secretTargetRef, configMapTargetRef or env`);
  const place = ofCluster ? clusterNamespace : namespace;
  const parameters: Record<string, string> = {};
  for (const { parameter, name, containerName } of spec.env ?? []) {
    const env = await envOf(containerName);
    if (env[name] === undefined) throw new TriggerError(`the authentication ${reference.name} wants ${name} of the target's environment, which is not there`);
    parameters[parameter] = env[name];
  }
  const read = async (each: KeyReference, values: Readonly<Record<string, string>> | undefined, what: string): Promise<void> => {
    const value = values?.[each.key];
    if (value === undefined) throw new TriggerError(`${what} ${place}/${each.name} has no key ${each.key}`);
    parameters[each.parameter] = value;
  };
  for (const each of spec.configMapTargetRef ?? []) await read(each, (await client.get(ConfigMap, each.name, { namespace: place })).data, 'the config map');
  for (const each of spec.secretTargetRef ?? []) {
    const { data = {} } = await client.get(Secret, each.name, { namespace: place });
    await read(each, Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')])), 'the secret');
  }
  return parameters;
}

/** The environment of a container of the target, as its manifest and what it refers to say it; what cannot be known from here is left out. */
export async function environmentOf(spec: PodSpec | undefined, containerName: string | undefined, { client, namespace }: Pick<AuthenticationInput, 'client' | 'namespace'>): Promise<Record<string, string>> {
  const container: Container | undefined = containerName === undefined || containerName === '' ? spec?.containers[0] : spec?.containers.find(({ name }) => name === containerName);
  if (container === undefined) return {};
  const env: Record<string, string> = {};
  const configMap = async (name: string): Promise<Record<string, string>> => (await client.get(ConfigMap, name, { namespace }).catch(() => undefined))?.data ?? {};
  const secret = async (name: string): Promise<Record<string, string>> => Object.fromEntries(Object.entries((await client.get(Secret, name, { namespace }).catch(() => undefined))?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const values = configMapRef !== undefined ? await configMap(configMapRef.name ?? '') : secretRef !== undefined ? await secret(secretRef.name ?? '') : {};
    for (const [key, value] of Object.entries(values)) env[`${prefix}${key}`] = value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const found = value ?? (valueFrom?.configMapKeyRef !== undefined ? (await configMap(valueFrom.configMapKeyRef.name ?? ''))[valueFrom.configMapKeyRef.key] : valueFrom?.secretKeyRef !== undefined ? (await secret(valueFrom.secretKeyRef.name ?? ''))[valueFrom.secretKeyRef.key] : undefined);
    if (found !== undefined) env[name] = found;
  }
  return env;
}
