/**
 * The certificates of a pod (core/v1 PodCertificateProjection): a key is made here and never leaves, a PodCertificateRequest asks the
 * signer, and what it issues is renewed when it says so. One request at a time is open for a projection (upstream: kubelet podcertificate).
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { certificateOf, pemBlock, pemBlocks } from '../../../api/certificates/pem.ts';
import { certificationRequest } from '../../../api/certificates/certification-request.ts';
import { verdictOf } from '../../../api/certificates/pod-certificate-request.ts';
import type { Pod, PodCertificateProjection } from '../../../api/generated/core-v1.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import { NodeKind, PodCertificateRequestKind, ServiceAccountKind } from '../kinds.ts';
import type { NodeParts } from '../parts.ts';

export interface PodCertificate {
  /** PKCS #8. */
  keyPem: string;
  chainPem: string;
  renewAtMs: number;
}

interface Open { key: KeyObject; name: string }

/** How long the start of a pod waits for a signer before it says so, and how soon it looks again. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 100;
const LOOK_AGAIN_MS = 10_000;

const KEYS: Readonly<Record<string, () => KeyObject>> = {
  ECDSAP256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ECDSAP384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  ECDSAP521: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
  ED25519: () => generateKeyPairSync('ed25519').privateKey,
  RSA3072: () => generateKeyPairSync('rsa', { modulusLength: 3_072 }).privateKey,
  RSA4096: () => generateKeyPairSync('rsa', { modulusLength: 4_096 }).privateKey,
};

/** What the projections of one pod hold, by their place. Rejects while there is no certificate yet, and when the signer refused. */
export function podCertificates(parts: NodeParts, pod: Pod): (place: string, source: PodCertificateProjection) => Promise<PodCertificate> {
  const { client, clock } = parts.context;
  const issued = new Map<string, PodCertificate>();
  const open = new Map<string, Open>();
  const namespace = pod.metadata.namespace ?? '';

  async function ask(source: PodCertificateProjection): Promise<Open> {
    const serviceAccountName = pod.spec?.serviceAccountName || 'default';
    const account = await client.get(ServiceAccountKind, serviceAccountName, { namespace });
    const { nodeName } = parts.context.machine;
    const node = parts.context.caches.of(NodeKind).get(nodeName) ?? (await client.get(NodeKind, nodeName));
    const key = KEYS[source.keyType ?? '']!();
    const { metadata } = await client.create(PodCertificateRequestKind, {
      apiVersion: 'certificates.k8s.io/v1', kind: 'PodCertificateRequest', metadata: { generateName: `req-${pod.metadata.name}-`.slice(0, 240), namespace },
      spec: {
        signerName: source.signerName ?? '', podName: pod.metadata.name ?? '', podUID: pod.metadata.uid ?? '', serviceAccountName, serviceAccountUID: account.metadata.uid ?? '', nodeName, nodeUID: node.metadata.uid ?? '',
        maxExpirationSeconds: source.maxExpirationSeconds, stubPKCS10Request: certificationRequest(key).toString('base64'), ...(source.userAnnotations === undefined ? {} : { unverifiedUserAnnotations: source.userAnnotations }),
      },
    });
    return { key, name: metadata.name ?? '' };
  }

  /** undefined while the signer has said nothing; a request that somebody deleted is made again. */
  async function answer(place: string, { key, name }: Open): Promise<PodCertificate | undefined> {
    const request = await ifThere(client.get(PodCertificateRequestKind, name, { namespace }));
    const verdict = request === undefined ? undefined : verdictOf(request);
    if (request === undefined || verdict !== undefined) open.delete(place);
    if (request === undefined || verdict === undefined) return undefined;
    if (verdict.type !== 'Issued') throw new Error(`PodCertificateRequest ${namespace}/${name} ${verdict.type === 'Denied' ? 'was denied' : 'failed'}, reason=${JSON.stringify(verdict.reason ?? '')}, message=${JSON.stringify(verdict.message ?? '')}`);
    const certificate = { keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(), chainPem: chainOf(request.status?.certificateChain ?? ''), renewAtMs: Date.parse(request.status?.beginRefreshAt ?? '') };
    issued.set(place, certificate);
    return certificate;
  }

  return async (place, source) => {
    const known = issued.get(place);
    if (known !== undefined && clock.nowMs() < known.renewAtMs) return known;
    const request = open.get(place) ?? (await ask(source));
    open.set(place, request);
    // What is there serves on until the next one comes.
    if (known !== undefined) return (await answer(place, request)) ?? { ...known, renewAtMs: clock.nowMs() + LOOK_AGAIN_MS };
    for (const untilMs = clock.nowMs() + PATIENCE_MS; clock.nowMs() < untilMs && open.has(place); await clock.sleep(LOOK_MS)) {
      const fresh = await answer(place, request);
      if (fresh !== undefined) return fresh;
    }
    throw new Error(`PodCertificateRequest ${namespace}/${request.name} was not answered yet: is a signer of ${source.signerName} running?`);
  };
}

/** Certificates alone, as programs want them. */
function chainOf(text: string): string {
  return pemBlocks(text).filter((block) => certificateOf(block) !== undefined).map(({ bytes }) => pemBlock('CERTIFICATE', bytes)).join('');
}
