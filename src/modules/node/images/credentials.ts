/** Joins the imagePullSecrets of a pod, and what the machine itself has, into one docker config.json (secret types kubernetes.io/dockerconfigjson and dockercfg). */
import type { Pod, Secret } from '../../../api/generated/core-v1.ts';

/** Gives undefined when no secret holds any; those that are missing or broken are left out, as upstream does. */
export async function pullCredentials(pod: Pod, secret: (name: string) => Promise<Secret | undefined>, own?: Secret): Promise<string | undefined> {
  const auths: Record<string, unknown> = { ...parse(own?.data?.['.dockerconfigjson'])?.['auths'] };
  for (const { name } of pod.spec?.imagePullSecrets ?? []) {
    const data = !name ? undefined : (await secret(name))?.data;
    Object.assign(auths, parse(data?.['.dockerconfigjson'])?.['auths'], parse(data?.['.dockercfg']));
  }
  return Object.keys(auths).length === 0 ? undefined : JSON.stringify({ auths });
}

function parse(base64: unknown): Record<string, object> | undefined {
  if (typeof base64 !== 'string') return undefined;
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as Record<string, object>;
  } catch {
    return undefined;
  }
}
