/**
 * The Lease by which others know this API server (upstream: controlplane/apiserver, APIServerIdentity, and apiserverleasegc). It lasts an hour and is renewed
 * each minute, where upstream writes each 10 s: a machine that has nothing to do writes little.
 */
import { createHash, randomUUID } from 'node:crypto';
import { Lease } from '../../api/coordination/lease.ts';
import { isApiError } from '../../api/errors.ts';
import { rfc3339Micro } from '../../base/clock.ts';
import { ifThere } from '../../sdk/if-there.ts';
import type { ModuleContext } from '../../sdk/index.ts';

const NAMESPACE = 'kube-system';
const COMPONENT = 'kube-apiserver';
const LABEL = 'apiserver.kubernetes.io/identity';
const LEASE_SECONDS = 3_600;
const RENEW_MS = 60_000;
const AGAIN_MS = 5_000;
const COLLECT_EVERY_MS = 3_600_000;

type Context = Pick<ModuleContext, 'client' | 'clock' | 'log' | 'signal' | 'machine'>;

/** Settles after the signal aborted; the Lease stays, so that the next start is known to be the same server. */
export async function keepIdentityLease(context: Context): Promise<void> {
  const { clock, log, signal, machine } = context;
  const name = identityOf(machine.nodeName);
  const holderIdentity = `${name}_${randomUUID()}`;
  let lease: Lease | undefined;
  let collectMs = clock.nowMs() + COLLECT_EVERY_MS;
  while (!signal.aborted) {
    try {
      lease = await renew(context, { name, holderIdentity, lease });
      if (clock.nowMs() >= collectMs) {
        await collect(context);
        collectMs = clock.nowMs() + COLLECT_EVERY_MS;
      }
      await clock.sleep(RENEW_MS, signal);
    } catch (error) {
      lease = undefined; // others wrote or deleted it
      if (!isApiError(error, 'Conflict', 'NotFound')) log.warn('the identity of the API server could not be renewed, trying again', { error });
      await clock.sleep(AGAIN_MS, signal);
    }
  }
}

/** The same for a host at each start: `apiserver-` and 128 bits of a hash, in base32. */
export function identityOf(hostname: string): string {
  const hash = createHash('sha256');
  for (const text of [hostname, COMPONENT]) {
    const bytes = Buffer.from(text);
    hash.update(Buffer.of(bytes.length >> 8, bytes.length & 0xff)).update(bytes);
  }
  return `apiserver-${base32(hash.digest().subarray(0, 16))}`;
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 without padding, in lower case. */
function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => BASE32[Number.parseInt(five.padEnd(5, '0'), 2)]).join('');
}

async function renew({ client, clock, machine }: Context, { name, holderIdentity, lease }: { name: string; holderIdentity: string; lease: Lease | undefined }): Promise<Lease> {
  const labels = { [LABEL]: COMPONENT, 'kubernetes.io/hostname': machine.nodeName };
  const spec = { holderIdentity, leaseDurationSeconds: LEASE_SECONDS, renewTime: rfc3339Micro(clock.nowMs()) };
  const found = lease ?? (await ifThere(client.get(Lease, name, { namespace: NAMESPACE })));
  if (found === undefined) return client.create(Lease, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace: NAMESPACE, labels }, spec });
  return client.update(Lease, { ...found, metadata: { ...found.metadata, labels: { ...found.metadata.labels, ...labels } }, spec: { ...found.spec, ...spec } });
}

/** Removes the identities of servers that are gone: their time is over, or they say none. */
async function collect({ client, clock, signal }: Context): Promise<void> {
  const { items } = await client.list(Lease, { namespace: NAMESPACE, labelSelector: `${LABEL}=${COMPONENT}`, signal });
  for (const { metadata, spec } of items) {
    const { renewTime, leaseDurationSeconds: seconds } = spec ?? {};
    if (renewTime !== undefined && seconds !== undefined && Date.parse(renewTime) + seconds * 1_000 >= clock.nowMs()) continue;
    await ifThere(client.delete(Lease, metadata.name ?? '', { namespace: NAMESPACE, preconditions: { resourceVersion: metadata.resourceVersion } }));
  }
}
