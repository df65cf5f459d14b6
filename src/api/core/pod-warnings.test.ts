/** What is let through and told, in upstream's words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind } from '../kind.ts';
import { CronJob, Deployment, Endpoints, EndpointSlice, Ingress, PersistentVolume, PersistentVolumeClaim, Pod, Service } from '../kinds.ts';
import type { KubeObject } from '../meta.ts';
import { NetworkPolicy } from '../networking/network-policy.ts';

const container = (more: object = {}): object => ({ name: 'c', image: 'x', ...more });
const pod = (spec: object, metadata: object = {}): object => ({ metadata, spec: { containers: [container()], ...spec } });
const term = { topologyKey: 'a' };
const metadata = (annotations: object): object => ({ metadata: { annotations } });

const CASES: [Kind, object, string[]][] = [
  [Pod, pod({}), []],
  [Pod, pod({}, { name: 'a.b' }), ["metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"]],
  [Deployment, { metadata: { name: 'a.b' }, spec: {} }, ['metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]']],
  [Pod, pod({ nodeSelector: { 'beta.kubernetes.io/os': 'linux' } }), ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead']],
  [Pod, pod({ topologySpreadConstraints: [{ topologyKey: 'failure-domain.beta.kubernetes.io/zone', labelSelector: {} }] }), ['spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead']],
  [Deployment, { spec: { template: pod({ affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] } } }) } }, ['spec.template.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: a null labelSelector results in matching no pod']],
  [Pod, pod({ hostAliases: [{ ip: '1.1.1.1' }, { ip: '1.1.1.1' }] }), ['spec.hostAliases[1].ip: duplicate ip "1.1.1.1"']],
  [Pod, pod({ hostAliases: [{ ip: 'fd00::0:1' }], dnsConfig: { nameservers: ['192.0.2.53', 'FD00::53'] } }), ['spec.hostAliases[0].ip: IPv6 address "fd00::0:1" should be in RFC 5952 canonical format ("fd00::1")', 'spec.dnsConfig.nameservers[1]: IPv6 address "FD00::53" should be in RFC 5952 canonical format ("fd00::53")']],
  [Pod, pod({ imagePullSecrets: [{ name: 'a' }, {}, { name: 'a' }] }), ['spec.imagePullSecrets[1].name: invalid empty name ""', 'spec.imagePullSecrets[2].name: duplicate name "a"']],
  [Pod, pod({ volumes: [{ name: 'v', gitRepo: { repository: 'x' } }] }), ['spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+']],
  [Pod, pod({ containers: [container({ resources: { limits: { memory: '0.5', cpu: '0.5' } } })] }), ['spec.containers[0].resources.limits[memory]: fractional byte value "500m" is invalid, must be an integer']],
  [Pod, pod({ containers: [container({ env: [{ name: 'A' }, { name: 'A' }] })] }), ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply']],
  [Pod, pod({ containers: [container({ ports: [{ containerPort: 1 }, { containerPort: 1, protocol: 'UDP' }, { containerPort: 1, protocol: 'TCP' }] })] }), ['spec.containers[0].ports[2]: duplicate port definition with spec.containers[0].ports[0]']],
  [Pod, pod({ initContainers: [container({ ports: [{ containerPort: 1, name: 'a' }] })], containers: [container({ ports: [{ containerPort: 1, name: 'a' }] })] }), ['spec.containers[0].ports[0]: duplicate port name "a" with spec.initContainers[0].ports[0], services and probes that select ports by name will use spec.initContainers[0].ports[0]']],
  [Pod, pod({}, { annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'x' } }), ['metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead']],
  [CronJob, { metadata: { name: 'a' }, spec: { jobTemplate: { spec: { template: pod({ terminationGracePeriodSeconds: -1 }) } } } }, ['spec.jobTemplate.spec.template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1']],
  [Service, { spec: { type: 'ClusterIP', clusterIP: 'None', externalIPs: ['1.2.3.4'], loadBalancerIP: '1.2.3.5', sessionAffinity: 'ClientIP' } }, ['spec.loadBalancerIP is ignored for headless services', 'spec.externalIPs is ignored for headless services', 'spec.SessionAffinity is ignored for headless services']],
  [Service, { spec: { type: 'ClusterIP', externalIPs: ['1.2.3.4'], externalName: 'a', trafficDistribution: 'PreferClose' } }, ['spec.externalIPs is deprecated and may no longer be implemented in some clusters', 'spec.externalName is ignored when spec.type is not "ExternalName"', 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"']],
  [Service, { spec: { type: 'ExternalName', externalName: 'a', externalIPs: ['1.2.3.4'] } }, ['spec.externalIPs is ignored when spec.type is "ExternalName"']],
  [Service, { spec: { type: 'LoadBalancer', clusterIPs: ['10.0.0.1', 'FD00::1'], loadBalancerIP: '2001:db8:0:0::2', loadBalancerSourceRanges: ['10.0.0.0/8', '2001:DB8::/64'] } }, ['spec.clusterIPs[1]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")', 'spec.loadBalancerIP: IPv6 address "2001:db8:0:0::2" should be in RFC 5952 canonical format ("2001:db8::2")', 'spec.loadBalancerSourceRanges[1]: IPv6 CIDR value "2001:DB8::/64" should be in RFC 5952 canonical format ("2001:db8::/64")']],
  [NetworkPolicy, { spec: { egress: [{ to: [{ ipBlock: { cidr: '2001:db8:0::/48', except: ['2001:DB8::/64'] } }] }] } }, ['spec.egress[0].to[0].ipBlock.cidr: IPv6 CIDR value "2001:db8:0::/48" should be in RFC 5952 canonical format ("2001:db8::/48")', 'spec.egress[0].to[0].ipBlock.except[0]: IPv6 CIDR value "2001:DB8::/64" should be in RFC 5952 canonical format ("2001:db8::/64")']],
  [EndpointSlice, { addressType: 'IPv6', endpoints: [{ addresses: ['2001:DB8::1'] }] }, ['endpoints[0].addresses[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")']],
  [Endpoints, { subsets: [{ notReadyAddresses: [{ ip: '2001:DB8::1' }] }] }, ['subsets[0].notReadyAddresses[0].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")']],
  [Service, metadata({ 'service.kubernetes.io/topology-aware-hints': 'auto' }), ['annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead']],
  [Ingress, metadata({ 'kubernetes.io/ingress.class': 'x' }), ["annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"]],
  [PersistentVolume, { ...metadata({ 'volume.beta.kubernetes.io/storage-class': 'x' }), spec: { persistentVolumeReclaimPolicy: 'Recycle' } }, ['metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead', 'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.']],
  [PersistentVolumeClaim, { spec: { resources: { requests: { storage: '100m' } } } }, ['spec.resources.requests[storage]: fractional byte value "100m" is invalid, must be an integer']],
];

for (const [kind, object, expected] of CASES) test(`${kind.kind}: ${expected[0] ?? 'nothing to tell'}`, () => {
  const whole = { ...object, metadata: { name: 'x', ...(object as Partial<KubeObject>).metadata } } as KubeObject;
  assert.deepEqual(kind.rules.warnings!(whole, undefined), expected);
});
