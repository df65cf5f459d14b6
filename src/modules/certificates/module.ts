/** Certificates: requests for them, their approval, and the signers that every cluster has. */
import { CertificateSigningRequest, isApproved, pemOf } from '../../api/certificates/certificate-signing-request.ts';
import { ClusterTrustBundle, ClusterTrustBundleV1Beta1 } from '../../api/certificates/cluster-trust-bundle.ts';
import { PodCertificateRequest, PodCertificateRequestV1Beta1 } from '../../api/certificates/pod-certificate-request.ts';
import { readCertificationRequest } from '../../api/certificates/pkcs10.ts';
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { Controller, ReconcileContext, ReconcileResult } from '../../sdk/controller.ts';
import { defineModule, type CertificateAuthority, type ModuleContext } from '../../sdk/module.ts';
import { runController } from '../../sdk/run-controller.ts';
import { certificateAdmission, podCertificateAdmission, trustAdmission } from './admission.ts';
import { approvalOf, type Approval } from './approval.ts';
import { isKnownSigner, refusalOf } from './signers.ts';

const HOUR_MS = 3_600_000;

/** What is done with is deleted: after an hour what was answered, after a day what nobody answered (upstream: csrcleaner). */
function endMs({ metadata, status }: CertificateSigningRequest): number {
  const made = Date.parse(metadata.creationTimestamp ?? '');
  const answered = (status?.conditions ?? []).map(({ lastUpdateTime }) => Date.parse(lastUpdateTime ?? '')).filter((time) => !Number.isNaN(time));
  if (answered.length === 0) return made + 24 * HOUR_MS;
  return isApproved({ status } as CertificateSigningRequest) && !status?.certificate ? made + 24 * HOUR_MS : Math.max(...answered) + HOUR_MS;
}

function signing(authority: CertificateAuthority | undefined, may: NonNullable<ModuleContext['may']>): Controller<CertificateSigningRequest> {
  return {
    name: 'certificate-signing', for: CertificateSigningRequest,
    async reconcile(_key, request, context): Promise<ReconcileResult | void> {
      if (request === undefined) return;
      const leftMs = endMs(request) - context.clock.nowMs();
      if (leftMs <= 0) return remove(CertificateSigningRequest, request, context);
      if (isOpen(request)) {
        const approval = approvalOf(request, may);
        // What becomes of it is the next round's.
        if (approval !== undefined) return approve(request, approval, context);
      }
      if (authority !== undefined && isApproved(request) && isKnownSigner(request.spec.signerName) && !isDone(request)) await answer(request, authority, context);
      return { requeueAfterMs: leftMs };
    },
  };
}

/** Nodes have read the answers by then; they ask anew for the next certificate. */
const POD_REQUEST_MS = HOUR_MS / 2;

const podRequests: Controller<PodCertificateRequest> = {
  name: 'pod-certificate-request-cleaner', for: PodCertificateRequest,
  async reconcile(_key, request, context): Promise<ReconcileResult | void> {
    if (request === undefined) return;
    const leftMs = Date.parse(request.metadata.creationTimestamp ?? '') + POD_REQUEST_MS - context.clock.nowMs();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    await remove(PodCertificateRequest, request, context);
  },
};

function isOpen({ status }: CertificateSigningRequest): boolean {
  return !status?.certificate && !(status?.conditions ?? []).some(({ type }) => type === 'Approved' || type === 'Denied');
}

async function approve(request: CertificateSigningRequest, { reason, message }: Approval, { client }: ReconcileContext): Promise<void> {
  const conditions = [...(request.status?.conditions ?? []), { type: 'Approved', status: 'True', reason, message }];
  await client.update(CertificateSigningRequest, { ...request, status: { ...request.status, conditions } }, { subresource: 'approval' });
}

function isDone({ status }: CertificateSigningRequest): boolean {
  return Boolean(status?.certificate) || status?.conditions?.some(({ type }) => type === 'Failed') === true;
}

async function answer(request: CertificateSigningRequest, authority: CertificateAuthority, { client, clock }: ReconcileContext): Promise<void> {
  const { signerName, usages = [], expirationSeconds } = request.spec;
  const wanted = readCertificationRequest(pemOf(request.spec.request));
  const why = refusalOf(signerName, wanted, usages);
  const now = rfc3339(clock.nowMs());
  const status = why === undefined
    ? { ...request.status, certificate: Buffer.from(authority.sign({ subject: wanted.subject, publicKey: wanted.publicKey, altNames: wanted.altNames, usages, expirationSeconds: expirationSeconds === undefined ? undefined : Number(expirationSeconds) })).toString('base64') }
    : { ...request.status, conditions: [...(request.status?.conditions ?? []), { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: why, lastUpdateTime: now, lastTransitionTime: now }] };
  await client.update(CertificateSigningRequest, { ...request, status }, { subresource: 'status' });
}

async function remove<T extends KubeObject>(kind: Kind<T>, { metadata }: T, { client }: ReconcileContext): Promise<void> {
  try {
    await client.delete(kind, metadata.name ?? '', { namespace: metadata.namespace, preconditions: { uid: metadata.uid } });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
  }
}

export default defineModule({
  name: 'certificates',
  description: 'CertificateSigningRequests, their approval, and the signers of clients and nodes',
  kinds: [CertificateSigningRequest, ClusterTrustBundle, ClusterTrustBundleV1Beta1, PodCertificateRequest, PodCertificateRequestV1Beta1] as never,
  reads: [CertificateSigningRequest, PodCertificateRequest] as never,
  writes: [CertificateSigningRequest, PodCertificateRequest] as never,
  signs: true,
  admissions: [certificateAdmission, podCertificateAdmission, trustAdmission],
  async run(context: ModuleContext) {
    await Promise.all([runController(signing(context.authority, (user, attributes) => context.may?.(user, attributes) === true), context), runController(podRequests, context)]);
  },
});
