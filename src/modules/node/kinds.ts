/** The kinds that the node reads and writes, in one import. */
export { ClusterTrustBundle as ClusterTrustBundleKind } from '../../api/certificates/cluster-trust-bundle.ts';
export { PodCertificateRequest as PodCertificateRequestKind } from '../../api/certificates/pod-certificate-request.ts';
export { ConfigMap as ConfigMapKind } from '../../api/core/config-map.ts';
export { Node as NodeKind } from '../../api/core/node.ts';
export { PersistentVolume as PersistentVolumeKind } from '../../api/core/persistent-volume.ts';
export { ResourceClaim as ResourceClaimKind } from '../../api/resource/resource-claim.ts';
export { PersistentVolumeClaim as PersistentVolumeClaimKind } from '../../api/core/persistent-volume-claim.ts';
export { Pod as PodKind } from '../../api/core/pod.ts';
export { Secret as SecretKind } from '../../api/core/secret.ts';
export { Service as ServiceKind } from '../../api/core/service.ts';
export { ServiceAccount as ServiceAccountKind } from '../../api/core/service-account.ts';
export { CSIDriver as CSIDriverKind, CSINode as CSINodeKind } from '../../api/storage/csi.ts';
export { VolumeAttachment as VolumeAttachmentKind } from '../../api/storage/volume-attachment.ts';
export { Lease as LeaseKind } from '../../api/coordination/lease.ts';
export { EndpointSlice as EndpointSliceKind } from '../../api/discovery/endpoint-slice.ts';
