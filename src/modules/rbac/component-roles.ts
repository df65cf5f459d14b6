/** Roles for components that people run beside those of llmos, such as a second scheduler or a proxy ("Using RBAC Authorization", core component roles). */
import type { ClusterRole } from '../../api/rbac/rbac.ts';

type Rules = NonNullable<ClusterRole['rules']>;
type Grant = readonly [group: string, resources: readonly string[], verbs: readonly string[], names?: readonly string[]];

const READ = ['get', 'list', 'watch'];
const FOLLOW = ['list', 'watch'];
const CHANGE = ['patch', 'update'];

function rules(...grants: Grant[]): Rules {
  return grants.map(([group, resources, verbs, names]) => ({ apiGroups: [group], resources: [...resources], verbs: [...verbs], ...(names === undefined ? {} : { resourceNames: [...names] }) }));
}

const EVENTS: readonly Grant[] = ['', 'events.k8s.io'].map((group) => [group, ['events'], ['create', ...CHANGE]]);
const DELEGATED: readonly Grant[] = [['authentication.k8s.io', ['tokenreviews'], ['create']], ['authorization.k8s.io', ['subjectaccessreviews'], ['create']]];

function electing(lease: string): Grant[] {
  return [['coordination.k8s.io', ['leases'], ['create']], ['coordination.k8s.io', ['leases'], ['get', 'list', 'update', 'watch'], [lease]], ['coordination.k8s.io', ['leasecandidates'], ['create', 'delete', 'deletecollection', ...CHANGE, ...READ]]];
}

const approver = (signer: string): Rules => rules(['certificates.k8s.io', ['signers'], ['approve'], [`kubernetes.io/${signer}`]]);

/** By name. */
export const COMPONENT_ROLES: Readonly<Record<string, Rules>> = {
  'system:kube-scheduler': rules(
    ...EVENTS, ...electing('kube-scheduler'), ...DELEGATED,
    ['', ['nodes', 'namespaces', 'replicationcontrollers', 'services', 'persistentvolumeclaims', 'persistentvolumes'], READ], ['', ['pods'], ['delete', ...READ]],
    ['', ['bindings', 'pods/binding'], ['create']], ['', ['pods/status'], CHANGE],
    ['apps', ['replicasets', 'statefulsets'], READ], ['policy', ['poddisruptionbudgets'], READ],
    ['storage.k8s.io', ['csidrivers', 'csinodes', 'csistoragecapacities', 'volumeattachments'], READ],
    ['resource.k8s.io', ['deviceclasses', 'resourceslices', 'devicetaintrules'], READ], ['resource.k8s.io', ['resourceclaims'], [...READ, ...CHANGE]], ['resource.k8s.io', ['resourceclaims/status'], CHANGE],
  ),
  'system:volume-scheduler': rules(['', ['persistentvolumes', 'persistentvolumeclaims'], [...READ, ...CHANGE]], ['storage.k8s.io', ['storageclasses'], READ]),
  'system:kube-controller-manager': rules(
    ...EVENTS, ...electing('kube-controller-manager'), ...DELEGATED, ['', ['secrets', 'serviceaccounts'], ['create', 'get', 'update']], ['', ['secrets'], ['delete']],
    ['', ['configmaps', 'namespaces'], ['get']], ['', ['serviceaccounts/token'], ['create']], ['*', ['*'], FOLLOW],
  ),
  'system:kube-aggregator': rules(['', ['endpoints', 'services'], READ], ['discovery.k8s.io', ['endpointslices'], READ]),
  'system:kube-dns': rules(['', ['endpoints', 'services'], FOLLOW]),
  'system:node': rules(
    ...DELEGATED, ['authorization.k8s.io', ['localsubjectaccessreviews'], ['create']], ['', ['services', 'configmaps', 'secrets'], READ], ['', ['nodes'], ['create', ...READ, ...CHANGE]], ['', ['nodes/status'], CHANGE],
    ['', ['events'], ['create', ...CHANGE]], ['', ['pods'], ['create', 'delete', ...READ]], ['', ['pods/status'], CHANGE], ['', ['pods/eviction', 'serviceaccounts/token'], ['create']],
    ['', ['persistentvolumeclaims', 'persistentvolumes', 'endpoints'], ['get']], ['', ['persistentvolumeclaims/status'], ['get', ...CHANGE]],
    ['certificates.k8s.io', ['certificatesigningrequests'], ['create', ...READ]], ['coordination.k8s.io', ['leases'], ['create', 'delete', 'get', ...CHANGE]],
    ['storage.k8s.io', ['volumeattachments'], ['get']], ['storage.k8s.io', ['csidrivers'], READ], ['storage.k8s.io', ['csinodes'], ['create', 'delete', 'get', ...CHANGE]], ['node.k8s.io', ['runtimeclasses'], READ], ['resource.k8s.io', ['resourceclaims'], ['get']],
  ),
  'system:node-proxier': rules(...EVENTS, ['', ['endpoints', 'services'], FOLLOW], ['', ['nodes'], READ], ['discovery.k8s.io', ['endpointslices'], FOLLOW], ['networking.k8s.io', ['servicecidrs'], FOLLOW]),
  'system:node-problem-detector': rules(...EVENTS, ['', ['nodes'], ['get']], ['', ['nodes/status'], ['patch']]),
  'system:persistent-volume-provisioner': rules(
    ...EVENTS, ['', ['persistentvolumes'], ['create', 'delete', ...READ]], ['', ['persistentvolumeclaims'], ['update', ...READ]], ['storage.k8s.io', ['storageclasses'], READ], ['', ['events'], ['watch']],
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
