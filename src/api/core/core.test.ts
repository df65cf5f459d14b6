import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap, ControllerRevision, Deployment, Endpoints, EndpointSlice, Lease, Namespace, Node, PriorityClass, ReplicaSet, RoleBinding, Secret, Service } from '../kinds.ts';
import type { Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';

function judge<T extends KubeObject>(kind: Kind<T>, object: unknown, old?: unknown): string[] {
  const copy = structuredClone(object) as T;
  const before = structuredClone(old) as T | undefined;
  kind.rules.defaults?.(copy);
  if (before === undefined) kind.rules.prepareForCreate?.(copy);
  else kind.rules.prepareForUpdate?.(copy, before);
  return (kind.rules.validate?.(copy, before) ?? []).map(({ field, message }) => `${field}: ${message}`);
}

function defaulted<T extends KubeObject>(kind: Kind<T>, object: unknown): T {
  const copy = structuredClone(object) as T;
  kind.rules.defaults?.(copy);
  return copy;
}

const metadata = { name: 'x', namespace: 'default' };

test('config maps: keys and immutability', () => {
  assert.deepEqual(judge(ConfigMap, { metadata, data: { a: '1' } }), []);
  assert.match(judge(ConfigMap, { metadata, data: { 'a/b': '1' } })[0]!, /^data\[a\/b\]: Invalid value: "a\/b": a valid config key must consist of/);
  assert.deepEqual(judge(ConfigMap, { metadata, data: { a: '1' }, binaryData: { a: 'AA==' } }), ['binaryData[a]: Invalid value: "a": duplicate of key present in data']);
  assert.deepEqual(judge(ConfigMap, { metadata, data: { a: '2' }, immutable: true }, { metadata, data: { a: '1' }, immutable: true }), ['data: Forbidden: field is immutable when `immutable` is set']);
  assert.match(judge(ConfigMap, { metadata, data: { a: 'x'.repeat(1024 * 1024 + 1) } })[0]!, /^\[\]: Too long: may not be more than 1048576 bytes/);
  assert.deepEqual(judge(ConfigMap, { metadata, binaryData: { a: Buffer.alloc(1024 * 1024).toString('base64') } }), []);
});

test('secrets: stringData folds into data, types have their keys', () => {
  assert.deepEqual(defaulted(Secret, { metadata, data: { a: 'AA==' }, stringData: { b: 'hi' } }), { metadata, type: 'Opaque', data: { a: 'AA==', b: 'aGk=' } });
  assert.deepEqual(judge(Secret, { metadata, type: 'kubernetes.io/tls', data: { 'tls.crt': '' } }), ['data[tls.key]: Required value']);
  assert.deepEqual(judge(Secret, { metadata, type: 'a' }, { metadata, type: 'b' }), ['type: Invalid value: "a": field is immutable']);
  assert.match(judge(Secret, { metadata, data: { a: 'not base64!' } })[0]!, /must be base64/);
});

const service = (spec: object): object => ({ metadata, spec });

test('services: defaults', () => {
  assert.deepEqual(defaulted(Service, service({ ports: [{ port: 80 }] })).spec, { type: 'ClusterIP', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster', ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] });
  const balanced = defaulted(Service, service({ type: 'LoadBalancer', sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 'http' }] })).spec!;
  assert.deepEqual([balanced.externalTrafficPolicy, balanced.allocateLoadBalancerNodePorts, balanced.sessionAffinityConfig, balanced.ports![0]!.targetPort], ['Cluster', true, { clientIP: { timeoutSeconds: 10_800 } }, 'http']);
});

const wrongServices: [object, string[]][] = [
  [{ ports: [{ port: 80 }] }, []],
  [{}, ['spec.ports: Required value']],
  [{ clusterIP: 'None' }, []],
  [{ type: 'Magic', ports: [{ port: 80 }] }, ['spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"']],
  [{ ports: [{ port: 0 }] }, ['spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive', 'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive']],
  [{ ports: [{ port: 80 }, { port: 81, name: 'b' }] }, ['spec.ports[0].name: Required value']],
  [{ ports: [{ port: 80, name: 'a' }, { port: 80, name: 'b' }] }, ['spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}']],
  [{ ports: [{ port: 80, nodePort: 30_000 }] }, ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]],
  [{ type: 'NodePort', clusterIP: 'None', ports: [{ port: 80 }] }, ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"]],
  [{ type: 'ExternalName' }, ['spec.externalName: Required value']],
  [{ ports: [{ port: 80 }], externalIPs: ['127.0.0.1'] }, ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)']],
  [{ ports: [{ port: 80 }], selector: { 'a b': 'c' } }, ["spec.selector: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"]],
];

test('services: what is wrong', () => {
  for (const [spec, expected] of wrongServices) assert.deepEqual(judge(Service, service(spec)), expected, JSON.stringify(spec));
});

test('services: updates keep what was allocated and drop what the new type has no use for', () => {
  const old = { metadata, spec: { type: 'LoadBalancer', clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', externalTrafficPolicy: 'Cluster', allocateLoadBalancerNodePorts: true, ports: [{ port: 80, protocol: 'TCP', targetPort: 80, nodePort: 30_001 }] } };
  const next = defaulted(Service, service({ type: 'LoadBalancer', ports: [{ port: 80 }] }));
  Service.rules.prepareForUpdate!(next, old as unknown as Service);
  assert.deepEqual([next.spec!.clusterIP, next.spec!.ports![0]!.nodePort, next.spec!.ipFamilies], ['10.0.0.1', 30_001, ['IPv4']]);
  const lesser = structuredClone(old) as unknown as Service;
  lesser.spec!.type = 'ClusterIP';
  assert.deepEqual(judge(Service, lesser, old), []);
  assert.deepEqual(judge(Service, { metadata, spec: { ...old.spec, clusterIP: '10.0.0.2', clusterIPs: ['10.0.0.2'] } }, old), ['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set']);
  const moved = { metadata, spec: { ...structuredClone(old).spec, clusterIP: '10.0.0.2' } } as unknown as Service;
  Service.rules.prepareForUpdate!(moved, old as unknown as Service);
  assert.deepEqual(moved.spec!.clusterIPs, ['10.0.0.2'], 'who changes the one means both, and is refused');
});

const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } };
const deployment = (spec: object): object => ({ metadata, spec: { selector: { matchLabels: { app: 'x' } }, template, ...spec } });

test('deployments: defaults', () => {
  const { template: its, ...spec } = defaulted(Deployment, deployment({})).spec!;
  assert.deepEqual(spec, { selector: { matchLabels: { app: 'x' } }, replicas: 1, strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } }, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
  assert.deepEqual(its, {
    metadata: { labels: { app: 'x' } },
    spec: {
      containers: [{ name: 'c', image: 'nginx:1', imagePullPolicy: 'IfNotPresent', terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File', resources: {} }],
      dnsPolicy: 'ClusterFirst', restartPolicy: 'Always', securityContext: {}, terminationGracePeriodSeconds: 30, schedulerName: 'default-scheduler',
    },
  });
});

const wrongDeployments: [object, string[]][] = [
  [{}, []],
  [{ replicas: -1 }, ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
  [{ selector: undefined }, ['spec.selector: Required value', 'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`']],
  [{ selector: { matchLabels: { app: 'y' } } }, ['spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`']],
  [{ selector: {} }, ['spec.selector: Invalid value: {}: empty selector is invalid for deployment']],
  [{ template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } }, ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"']],
  [{ template: { ...template, spec: { containers: [{ name: 'c' }] } } }, ['spec.template.spec.containers[0].image: Required value']],
  [{ strategy: { type: 'Recreate', rollingUpdate: {} } }, ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"]],
  [{ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }, ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0']],
  [{ strategy: { rollingUpdate: { maxUnavailable: '101%' } } }, ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%']],
  [{ minReadySeconds: 700 }, ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds']],
];

test('deployments: what is wrong', () => {
  for (const [spec, expected] of wrongDeployments) assert.deepEqual(judge(Deployment, deployment(spec)), expected, JSON.stringify(spec));
  const old = defaulted(Deployment, deployment({}));
  const changed = deployment({ selector: { matchLabels: { app: 'z' } }, template: { ...template, metadata: { labels: { app: 'z' } } } });
  assert.deepEqual(judge(Deployment, changed, old), ['spec.selector: Invalid value: {"matchLabels":{"app":"z"}}: field is immutable']);
  assert.deepEqual(judge(ReplicaSet, deployment({ minReadySeconds: -1 })), ['spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0']);
});

test('a template warns of what a pod would warn of', () => {
  const twice = deployment({ template: { ...template, spec: { containers: [{ name: 'c', image: 'x', env: [{ name: 'A' }, { name: 'A' }] }] } } });
  assert.deepEqual(Deployment.rules.warnings!(twice as Deployment), ['spec.template.spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply']);
});

test('namespaces: phase, finalizer, label', () => {
  const namespace = defaulted(Namespace, { metadata: { name: 'n' } });
  Namespace.rules.prepareForCreate!(namespace);
  assert.deepEqual(namespace, { metadata: { name: 'n', labels: { 'kubernetes.io/metadata.name': 'n' } }, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
  const next = { metadata: { name: 'n' }, spec: { finalizers: [] } } as unknown as Namespace;
  Namespace.rules.prepareForUpdate!(next, namespace);
  assert.deepEqual(next.spec, { finalizers: ['kubernetes'] });
  Namespace.subresources.actions!.finalize!.apply(next, { metadata: { name: 'n' }, spec: { finalizers: [] } } as unknown as Namespace);
  assert.deepEqual(next.spec, { finalizers: [] });
});

test('other kinds', () => {
  assert.deepEqual(judge(Node, { metadata: { name: 'n' }, spec: { taints: [{ key: 'a', effect: 'Maybe' }] } }), ['spec.taints[0].effect: Unsupported value: "Maybe": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"']);
  assert.deepEqual(judge(Endpoints, { metadata, subsets: [{ addresses: [{ ip: 'x' }], ports: [{ port: 80 }] }] }), ['subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']);
  const topological = { metadata, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], deprecatedTopology: { a: 'b' } }], ports: [] } as unknown as EndpointSlice;
  const kept = structuredClone(topological);
  EndpointSlice.rules.prepareForUpdate!(kept, topological);
  assert.deepEqual(kept.endpoints![0]!.deprecatedTopology, { a: 'b' }, 'what is not touched stays');
  EndpointSlice.rules.prepareForUpdate!(kept, { ...topological, endpoints: [] });
  assert.deepEqual(kept.endpoints, [{ addresses: ['10.0.0.1'] }]);
  assert.deepEqual(judge(EndpointSlice, { metadata, addressType: 'IPv4', endpoints: [{ addresses: ['fd00::1'] }], ports: [{ port: 80 }] }), ['endpoints[0].addresses[0]: Invalid value: "fd00::1": must be a valid IPv4 address']);
  assert.deepEqual(judge(Lease, { metadata, spec: { leaseDurationSeconds: 0 } }), ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0']);
  assert.deepEqual(judge(PriorityClass, { metadata: { name: 'p' }, value: 2_000_000_000 }), ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000']);
  assert.deepEqual(judge(ControllerRevision, { metadata, data: { a: 1 }, revision: 1 }, { metadata, data: { a: 2 }, revision: 1 }), ['data: Invalid value: {"a":1}: field is immutable']);
  assert.deepEqual(judge(RoleBinding, { metadata, roleRef: { kind: 'Role', name: 'a' }, subjects: [{ kind: 'ServiceAccount', name: 's' }] }), []);
  assert.deepEqual(judge(RoleBinding, { metadata, roleRef: { kind: 'Role', name: 'a' }, subjects: [{ kind: 'Robot', name: 's' }] }), ['subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"']);
});
