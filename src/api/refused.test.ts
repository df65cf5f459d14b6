/** What objects of many kinds are refused for, in upstream's words: of each the first complaint. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind } from './kind.ts';
import {
  ClusterRole, EndpointSlice, FlowSchema, HorizontalPodAutoscaler, Lease, LimitRange, Node, PersistentVolume, PersistentVolumeClaim, Pod, PriorityLevelConfiguration, ReplicaSet, ResourceQuota,
  RuntimeClass, Service, StatefulSet, StorageClass, ValidatingAdmissionPolicy, ValidatingWebhookConfiguration,
} from './kinds.ts';
import type { KubeObject } from './meta.ts';
import { Event } from './events/event.ts';
import { applyDefaults } from './schema/default.ts';

const QUOTA = { pods: '1' };
const scoped = (scopeName: string, operator: string, ...values: string[]): object => ({ spec: { hard: QUOTA, scopeSelector: { matchExpressions: [{ scopeName, operator, values }] } } });
const limit = (item: object): object => ({ spec: { limits: [{ type: 'Container', ...item }] } });
const volume = (spec: object): object => ({ spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' }, ...spec } });
const claim = (spec: object): object => ({ spec: { resources: { requests: { storage: '1Gi' } }, accessModes: ['ReadWriteOnce'], ...spec } });
const slice = (endpoint: object, port = {}): object => ({ addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], ...endpoint }], ports: [{ port: 80, ...port }] });
const rule = { verbs: ['get'], apiGroups: ['*'], resources: ['*'], clusterScope: true };
const flow = (rules: object): object => ({ spec: { priorityLevelConfiguration: { name: 'x' }, rules: [{ subjects: [{ kind: 'User', user: { name: 'a' } }], ...rules }] } });
const level = (limited: object): object => ({ spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' }, ...limited } } });
const dealt = (queues: number, handSize: number): object => level({ limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 1 } } });
const event = (fields: object): object => ({ eventTime: '2026-01-01T00:00:00.000000Z', regarding: { namespace: 'default' }, reportingController: 'a', reportingInstance: 'b', action: 'c', reason: 'd', type: 'Normal', ...fields });
const service = (spec: object): object => ({ spec: { ports: [{ port: 80 }], ...spec } });
const scaler = (metric: object): object => ({ spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' }, maxReplicas: 2, metrics: [metric] } });
const policy = (spec: object): object => ({ spec: { matchConstraints: { resourceRules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }] }, ...spec } });
const hook = (...resources: string[]): object => ({ webhooks: [{ name: 'a.b.c', clientConfig: { url: 'https://x' }, sideEffects: 'None', admissionReviewVersions: ['v1'], rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources }] }] });
const term = { matchLabelExpressions: [{ key: 'a', values: [] }] };

const pod = (spec: object, container: object = {}): object => ({ spec: { containers: [{ name: 'c', image: 'x', ...container }], ...spec } });
const mounted = (source: object, container: object = {}): object => pod({ volumes: [{ name: 'v', ...source }] }, container);
const bound = (container: object): object => pod({}, { securityContext: container });
const file = { key: 'a', path: 'x' };
const spread = { maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'DoNotSchedule' };

const PODS: [object, string][] = [
  [pod({}, { ports: [{ containerPort: 80, hostPort: 80, hostIP: '256.1.1.1' }] }), 'spec.containers[0].ports[0].hostIP: Invalid value: "256.1.1.1": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  [pod({}, { lifecycle: { stopSignal: 'SIGTERM' } }), 'spec.containers[0].lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`'],
  [pod({ os: { name: 'linux' } }, { lifecycle: { stopSignal: 'SIGODD' } }), 'spec.containers[0].lifecycle.stopSignal: Unsupported value: "SIGODD": supported values: "SIGABRT", "SIGALRM"'],
  [pod({ os: { name: 'constructor' } }, { lifecycle: { stopSignal: 'SIGODD' } }), 'spec.containers[0].lifecycle.stopSignal: Unsupported value: "SIGODD": supported values: "SIGABRT", "SIGALRM"'],
  [pod({ os: { name: 'windows' } }, { lifecycle: { stopSignal: 'SIGHUP' } }), 'spec.containers[0].lifecycle.stopSignal: Unsupported value: "SIGHUP": supported values: "SIGKILL", "SIGTERM"'],
  [pod({ os: { name: 'windows' }, securityContext: { runAsUser: 1 } }), 'spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod'],
  [pod({ os: { name: 'windows' }, hostPID: true }), 'spec.securityContext.hostPID: Forbidden: cannot be set for a windows pod'],
  [pod({ os: { name: 'windows' } }, { securityContext: { privileged: true } }), 'spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod'],
  [pod({ os: { name: 'linux' }, securityContext: { windowsOptions: { runAsUserName: 'a' } } }), 'spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod'],
  [pod({ securityContext: { windowsOptions: { runAsUserName: 'a\\b\\c' } } }), 'spec.securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash'],
  [bound({ windowsOptions: { hostProcess: true } }), 'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers'],
  [pod({ hostnameOverride: 'A_b' }), 'spec.hostnameOverride: Invalid value: "A_b": a lowercase RFC 1123 subdomain'],
  [pod({ hostnameOverride: 'a', hostNetwork: true }), 'spec.hostnameOverride: Forbidden: may not be specified when `hostNetwork` is true'],
  [pod({}, { env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } } }] }), 'spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Not found: "v"'],
  [mounted({ configMap: { name: 'c' } }, { env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } } }] }), 'spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Invalid value: "v": referenced volume must be of type emptyDir'],
  [pod({ securityContext: { seLinuxChangePolicy: 'Odd' } }), 'spec.securityContext.seLinuxChangePolicy: Unsupported value: "Odd": supported values: "MountOption", "Recursive"'],
  [mounted({ image: { reference: 'a', pullPolicy: 'Odd' } }), 'spec.volumes[0].image.pullPolicy: Unsupported value: "Odd": supported values: "Always", "IfNotPresent", "Never"'],
  [mounted({ nfs: { server: 'a', path: 'b' } }), 'spec.volumes[0].nfs.path: Invalid value: "b": must be an absolute path'],
  [mounted({ iscsi: { targetPortal: '', iqn: 'x', lun: 0 } }), 'spec.volumes[0].iscsi.targetPortal: Required value'],
  [pod({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'a', namespaces: ['A'] }] } } }), 'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespace: Invalid value: "A"'],
  [pod({ topologySpreadConstraints: [{ ...spread, matchLabelKeys: ['a'] }] }), 'spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set'],
  [pod({ topologySpreadConstraints: [{ ...spread, matchLabelKeys: ['a'], labelSelector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] } }] }), 'spec.topologySpreadConstraints[0][0]: Invalid value: "a": exists in both matchLabelKeys and labelSelector'],
  [pod({}, { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'gold' } } }] }), 'spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "gold": supported values: "limits.cpu"'],
  [mounted({ emptyDir: {} }, { volumeDevices: [{ name: 'v', devicePath: '/a' }] }), 'spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'],
  [pod({}, { lifecycle: { preStop: { sleep: { seconds: 100 } } } }), 'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 100: must be non-negative and less than terminationGracePeriodSeconds (30)'],
  [pod({}, { resources: { limits: { 'example.com/gpu': '1.5' } } }), 'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "1500m": must be an integer'],
  [pod({}, { resources: { limits: { cpu: '1', 'hugepages-2Mi': '3Mi' } } }), 'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi'],
  [pod({}, { resources: { limits: { 'hugepages-2Mi': '2Mi' } } }), 'spec.containers[0].resources: Forbidden: HugePages require cpu or memory'],
  [pod({}, { resizePolicy: [{ resourceName: 'gold', restartPolicy: 'NotRequired' }] }), 'spec.containers[0].resizePolicy: Unsupported value: "gold": supported values: "cpu", "memory"'],
  [pod({ restartPolicy: 'Never' }, { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }), "spec.containers[0].resizePolicy: Invalid value: \"RestartContainer\": must be 'NotRequired' when `restartPolicy` is 'Never'"],
  [bound({ procMount: 'Odd' }), 'spec.containers[0].securityContext.procMount: Unsupported value: "Odd": supported values: "Default", "Unmasked"'],
  [bound({ procMount: 'Unmasked' }), 'spec.containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`'],
  [bound({ seccompProfile: { type: 'Localhost' } }), 'spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost'],
  [bound({ seccompProfile: { type: 'Odd' } }), 'spec.containers[0].securityContext.seccompProfile.type: Unsupported value: "Odd": supported values: "Localhost"'],
  [bound({ appArmorProfile: { type: 'RuntimeDefault', localhostProfile: 'a' } }), 'spec.containers[0].securityContext.appArmorProfile.localhostProfile: Invalid value: "a": can only be set when AppArmor type is Localhost'],
  [pod({ securityContext: { supplementalGroups: [-1] } }), 'spec.securityContext.supplementalGroups[0]: Invalid value: -1: must be between 0 and 2147483647, inclusive'],
  [pod({ securityContext: { fsGroupChangePolicy: 'Odd' } }), 'spec.securityContext.fsGroupChangePolicy: Unsupported value: "Odd": supported values: "Always", "OnRootMismatch"'],
  [pod({ hostNetwork: true, securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '1' }] } }), "spec.securityContext.sysctls[0].name: Invalid value: \"net.core.somaxconn\": may not be specified when 'hostNetwork' is true"],
  [pod({ dnsConfig: { searches: ['a_b!'] } }), 'spec.dnsConfig.searches[0]: Invalid value: "a_b!": a lowercase RFC 1123 subdomain'],
  [pod({ os: { name: 'odd' } }), 'spec.os: Unsupported value: "odd": supported values: "linux", "windows"'],
  [pod({ schedulingGates: [{ name: 'a' }, { name: 'a' }] }), 'spec.schedulingGates[1]: Duplicate value: "a"'],
  [pod({ schedulingGates: [{ name: 'a' }], nodeName: 'n' }), 'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared'],
  [pod({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'a', matchLabelKeys: ['b'] }] } } }), 'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set'],
  [pod({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'a', operator: 'In', values: ['b'] }] }] } } } }), 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key: Invalid value: "a": not a valid field selector key'],
  [pod({ topologySpreadConstraints: [{ ...spread, whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2 }] }), 'spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway'],
  [pod({ topologySpreadConstraints: [spread, spread] }), 'spec.topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable}: Duplicate value: "{a, DoNotSchedule}"'],
  [mounted({ projected: { sources: [{ serviceAccountToken: { path: 'x', expirationSeconds: 5 } }] } }), 'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes'],
  [mounted({ projected: { sources: [{ configMap: { name: 'a', items: [file] } }, { secret: { name: 'b', items: [file] } }] } }), 'spec.volumes[0].projected: Invalid value: "b": conflicting duplicate paths'],
  [mounted({ downwardAPI: { items: [{ path: 'a' }] } }), 'spec.volumes[0].downwardAPI.items[0]: Required value: one of fieldRef and resourceFieldRef is required'],
  [mounted({ downwardAPI: { items: [{ path: 'a', fieldRef: { fieldPath: 'spec.nodeName' } }] } }), 'spec.volumes[0].downwardAPI.items[0].fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values: "metadata.annotations"'],
  [mounted({ csi: { driver: '' } }), 'spec.volumes[0].csi.driver: Required value'],
];

const TABLE: [Kind, object, string][] = [
  [ResourceQuota, { spec: { hard: { 'deployments.apps': '1' } } }, 'spec.hard[deployments.apps]: Invalid value: "deployments.apps": must be a standard resource type or fully qualified'],
  [ResourceQuota, scoped('Terminating', 'In', 'x'), 'spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be \'Exist\' when scope is any of'],
  [ResourceQuota, scoped('PriorityClass', 'In'), 'spec.scopeSelector.matchExpressions.values: Required value: must be at least one value'],
  [ResourceQuota, scoped('PriorityClass', 'Exists', 'x'), 'spec.scopeSelector.matchExpressions.values: Invalid value: ["x"]: must be no value'],
  [ResourceQuota, scoped('PriorityClass', 'Like'), 'spec.scopeSelector.matchExpressions.operator: Invalid value: "Like": not a valid selector operator'],
  [ResourceQuota, { spec: { hard: QUOTA, scopes: ['VolumeAttributesClass'] } }, 'spec.scopes: Invalid value: ["VolumeAttributesClass"]: unsupported scope applied to resource'],
  [ResourceQuota, { spec: { hard: QUOTA, scopes: ['Odd'] } }, 'spec.scopes: Invalid value: ["Odd"]: unsupported scope'],
  [ResourceQuota, { spec: { hard: QUOTA, scopes: ['BestEffort', 'NotBestEffort'] } }, 'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes'],
  [LimitRange, limit({ type: 'Odd' }), 'spec.limits[0].type: Invalid value: "Odd": must be a standard limit type or fully qualified'],
  [LimitRange, limit({ max: { gold: '1' } }), 'spec.limits[0].max[gold]: Invalid value: "gold": must be a standard resource type or fully qualified'],
  [LimitRange, limit({ min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '3' } }), 'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000'],
  [LimitRange, limit({ default: { 'example.com/gpu': '2' }, defaultRequest: { 'example.com/gpu': '1' } }), 'spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to defaultRequest value 1 in example.com/gpu'],
  [LimitRange, limit({ default: { cpu: '1' }, defaultRequest: { cpu: '2' } }), 'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit value 1'],
  [RuntimeClass, { handler: 'a', overhead: { podFixed: { gold: '1' } } }, 'overhead.limits[gold]: Invalid value: "gold": must be a standard resource type or fully qualified'],
  [RuntimeClass, { handler: 'a', scheduling: { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] } }, 'scheduling.tolerations[0].operator: Invalid value: {"key":"a","operator":"Exists","value":"b"}: value must be empty when `operator` is \'Exists\''],
  [Lease, { spec: { strategy: 'Odd' } }, 'spec.strategy.strategy: Unsupported value: "Odd": supported values: "OldestEmulationVersion"'],
  [Lease, { spec: { preferredHolder: 'a' } }, 'spec.preferredHolder: Invalid value: "a": may only be specified if `strategy` is defined'],
  [Event, event({ reportingController: 'a b' }), 'reportingController: Invalid value: "a b": name part must consist of'],
  [Event, event({ action: 'x'.repeat(129) }), 'action: Invalid value: "": can have at most 128 characters'],
  [EndpointSlice, slice({ addresses: ['169.254.1.1'] }), 'endpoints[0].addresses[0]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  [EndpointSlice, slice({ addresses: ['0.0.0.0'] }), 'endpoints[0].addresses[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)'],
  [EndpointSlice, slice({ deprecatedTopology: { 'kubernetes.io/hostname': 'a' } }), 'endpoints[0].deprecatedTopology[kubernetes.io/hostname]: Invalid value: "": may not be set, use the nodeName field instead'],
  [EndpointSlice, slice({ hints: { forZones: [{ name: 'a' }, { name: 'a' }] } }), 'endpoints[0].hints.forZones[1].name: Duplicate value: "a"'],
  [EndpointSlice, slice({ hints: { forNodes: [{ name: 'A_' }] } }), 'endpoints[0].hints.forNodes[0].name: Invalid value: "A_"'],
  [EndpointSlice, slice({ hostname: '' }), 'endpoints[0].hostname: Invalid value: "": a lowercase RFC 1123 label must consist of'],
  [EndpointSlice, { ...slice({ addresses: ['*.example.com'] }), addressType: 'FQDN' }, 'endpoints[0].addresses[0]: Invalid value: "*.example.com": a lowercase RFC 1123 subdomain must consist of'],
  [EndpointSlice, { ...slice({ addresses: ['example.'] }), addressType: 'FQDN' }, 'endpoints[0].addresses[0]: Invalid value: "example": should be a domain with at least two segments separated by dots'],
  [EndpointSlice, { ...slice({ addresses: [`${'a'.repeat(64)}.com`] }), addressType: 'FQDN' }, `endpoints[0].addresses[0]: Invalid value: "${'a'.repeat(64)}": must be no more than 63`],
  [EndpointSlice, slice({}, { appProtocol: 'a b' }), 'ports[0].appProtocol: Invalid value: "a b": name part must consist of'],
  [FlowSchema, flow({ resourceRules: [{ ...rule, verbs: ['get', '*'] }] }), 'spec.rules[0].resourceRules[0].verbs: Invalid value: ["get","*"]: if \'*\' is present, must not specify other verbs'],
  [FlowSchema, flow({ resourceRules: [{ ...rule, verbs: ['look'] }] }), 'spec.rules[0].resourceRules[0].verbs: Unsupported value: ["look"]: supported values: "create", "delete"'],
  [FlowSchema, flow({ resourceRules: [{ ...rule, namespaces: ['A'] }] }), 'spec.rules[0].resourceRules[0].namespaces[0]: Invalid value: "A": each member of this list must be \'*\' or a DNS-1123 label; a lowercase RFC 1123 label'],
  [FlowSchema, flow({ nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/a/*/b'] }] }), 'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "/a/*/b": wildcard can only do suffix matching'],
  [FlowSchema, flow({ subjects: [{ kind: 'Group', user: { name: 'a' } }], resourceRules: [rule] }), "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'"],
  [PriorityLevelConfiguration, level({ lendablePercent: 101 }), 'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive'],
  [PriorityLevelConfiguration, dealt(1_000_000, 4), 'spec.limited.limitResponse.queuing.handSize: Invalid value: 4: required entropy bits of deckSize 1000000 and handSize 4 should not be greater than 60'],
  [ClusterRole, { aggregationRule: {} }, 'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil'],
  [ReplicaSet, { spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { activeDeadlineSeconds: 1, containers: [{ name: 'a', image: 'b' }] } } } }, 'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported'],
  [PersistentVolume, volume({ accessModes: ['Odd'] }), 'spec.accessModes: Unsupported value: "Odd": supported values: "ReadOnlyMany"'],
  [PersistentVolume, volume({ capacity: { storage: '1Gi', cpu: '1' } }), 'spec.capacity: Unsupported value: {"storage":"1Gi","cpu":"1"}: supported values: "storage"'],
  [PersistentVolume, volume({ capacity: { storage: '0' } }), 'spec.capacity[storage]: Invalid value: "0": must be greater than zero'],
  [PersistentVolume, volume({ hostPath: { path: '/a/../b' } }), 'spec.hostPath.path: Invalid value: "/a/../b": must not contain \'..\''],
  [PersistentVolume, volume({ hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' }), "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
  [PersistentVolume, volume({ volumeMode: 'Odd' }), 'spec.volumeMode: Unsupported value: "Odd": supported values: "Block", "Filesystem"'],
  [PersistentVolume, volume({ hostPath: undefined, csi: { driver: 'a' } }), 'spec.csi.volumeHandle: Required value'],
  [PersistentVolume, volume({ nodeAffinity: { required: { nodeSelectorTerms: [] } } }), 'spec.nodeAffinity.required.nodeSelectorTerms: Required value: must have at least one node selector term'],
  [PersistentVolumeClaim, claim({ volumeAttributesClassName: '-x' }), 'spec.volumeAttributesClassName: Invalid value: "-x"'],
  [PersistentVolumeClaim, claim({ dataSource: { kind: 'Odd', name: 'a' } }), "spec.dataSource: Invalid value: \"Odd\": must be 'PersistentVolumeClaim' when referencing the default apiGroup"],
  [PersistentVolumeClaim, claim({ dataSource: { kind: 'PersistentVolumeClaim', name: 'a' }, dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'b' } }), 'spec: Invalid value: "spec.dataSource": must match dataSourceRef'],
  [StorageClass, { provisioner: 'a b' }, 'provisioner: Invalid value: "a b": name part must consist of'],
  [StorageClass, { provisioner: 'a', parameters: { '': 'b' } }, 'parameters: Invalid value: "": field can not be empty.'],
  [StorageClass, { provisioner: 'a', allowedTopologies: [term] }, 'allowedTopologies[0].matchLabelExpressions[0].values: Required value'],
  [Service, service({ type: 'LoadBalancer', loadBalancerSourceRanges: ['1.2.3.4'] }), 'spec.LoadBalancerSourceRanges[0]: Invalid value: "1.2.3.4": must be a valid CIDR value'],
  [Service, service({ trafficDistribution: 'Odd' }), 'spec.trafficDistribution: Unsupported value: "Odd": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"'],
  [StatefulSet, { spec: { serviceName: 'A_b', selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, ...pod({}) } } }, 'spec.serviceName: Invalid value: "A_b": a lowercase RFC 1123 label'],
  [StatefulSet, { spec: { volumeClaimTemplates: [{ metadata: { name: 'v' }, spec: {} }], selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, ...pod({}) } } }, 'spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required'],
  [Node, { status: { capacity: { cpu: '-1' } } }, 'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0'],
  [Node, { status: { addresses: [{ type: 'InternalIP', address: '1.2.3.4' }, { type: 'InternalIP', address: '1.2.3.4' }] } }, 'status.addresses[1]: Duplicate value: {"type":"InternalIP","address":"1.2.3.4"}'],
  [Node, { spec: { podCIDR: 'x' } }, 'spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value'],
  [Node, { spec: { podCIDRs: ['10.0.0.0/24', '10.1.0.0/24'] } }, 'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one CIDR for each IP family'],
  [ValidatingWebhookConfiguration, hook('*', 'pods'), 'webhooks[0].rules[0].resources: Invalid value: ["*","pods"]: if \'*\' is present, must not specify other resources without subresources'],
  [ValidatingWebhookConfiguration, hook('a/*', 'a/x'), 'webhooks[0].rules[0].resources[1]: Invalid value: "a/x": if \'a/*\' is present, must not specify a/x'],
  [HorizontalPodAutoscaler, scaler({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Value', value: '1' } } }), 'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization'],
  [HorizontalPodAutoscaler, scaler({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 5, averageValue: '1' } } }), 'spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization'],
  [HorizontalPodAutoscaler, scaler({ type: 'External', external: { metric: { name: 'a' }, target: { type: 'Value', value: '0' } } }), 'spec.metrics[0].external.target.value: Invalid value: "0": must be positive'],
  [HorizontalPodAutoscaler, scaler({ type: 'ContainerResource', containerResource: { name: 'cpu', container: '', target: { type: 'Utilization', averageUtilization: 5 } } }), 'spec.metrics[0].containerResource.container: Required value: must specify a container'],
  [HorizontalPodAutoscaler, scaler({ type: 'Object', object: { metric: { name: 'a' }, describedObject: { kind: '', name: 'b' }, target: { type: 'Value', value: '1' } } }), 'spec.metrics[0].object.describedObject.kind: Required value'],
  [ValidatingAdmissionPolicy, policy({ auditAnnotations: [{ key: 'a', valueExpression: "''" }, { key: 'a', valueExpression: "''" }] }), 'spec.auditAnnotations[1].key: Duplicate value: "a"'],
  [ValidatingAdmissionPolicy, policy({ variables: [{ name: 'a', expression: 'variables.b' }, { name: 'b', expression: '1' }], validations: [{ expression: 'variables.a == variables.b' }] }), 'spec.variables[0].expression: Invalid value: "variables.b": compilation failed: ERROR: <input>:1:10: undefined field \'b\''],
  [ValidatingAdmissionPolicy, policy({ variables: [{ name: 'a', expression: '1' }], validations: [{ expression: '[1].all(x, x == variables.c)' }] }), 'spec.validations[0].expression: Invalid value: "[1].all(x, x == variables.c)": compilation failed: ERROR: <input>:1:26: undefined field \'c\''],
  // Without any there is no such thing (validateValidatingAdmissionPolicySpec: needsComposition).
  [ValidatingAdmissionPolicy, policy({ validations: [{ expression: '[1].all(x, x == variables.c)' }] }), 'spec.validations[0].expression: Invalid value: "[1].all(x, x == variables.c)": compilation failed: ERROR: <input>:1:17: undeclared reference to \'variables\' (in container \'\')'],
];

for (const [kind, fields, complaint] of [...TABLE, ...PODS.map(([fields, complaint]) => [Pod, fields, complaint] as [Kind, object, string])]) test(`${kind.kind}: ${complaint}`, () => {
  const object = { apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, metadata: { name: 'a', namespace: 'default' }, ...structuredClone(fields) } as KubeObject;
  applyDefaults(kind.schema(), object);
  kind.rules.defaults?.(object);
  const [first] = kind.rules.validate?.(object, undefined) ?? [];
  assert.ok(first !== undefined, 'nothing is wrong with it');
  assert.ok(`${first.field}: ${first.message}`.startsWith(complaint), `${first.field}: ${first.message}`);
});
