/**
 * The roles of Kubernetes' own controllers, `system:controller:NAME`, each bound to the service account NAME of kube-system (upstream:
 * bootstrappolicy/controller_policy.go). The controllers of llmos have rights of their own; these are for who runs one of upstream's beside
 * them, such as a cloud's, who binds one of these roles, and who looks for them to learn that a cluster is whole.
 */
import type { PolicyRule } from '../../api/generated/rbac-v1.ts';
import { grants } from './grants.ts';

/** By the name of the controller. */
export const CONTROLLER_ROLES: Readonly<Record<string, PolicyRule[]>> = {
  'attachdetach-controller': grants(
    'core persistentvolumeclaims,persistentvolumes follow', 'core nodes read', 'core nodes/status change', 'core pods follow', 'events',
    'storage.k8s.io volumeattachments create,delete,read', 'storage.k8s.io csidrivers,csinodes read',
  ),
  'certificate-controller': grants(
    'certificates.k8s.io certificatesigningrequests delete,read', 'certificates.k8s.io certificatesigningrequests/approval,certificatesigningrequests/status update',
    'certificates.k8s.io signers approve kubernetes.io/kube-apiserver-client-kubelet',
    'certificates.k8s.io signers sign kubernetes.io/kube-apiserver-client,kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown',
    'authorization.k8s.io subjectaccessreviews create', 'events',
  ),
  'clusterrole-aggregation-controller': grants('rbac.authorization.k8s.io clusterroles escalate,read,change'),
  'cronjob-controller': grants('batch cronjobs read,update', 'batch jobs create,delete,read,change', 'batch cronjobs/finalizers,cronjobs/status update', 'core pods delete,follow', 'events'),
  'daemon-set-controller': grants(
    'apps,extensions daemonsets read', 'apps,extensions daemonsets/finalizers,daemonsets/status update', 'core nodes follow', 'core pods create,delete,follow,patch',
    'core pods/binding create', 'apps controllerrevisions create,delete,read,change', 'events',
  ),
  'deployment-controller': grants(
    'apps,extensions deployments read,update', 'apps,extensions deployments/finalizers,deployments/status update', 'apps,extensions replicasets create,delete,read,change', 'core pods read,update', 'events',
  ),
  'device-taint-eviction-controller': grants('core pods delete,read', 'core pods/status change', 'resource.k8s.io deviceclasses,resourceclaims,resourceslices read', 'events'),
  'disruption-controller': grants(
    'apps,extensions deployments,replicasets read', 'core replicationcontrollers read', 'policy poddisruptionbudgets read', 'apps statefulsets read', 'policy poddisruptionbudgets/status update',
    'core pods/status change', '* */scale get', 'events',
  ),
  'endpoint-controller': grants('core pods,services read', 'core endpoints create,delete,read,update', 'core endpoints/restricted create', 'events'),
  'endpointslice-controller': grants('core nodes,pods,services read', 'core services/finalizers update', 'discovery.k8s.io endpointslices create,delete,read,update', 'events'),
  'endpointslicemirroring-controller': grants(
    'core endpoints,services read', 'core endpoints/finalizers,services/finalizers update', 'discovery.k8s.io endpointslices create,delete,read,update', 'events',
  ),
  'ephemeral-volume-controller': grants('core pods read', 'core pods/finalizers update', 'core persistentvolumeclaims create,read', 'events'),
  'expand-controller': grants('core persistentvolumes read,change', 'core persistentvolumeclaims/status change', 'core persistentvolumeclaims read', 'events'),
  'generic-garbage-collector': grants('* * delete,read,change', 'events'),
  'horizontal-pod-autoscaler': grants(
    'autoscaling horizontalpodautoscalers read', 'autoscaling horizontalpodautoscalers/status update', '* */scale get,update', 'core pods follow', 'metrics.k8s.io pods follow',
    'custom.metrics.k8s.io,external.metrics.k8s.io * read', 'events',
  ),
  'job-controller': grants('batch jobs read,change', 'batch jobs/finalizers,jobs/status update', 'core pods create,delete,follow,patch', 'events'),
  'legacy-service-account-token-cleaner': grants('core configmaps get kube-apiserver-legacy-service-account-token-tracking', 'core secrets delete,patch'),
  'namespace-controller': grants('core namespaces delete,read', 'core namespaces/finalize,namespaces/status update', '* * delete,deletecollection,read'),
  'node-controller': grants('core nodes delete,read,change', 'core nodes/status,pods/status change', 'core pods delete,read', 'events'),
  'persistent-volume-binder': grants(
    'core persistentvolumes create,delete,read,update', 'core persistentvolumeclaims read,update', 'core persistentvolumeclaims/status,persistentvolumes/status update', 'core pods create,delete,read',
    'storage.k8s.io storageclasses read', 'core nodes follow', 'events', 'core events watch',
  ),
  'pod-garbage-collector': grants('core pods delete,follow', 'core nodes read', 'core pods/status patch'),
  'pv-protection-controller': grants('core persistentvolumes read,update', 'events'),
  'pvc-protection-controller': grants('core persistentvolumeclaims read,update', 'core persistentvolumeclaims/status update', 'core pods read', 'events'),
  'replicaset-controller': grants('apps,extensions replicasets read,update', 'apps,extensions replicasets/finalizers,replicasets/status update', 'core pods create,delete,follow,patch', 'events'),
  'replication-controller': grants('core replicationcontrollers read,update', 'core replicationcontrollers/finalizers,replicationcontrollers/status update', 'core pods create,delete,follow,patch', 'events'),
  'resource-claim-controller': grants(
    'core pods read', 'core pods/finalizers update', 'resource.k8s.io resourceclaims create,delete,read', 'resource.k8s.io resourceclaims,resourceclaims/binding,resourceclaims/status change', 'core pods/status change', 'events',
  ),
  'resourcequota-controller': grants('* * follow', 'core resourcequotas/status update', 'events'),
  'root-ca-cert-publisher': grants('core configmaps create,update', 'events'),
  'route-controller': grants('core nodes follow', 'core nodes/status patch', 'events'),
  'selinux-warning-controller': grants('events', 'core persistentvolumeclaims,persistentvolumes,pods read', 'storage.k8s.io csidrivers read'),
  'service-account-controller': grants('core serviceaccounts create', 'events'),
  'service-cidrs-controller': grants(
    'networking.k8s.io servicecidrs read,change', 'networking.k8s.io servicecidrs/finalizers,servicecidrs/status change', 'networking.k8s.io ipaddresses read', 'events',
  ),
  'service-controller': grants('core services read', 'core services/status change', 'core nodes follow', 'events'),
  'statefulset-controller': grants(
    'apps statefulsets read', 'apps statefulsets/finalizers,statefulsets/status update', 'core pods create,delete,read,change', 'apps controllerrevisions create,delete,read,change',
    'core persistentvolumeclaims create,delete,read,update', 'core pods/finalizers update', 'events',
  ),
  'ttl-after-finished-controller': grants('batch jobs delete,read', 'events'),
  'ttl-controller': grants('core nodes follow,change', 'events'),
  'validatingadmissionpolicy-status-controller': grants(
    'admissionregistration.k8s.io validatingadmissionpolicies read', 'admissionregistration.k8s.io validatingadmissionpolicies/status get,change', 'events',
  ),
  'volumeattributesclass-protection-controller': grants('core persistentvolumeclaims,persistentvolumes read', 'storage.k8s.io volumeattributesclasses read,update', 'events'),
};
