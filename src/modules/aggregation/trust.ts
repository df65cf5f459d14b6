/**
 * The ConfigMap from which other servers learn whom to believe: extension-apiserver-authentication in kube-system
 * (upstream: clusterauthenticationtrust). What others wrote into it stays.
 */
import { X509Certificate } from 'node:crypto';
import { ConfigMap } from '../../api/core/config-map.ts';
import { isApiError } from '../../api/errors.ts';
import { equalJson } from '../../api/json.ts';
import type { ModuleContext } from '../../sdk/module.ts';

const NAMESPACE = 'kube-system';
const NAME = 'extension-apiserver-authentication';
const SLACK_MS = 300_000;
const AGAIN_MS = 5_000;

type Data = Record<string, string>;

const LISTS: Readonly<Record<string, readonly string[]>> = {
  'requestheader-allowed-names': ['front-proxy-client'],
  'requestheader-extra-headers-prefix': ['X-Remote-Extra-'],
  'requestheader-group-headers': ['X-Remote-Group'],
  'requestheader-uid-headers': ['X-Remote-Uid'],
  'requestheader-username-headers': ['X-Remote-User'],
};

/** Pure: what is there with what must be there. Certificates that have ended are left out. */
export function trustData(old: Readonly<Data>, authorities: { clientCaPem: string; requestHeaderCaPem: string }, nowMs: number): Data {
  const data: Data = { ...old };
  for (const [key, ours] of Object.entries(LISTS)) data[key] = JSON.stringify([...new Set([...listOf(old[key]), ...ours])]);
  data['client-ca-file'] = bundle(`${old['client-ca-file'] ?? ''}\n${authorities.clientCaPem}`, nowMs);
  data['requestheader-client-ca-file'] = bundle(`${old['requestheader-client-ca-file'] ?? ''}\n${authorities.requestHeaderCaPem}`, nowMs);
  return data;
}

function listOf(text: string | undefined): string[] {
  try {
    const list = JSON.parse(text || '[]') as unknown;
    return Array.isArray(list) ? list.filter((each) => typeof each === 'string') : [];
  } catch {
    return [];
  }
}

function bundle(pem: string, nowMs: number): string {
  const blocks = [...pem.matchAll(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g)].map(([block]) => block);
  const valid = blocks.flatMap((block) => {
    try {
      const certificate = new X509Certificate(block);
      return Date.parse(certificate.validTo) > nowMs - SLACK_MS ? [certificate.toString()] : [];
    } catch {
      return [];
    }
  });
  return [...new Set(valid)].join('');
}

/** Keeps it as it must be. Settles after the signal aborted. */
export async function publishTrust(context: ModuleContext): Promise<void> {
  const { client, signal, clock, log } = context;
  while (!signal.aborted) {
    try {
      await write(context);
      for await (const event of client.watch(ConfigMap, { namespace: NAMESPACE, fieldSelector: `metadata.name=${NAME}`, signal })) {
        if (event.type !== 'BOOKMARK') await write(context);
      }
    } catch (error) {
      if (!signal.aborted && !isApiError(error, 'Expired', 'Conflict', 'AlreadyExists')) log.warn('the trust of other servers could not be published, trying again', { error });
    }
    await clock.sleep(AGAIN_MS, signal);
  }
}

async function write({ client, clock, machine, aggregation }: ModuleContext): Promise<void> {
  if (aggregation === undefined) return;
  const authorities = { clientCaPem: machine.apiServer.caPem, requestHeaderCaPem: aggregation.frontProxy().caPem };
  let old: ConfigMap | undefined;
  try {
    old = await client.get(ConfigMap, NAME, { namespace: NAMESPACE });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
  const data = trustData(old?.data ?? {}, authorities, clock.nowMs());
  if (old === undefined) await client.create(ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NAME, namespace: NAMESPACE }, data });
  else if (!equalJson(old.data ?? {}, data)) await client.update(ConfigMap, { ...old, data });
}
