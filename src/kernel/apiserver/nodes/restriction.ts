/** What a kubelet may write, beyond what rules can say: itself, and of its pods what it is for (upstream: plugin/pkg/admission/noderestriction). */
import { CertificateSigningRequest, pemOf } from '../../../api/certificates/certificate-signing-request.ts';
import { readCertificationRequest } from '../../../api/certificates/pkcs10.ts';
import { podReferences } from '../../../api/core/pod-references.ts';
import type { ResourceSlice as Slice } from '../../../api/generated/resource-v1.ts';
import type { Node as NodeObject, PersistentVolumeClaim as Claim, Pod as PodObject } from '../../../api/generated/core-v1.ts';
import { equalJson } from '../../../api/json.ts';
import type { Kind } from '../../../api/kind.ts';
import { CSINode, Lease, Node, PersistentVolumeClaim, Pod, ResourceSlice } from '../../../api/kinds.ts';
import type { KubeObject, OwnerReference } from '../../../api/meta.ts';
import type { Admission, AdmissionRequest, UserInfo } from '../../../sdk/module.ts';
import type { Store } from '../../store/store.ts';
import { forbiddenObject } from '../errors.ts';
import { nodeOf } from './identity.ts';
import { forbiddenLabels } from './labels.ts';

const MIRROR = 'kubernetes.io/config.mirror';
const LEASES = 'kube-node-lease';
const SIGNERS = ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet'];

/** Before all other steps: what those add is none of the node's. */
export function nodeRestriction(store: Store): Admission {
  const judges = judgesOf(store);
  return {
    name: 'NodeRestriction',
    kinds: [Pod, Node, PersistentVolumeClaim, Lease, CSINode, CertificateSigningRequest, ResourceSlice] as readonly unknown[] as readonly Kind[],
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    admit(request) {
      if (request.again === true) return;
      const node = nodeOf(request.user);
      if (node === undefined) return;
      const why = node === '' ? `could not determine node from user ${JSON.stringify(request.user.name)}` : judges[request.kind.plural]?.(node, request);
      if (why !== undefined) throw forbiddenObject(request.kind, request.name, why);
    },
  };
}

/** What is wrong, if anything. */
type Judge = (node: string, request: AdmissionRequest) => string | undefined;

function judgesOf(store: Store): Readonly<Record<string, Judge>> {
  return { pods: (node, request) => judgePod(store, node, request), nodes: judgeNode, persistentvolumeclaims: judgeClaim, leases: judgeLease, csinodes: judgeOwnName, resourceslices: judgeSlice, certificatesigningrequests: judgeSigningRequest };
}

function judgeSlice(node: string, { operation, object, oldObject }: AdmissionRequest): string | undefined {
  const nodeName = ((operation === 'DELETE' ? oldObject : object) as Slice | undefined)?.spec.nodeName;
  return nodeName === node ? undefined : `can only ${operation.toLowerCase()} ResourceSlice with the same NodeName as the requesting node`;
}

function judgePod(store: Store, node: string, request: AdmissionRequest): string | undefined {
  const old = request.oldObject as PodObject | undefined;
  switch (request.subresource ?? '') {
    case '':
      if (request.operation === 'CREATE') return judgeMirrorPod(store, node, request.object as PodObject);
      if (request.operation === 'UPDATE') return `unexpected operation "UPDATE", node ${JSON.stringify(node)} can only create and delete mirror pods`;
      return old?.spec?.nodeName === node ? undefined : `node ${JSON.stringify(node)} can only delete pods with spec.nodeName set to itself`;
    case 'status':
      if (old?.spec?.nodeName !== node) return `node ${JSON.stringify(node)} can only update pod status for pods with spec.nodeName set to itself`;
      if (!equalJson(old.metadata.labels ?? {}, request.object?.metadata.labels ?? {})) return `node ${JSON.stringify(node)} cannot update labels through pod status`;
      return equalJson(old.status?.resourceClaimStatuses ?? [], (request.object as PodObject).status?.resourceClaimStatuses ?? []) ? undefined : `node ${JSON.stringify(node)} cannot update resource claim statues`;
    case 'eviction': return old?.spec?.nodeName === node ? undefined : `node ${node} can only evict pods with spec.nodeName set to itself`;
    default: return `unexpected pod subresource ${JSON.stringify(request.subresource)}, only 'status' and 'eviction' are allowed`;
  }
}

function judgeMirrorPod(store: Store, node: string, pod: PodObject): string | undefined {
  const named = `node ${JSON.stringify(node)}`;
  if (pod.metadata.annotations?.[MIRROR] === undefined) return `pod does not have ${JSON.stringify(MIRROR)} annotation, ${named} can only create mirror pods`;
  if (pod.spec?.nodeName !== node) return `${named} can only create pods with spec.nodeName set to itself`;
  const references = podReferences(pod);
  return judgeOwner(store, node, pod.metadata.ownerReferences ?? [])
    ?? (references.serviceAccount !== '' ? `${named} can not create pods that reference a service account` : undefined)
    ?? (references.secrets.size > 0 ? `${named} can not create pods that reference secrets` : undefined)
    ?? (references.configMaps.size > 0 ? `${named} can not create pods that reference configmaps` : undefined)
    ?? (pod.spec.volumes?.some(({ projected }) => projected?.sources?.some(({ clusterTrustBundle }) => isSet(clusterTrustBundle))) === true ? `${named} can not create pods that reference clustertrustbundles` : undefined)
    ?? (references.resourceClaims.size > 0 || (pod.spec.resourceClaims ?? []).length > 0 ? `${named} can not create pods that reference resourceclaims` : undefined)
    ?? (references.claims.size > 0 ? `${named} can not create pods that reference persistentvolumeclaims` : undefined);
}

/** JSON may say null for nothing. */
function isSet<T>(value: T): value is NonNullable<T> {
  return value !== undefined && value !== null;
}

function judgeOwner(store: Store, node: string, owners: readonly OwnerReference[]): string | undefined {
  const named = `node ${JSON.stringify(node)}`;
  if (owners.length > 1) return `${named} can only create pods with a single owner reference set to itself`;
  const [owner] = owners;
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) return `${named} can only create pods with an owner reference set to itself`;
  if (owner.controller !== true) return `${named} can only create pods with a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion === true) return `${named} must not set blockOwnerDeletion on an owner reference`;
  const uid = store.get(`/core/nodes/${node}`)?.object.metadata.uid;
  return owner.uid === uid ? undefined : `node ${node} UID mismatch: expected ${owner.uid} got ${uid ?? 'none: there is no such node'}`;
}

function judgeNode(node: string, request: AdmissionRequest): string | undefined {
  const named = `node ${JSON.stringify(node)}`;
  if (request.name !== node) return `${named} is not allowed to modify node ${JSON.stringify(request.name ?? '')}`;
  const now = request.object as NodeObject | undefined;
  const old = request.oldObject as NodeObject | undefined;
  if (now === undefined) return undefined;
  const labels = forbiddenLabels(now.metadata.labels ?? {}, old?.metadata.labels ?? {}).join(', ');
  if (old === undefined) {
    if (isSet(now.spec?.configSource)) return `${named} is not allowed to create pods with a non-nil configSource`;
    return labels === '' ? undefined : `${named} is not allowed to set the following labels: ${labels}`;
  }
  if (isSet(now.spec?.configSource) && !equalJson(now.spec.configSource, old.spec?.configSource)) return `${named} is not allowed to update configSource to a new non-nil configSource`;
  if (!equalJson(now.spec?.taints ?? [], old.spec?.taints ?? [])) return `${named} is not allowed to modify taints`;
  // An owner that is gone would take the node with it, and let it come back with other labels and taints (CVE-2025-5187).
  if (!equalJson(now.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? [])) return `${named} is not allowed to modify ownerReferences`;
  return labels === '' ? undefined : `is not allowed to modify labels: ${labels}`;
}

function judgeClaim(node: string, request: AdmissionRequest): string | undefined {
  if (request.subresource !== 'status') return 'may only update PVC status';
  const reported = (claim: Claim): unknown => {
    const { metadata: { resourceVersion: _version, managedFields: _managers, ...metadata }, status = {}, ...rest } = claim;
    const { capacity: _capacity, conditions: _conditions, allocatedResources: _allocated, allocatedResourceStatuses: _statuses, ...others } = status;
    return { ...rest, metadata, status: others };
  };
  return equalJson(reported(request.oldObject as Claim), reported(request.object as Claim)) ? undefined : `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions`;
}

function judgeLease(node: string, request: AdmissionRequest): string | undefined {
  if (request.namespace !== LEASES) return `can only access leases in the ${JSON.stringify(LEASES)} system namespace`;
  return request.name === node ? undefined : 'can only access node lease with the same name as the requesting node';
}

function judgeOwnName(node: string, request: AdmissionRequest): string | undefined {
  return request.name === node ? undefined : 'can only access CSINode with the same name as the requesting node';
}

function judgeSigningRequest(node: string, { operation, object }: AdmissionRequest): string | undefined {
  const { spec } = object as CertificateSigningRequest;
  if (operation !== 'CREATE' || !SIGNERS.includes(spec?.signerName ?? '')) return undefined;
  try {
    const { commonName } = readCertificationRequest(pemOf(spec.request));
    return commonName === `system:node:${node}` ? undefined : `can only create a node CSR with CN=system:node:${node}`;
  } catch (error) {
    return `unable to parse csr: ${(error as Error).message}`;
  }
}

/** A token that a node asks for is that of a pod of its own. Throws Forbidden. */
export function restrictToken(store: Store, user: UserInfo, account: { kind: Kind; namespace: string; name: string }, body: KubeObject): void {
  const node = nodeOf(user);
  if (node === undefined) return;
  const why = judgeToken(store, node, account.namespace, body);
  if (why !== undefined) throw forbiddenObject(account.kind, account.name, why);
}

interface TokenSpec {
  audiences?: string[];
  boundObjectRef?: { apiVersion?: string; kind?: string; name?: string; uid?: string } | null;
}

function judgeToken(store: Store, node: string, namespace: string, body: KubeObject): string | undefined {
  const { audiences = [], boundObjectRef: bound } = (body as { spec?: TokenSpec }).spec ?? {};
  if (bound === undefined || bound === null || bound.apiVersion !== 'v1' || bound.kind !== 'Pod' || !bound.name) return 'node requested token not bound to a pod';
  if (!bound.uid) return 'node requested token with a pod binding without a uid';
  const pod = store.get(`/core/pods/${namespace}/${bound.name}`)?.object as PodObject | undefined;
  if (pod === undefined) return undefined; // not found, as it is told to everybody
  if (pod.metadata.uid !== bound.uid) return `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  if (pod.spec?.nodeName !== node) return 'node requested token bound to a pod scheduled on a different node';
  if (audiences.length > 1) return 'node may only request 0 or 1 audiences';
  const wanted = audiences[0] ?? '';
  const has = pod.spec.volumes?.some(({ projected, csi }) => projected?.sources?.some(({ serviceAccountToken: token }) => isSet(token) && (token.audience ?? '') === wanted) === true || (isSet(csi) && isAudienceOfDriver(store, csi.driver, wanted)));
  return has === true ? undefined : `audience ${JSON.stringify(wanted)} not found in pod spec volume`;
}

function isAudienceOfDriver(store: Store, driver: string, audience: string): boolean {
  const { spec } = (store.get(`/storage.k8s.io/csidrivers/${driver}`)?.object ?? {}) as { spec?: { tokenRequests?: { audience?: string }[] } };
  return spec?.tokenRequests?.some((each) => (each.audience ?? '') === audience) === true;
}
