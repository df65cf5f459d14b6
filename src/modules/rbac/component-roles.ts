/** Roles for components that people run beside those of llmos, such as a second scheduler or a proxy ("Using RBAC Authorization", core component roles). */
import type { PolicyRule } from '../../api/generated/rbac-v1.ts';
import { grants } from './grants.ts';

const DELEGATED = ['authentication.k8s.io tokenreviews create', 'authorization.k8s.io subjectaccessreviews create'];

function electing(lease: string): string[] {
  return ['coordination.k8s.io leases create', `coordination.k8s.io leases get,list,update,watch ${lease}`, 'coordination.k8s.io leasecandidates read,write'];
}

const approver = (signer: string): PolicyRule[] => grants(`certificates.k8s.io signers approve kubernetes.io/${signer}`);

/** By name. */
export const COMPONENT_ROLES: Readonly<Record<string, PolicyRule[]>> = {
  'system:kube-scheduler': grants(
    'events', ...electing('kube-scheduler'), ...DELEGATED,
    'core nodes,namespaces,replicationcontrollers,services,persistentvolumeclaims,persistentvolumes read', 'core pods delete,read',
    'core bindings,pods/binding create', 'core pods/status change', 'core pods/finalizers update', 'apps,extensions replicasets read', 'apps statefulsets read', 'policy poddisruptionbudgets read',
    'storage.k8s.io csidrivers,csinodes,csistoragecapacities,volumeattachments read',
    'resource.k8s.io deviceclasses,resourceslices,devicetaintrules read', 'resource.k8s.io resourceclaims create,delete,read,change', 'resource.k8s.io resourceclaims/status read,change',
  ),
  'system:volume-scheduler': grants('core persistentvolumes,persistentvolumeclaims read,change', 'storage.k8s.io storageclasses read'),
  'system:kube-controller-manager': grants(
    'events', ...electing('kube-controller-manager'), ...DELEGATED, 'core secrets,serviceaccounts create,get,update', 'core secrets delete',
    'core configmaps,namespaces get', 'core serviceaccounts/token create', '* * follow',
  ),
  'system:kube-aggregator': grants('core endpoints,services read', 'discovery.k8s.io endpointslices read'),
  'system:kube-dns': grants('core endpoints,services follow'),
  // Gone from Kubernetes itself, but for its role, which what came after it is still bound to.
  'system:heapster': grants('core events,namespaces,nodes,pods read', 'extensions deployments read'),
  'system:cluster-trust-bundle-discovery': grants('certificates.k8s.io clustertrustbundles read'),
  'system:node': grants(
    ...DELEGATED, 'authorization.k8s.io localsubjectaccessreviews create', 'core services,configmaps,secrets read', 'core nodes create,read,change', 'core nodes/status change',
    'core events create,change', 'core pods create,delete,read', 'core pods/status change', 'core pods/eviction,serviceaccounts/token create', 'core serviceaccounts get',
    'core persistentvolumeclaims,persistentvolumes,endpoints get', 'core persistentvolumeclaims/status get,change',
    'certificates.k8s.io certificatesigningrequests,podcertificaterequests create,read', 'certificates.k8s.io clustertrustbundles read', 'coordination.k8s.io leases create,delete,get,change',
    'storage.k8s.io volumeattachments get', 'storage.k8s.io csidrivers read', 'storage.k8s.io csinodes create,delete,get,change', 'node.k8s.io runtimeclasses read',
    'resource.k8s.io resourceclaims get', 'resource.k8s.io resourceslices deletecollection',
  ),
  'system:node-proxier': grants('events', 'core endpoints,services follow', 'core nodes read', 'discovery.k8s.io endpointslices follow', 'networking.k8s.io servicecidrs follow'),
  'system:node-problem-detector': grants('events', 'core nodes get', 'core nodes/status patch'),
  'system:persistent-volume-provisioner': grants(
    'events', 'core persistentvolumes create,delete,read', 'core persistentvolumeclaims read,update', 'storage.k8s.io storageclasses read', 'core events watch',
  ),
  'system:certificates.k8s.io:kube-apiserver-client-approver': approver('kube-apiserver-client'),
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': approver('kube-apiserver-client-kubelet'),
  'system:certificates.k8s.io:kubelet-serving-approver': approver('kubelet-serving'),
  'system:certificates.k8s.io:legacy-unknown-approver': approver('legacy-unknown'),
};

/** Whom a component says that it is: role, then user. */
export const COMPONENT_USERS: readonly (readonly [role: string, user: string])[] = [
  ['system:kube-scheduler', 'system:kube-scheduler'], ['system:volume-scheduler', 'system:kube-scheduler'],
  ['system:kube-controller-manager', 'system:kube-controller-manager'], ['system:node-proxier', 'system:kube-proxy'],
];
