/** The kinds that the node reads and writes. */
import { defineKind } from '../../api/kind.ts';
import type { ConfigMap, Node, Pod, Secret, Service, ServiceAccount } from '../../api/generated/core-v1.ts';
import type { Lease } from '../../api/generated/coordination-v1.ts';

const core = { group: '', version: 'v1', schema: () => ({}) } as const;
export const PodKind = defineKind<Pod>({ ...core, kind: 'Pod', plural: 'pods', namespaced: true });
export const NodeKind = defineKind<Node>({ ...core, kind: 'Node', plural: 'nodes', namespaced: false });
export const ConfigMapKind = defineKind<ConfigMap>({ ...core, kind: 'ConfigMap', plural: 'configmaps', namespaced: true });
export const SecretKind = defineKind<Secret>({ ...core, kind: 'Secret', plural: 'secrets', namespaced: true });
export const ServiceKind = defineKind<Service>({ ...core, kind: 'Service', plural: 'services', namespaced: true });
export const ServiceAccountKind = defineKind<ServiceAccount>({ ...core, kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true });
export const LeaseKind = defineKind<Lease>({ group: 'coordination.k8s.io', version: 'v1', schema: () => ({}), kind: 'Lease', plural: 'leases', namespaced: true });
