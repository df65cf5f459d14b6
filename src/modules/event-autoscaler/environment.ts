/** The environment of a container of the target, as far as it can be known from here. */
import { ConfigMap } from '../../api/core/config-map.ts';
import { expand } from '../../api/core/expand.ts';
import { Secret } from '../../api/core/secret.ts';
import type { Container, PodSpec } from '../../api/generated/core-v1.ts';
import type { Client } from '../../sdk/client.ts';

/** As its manifest and what it refers to say it, with `$(NAME)` of what stands before; what cannot be known from here is left out. */
export async function environmentOf(spec: PodSpec | undefined, containerName: string | undefined, { client, namespace }: { client: Client; namespace: string }): Promise<Record<string, string>> {
  const container: Container | undefined = containerName === undefined || containerName === '' ? spec?.containers[0] : spec?.containers.find(({ name }) => name === containerName);
  if (container === undefined) return {};
  const env: Record<string, string> = {};
  const configMap = async (name: string): Promise<Record<string, string>> => (await client.get(ConfigMap, name, { namespace }).catch(() => undefined))?.data ?? {};
  const secret = async (name: string): Promise<Record<string, string>> => textsOf(await client.get(Secret, name, { namespace }).catch(() => undefined));
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const values = configMapRef !== undefined ? await configMap(configMapRef.name ?? '') : secretRef !== undefined ? await secret(secretRef.name ?? '') : {};
    for (const [key, value] of Object.entries(values)) env[`${prefix}${key}`] = value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const given = value === undefined ? undefined : expand(value, (other) => env[other]);
    const found = given ?? (valueFrom?.configMapKeyRef !== undefined ? (await configMap(valueFrom.configMapKeyRef.name ?? ''))[valueFrom.configMapKeyRef.key] : valueFrom?.secretKeyRef !== undefined ? (await secret(valueFrom.secretKeyRef.name ?? ''))[valueFrom.secretKeyRef.key] : undefined);
    if (found !== undefined) env[name] = found;
  }
  return env;
}

/** What a secret holds, as text. */
export function textsOf(secret: Secret | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
}
