/** All built-in kinds: tokens with their types. */
import { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from './admissionregistration/mutating-admission-policy.ts';
import { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from './admissionregistration/validating-admission-policy.ts';
import { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from './admissionregistration/webhook-configuration.ts';
import { APIService } from './apiregistration/api-service.ts';
import { HorizontalPodAutoscaler, HorizontalPodAutoscalerV1 } from './autoscaling/horizontal-pod-autoscaler.ts';
import { ControllerRevision } from './apps/controller-revision.ts';
import { Deployment } from './apps/deployment.ts';
import { ReplicaSet } from './apps/replica-set.ts';
import { DaemonSet } from './apps/daemon-set.ts';
import { StatefulSet } from './apps/stateful-set.ts';
import { CSIDriver, CSINode, CSIStorageCapacity } from './storage/csi.ts';
import { StorageClass } from './storage/storage-class.ts';
import { VolumeAttachment } from './storage/volume-attachment.ts';
import { VolumeAttributesClass } from './storage/volume-attributes-class.ts';
import { StorageVersionMigration, StorageVersionMigrationV1Beta1 } from './storagemigration/storage-version-migration.ts';
import { PersistentVolume } from './core/persistent-volume.ts';
import { PersistentVolumeClaim } from './core/persistent-volume-claim.ts';
import { CronJob } from './batch/cron-job.ts';
import { PodDisruptionBudget } from './policy/pod-disruption-budget.ts';
import { Job } from './batch/job.ts';
import { CustomResourceDefinition } from './apiextensions/custom-resource-definition.ts';
import { CertificateSigningRequest } from './certificates/certificate-signing-request.ts';
import { ClusterTrustBundle, ClusterTrustBundleV1Beta1 } from './certificates/cluster-trust-bundle.ts';
import { PodCertificateRequest, PodCertificateRequestV1Beta1 } from './certificates/pod-certificate-request.ts';
import { FlowSchema, PriorityLevelConfiguration } from './flowcontrol/flow-control.ts';
import { Lease } from './coordination/lease.ts';
import { ConfigMap } from './core/config-map.ts';
import { Endpoints } from './core/endpoints.ts';
import { Event } from './core/event.ts';
import { LimitRange } from './core/limit-range.ts';
import { Namespace } from './core/namespace.ts';
import { Node } from './core/node.ts';
import { Pod } from './core/pod.ts';
import { PodTemplate } from './core/pod-template.ts';
import { ReplicationController } from './core/replication-controller.ts';
import { ResourceQuota } from './core/resource-quota.ts';
import { Secret } from './core/secret.ts';
import { Service } from './core/service.ts';
import { ServiceAccount } from './core/service-account.ts';
import { EndpointSlice } from './discovery/endpoint-slice.ts';
import { Event as EventsEvent } from './events/event.ts';
import { BackendTLSPolicy, Gateway, GATEWAY_KINDS, GatewayClass, GRPCRoute, HTTPRoute, ListenerSet, ReferenceGrant, TCPRoute, TLSRoute, UDPRoute } from './gateway/kinds.ts';
import type { Kind } from './kind.ts';
import { IngressClass } from './networking/ingress-class.ts';
import { Ingress } from './networking/ingress.ts';
import { IPAddress, IPAddressV1Beta1 } from './networking/ip-address.ts';
import { ServiceCIDR, ServiceCIDRV1Beta1 } from './networking/service-cidr.ts';
import { NetworkPolicy } from './networking/network-policy.ts';
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from './rbac/rbac.ts';
import { DeviceTaintRule } from './resource/device-taint-rule.ts';
import { DeviceClass } from './resource/device-class.ts';
import { ResourceClaim, ResourceClaimTemplate } from './resource/resource-claim.ts';
import { ResourceSlice } from './resource/resource-slice.ts';
import { RuntimeClass } from './node/runtime-class.ts';
import { PriorityClass } from './scheduling/priority-class.ts';

export {
  CertificateSigningRequest, ClusterRole, ClusterRoleBinding, ConfigMap, ControllerRevision, CustomResourceDefinition, Deployment, Endpoints, EndpointSlice, Event, EventsEvent, Lease, LimitRange, Namespace,
  NetworkPolicy, Node, Pod, PodTemplate, PriorityClass, ReplicaSet, ReplicationController, ResourceQuota, Role, RoleBinding, RuntimeClass, Secret, Service, ServiceAccount,
};

export { CronJob, DaemonSet, Job, PersistentVolume, PersistentVolumeClaim, PodDisruptionBudget, StatefulSet, StorageClass };

export { CSIDriver, CSINode, CSIStorageCapacity, VolumeAttachment, VolumeAttributesClass };

export { HorizontalPodAutoscaler, HorizontalPodAutoscalerV1 };

export { Ingress, IngressClass };

export { BackendTLSPolicy, Gateway, GatewayClass, GRPCRoute, HTTPRoute, ListenerSet, ReferenceGrant, TCPRoute, TLSRoute, UDPRoute };

export { DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice };

export { StorageVersionMigration };

export { APIService, FlowSchema, PriorityLevelConfiguration };

export { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration };

/** Every built-in kind, in the order of discovery. */
export const BUILT_IN_KINDS: readonly Kind[] = ([
  Namespace, Node, Pod, PodTemplate, ReplicationController, Service, Endpoints, ConfigMap, Secret, ServiceAccount, Event, LimitRange, ResourceQuota,
  PersistentVolume, PersistentVolumeClaim, StorageClass, CSIDriver, CSINode, CSIStorageCapacity, VolumeAttachment, VolumeAttributesClass, Job, CronJob, DaemonSet, StatefulSet, PodDisruptionBudget,
  Deployment, ReplicaSet, ControllerRevision, EndpointSlice, EventsEvent, Lease, CustomResourceDefinition, PriorityClass, RuntimeClass, NetworkPolicy, Ingress, IngressClass, ServiceCIDR, ServiceCIDRV1Beta1, IPAddress, IPAddressV1Beta1, HorizontalPodAutoscaler, HorizontalPodAutoscalerV1,
  Role, RoleBinding, ClusterRole, ClusterRoleBinding, CertificateSigningRequest, ClusterTrustBundle, ClusterTrustBundleV1Beta1, PodCertificateRequest, PodCertificateRequestV1Beta1, FlowSchema, PriorityLevelConfiguration,
  MutatingWebhookConfiguration, ValidatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, APIService, StorageVersionMigration, StorageVersionMigrationV1Beta1,
  ResourceClaim, ResourceClaimTemplate, DeviceClass, ResourceSlice, DeviceTaintRule,
  ...GATEWAY_KINDS,
] as readonly unknown[]) as readonly Kind[];
