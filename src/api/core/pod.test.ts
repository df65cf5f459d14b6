import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../errors.ts';
import type { FieldError } from '../field-error.ts';
import { Pod } from '../kinds.ts';
import type { KubeObject } from '../meta.ts';
import { qosClassOf } from './pod-qos.ts';

type Spec = Record<string, unknown>;

function podOf(spec: Spec, container: Spec = {}): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'nginx', ...container }], ...spec } } as unknown as Pod;
}

function defaulted(spec: Spec, container: Spec = {}): Pod {
  const pod = podOf(spec, container);
  Pod.rules.defaults!(pod);
  return pod;
}

const show = ({ field, message }: FieldError): string => `${field}: ${message}`;

function errorsOf(spec: Spec, container: Spec = {}): string[] {
  return Pod.rules.validate!(defaulted(spec, container), undefined).map(show);
}

test('a pod gets the defaults of upstream', () => {
  const pod = defaulted({}, { ports: [{ containerPort: 80 }], resources: { limits: { cpu: '1' } }, livenessProbe: { httpGet: { port: 80 } } });
  Pod.rules.prepareForCreate!(pod);
  assert.deepEqual(pod.spec, {
    containers: [{
      name: 'c', image: 'nginx', ports: [{ containerPort: 80, protocol: 'TCP' }], resources: { limits: { cpu: '1' }, requests: { cpu: '1' } },
      livenessProbe: { httpGet: { port: 80, path: '/', scheme: 'HTTP' }, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 },
      imagePullPolicy: 'Always', terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File',
    }],
    dnsPolicy: 'ClusterFirst', restartPolicy: 'Always', securityContext: {}, terminationGracePeriodSeconds: 30, schedulerName: 'default-scheduler', enableServiceLinks: true,
    tolerations: ['not-ready', 'unreachable'].map((key) => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })),
  });
  assert.deepEqual(pod.status, { phase: 'Pending', qosClass: 'Burstable' });
});

test('images with a tag or digest are pulled if not present', () => {
  const policy = (image: string): string | undefined => defaulted({}, { image }).spec!.containers[0]!.imagePullPolicy;
  assert.deepEqual(['nginx', 'nginx:latest', 'host:5000/nginx', 'nginx:1', 'host:5000/nginx:1', 'nginx@sha256:0'].map(policy), ['Always', 'Always', 'Always', 'IfNotPresent', 'IfNotPresent', 'IfNotPresent']);
});

test('volumes get their modes', () => {
  const { volumes } = defaulted({ volumes: [{ name: 'a' }, { name: 'b', secret: { secretName: 's' } }, { name: 'h', hostPath: { path: '/x' } }] }).spec!;
  assert.deepEqual(volumes, [{ name: 'a', emptyDir: {} }, { name: 'b', secret: { secretName: 's', defaultMode: 420 } }, { name: 'h', hostPath: { path: '/x', type: '' } }]);
});

test('quality of service', () => {
  assert.equal(qosClassOf(podOf({})), 'BestEffort');
  assert.equal(qosClassOf(podOf({}, { resources: { requests: { cpu: '1' } } })), 'Burstable');
  assert.equal(qosClassOf(podOf({}, { resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1000m', memory: '1024Mi' } } })), 'Guaranteed');
});

const wrong: [string, Spec, Spec, string[]][] = [
  ['nothing', {}, {}, []],
  ['a bad container name', {}, { name: 'Bad_Name' }, ["spec.containers[0].name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"]],
  ['no image', {}, { image: '' }, ['spec.containers[0].image: Required value']],
  ['no containers', { containers: [] }, {}, ['spec.containers: Required value']],
  ['two of one name', { containers: [{ name: 'a', image: 'x' }, { name: 'a', image: 'x' }] }, {}, ['spec.containers[1].name: Duplicate value: "a"']],
  ['a restart policy', { restartPolicy: 'Sometimes' }, {}, ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"']],
  ['a mount without volume', {}, { volumeMounts: [{ name: 'v', mountPath: '/x' }] }, ['spec.containers[0].volumeMounts[0].name: Not found: "v"']],
  ['two handlers', {}, { livenessProbe: { httpGet: { port: 80 }, tcpSocket: { port: 80 } } }, ['spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type']],
  ['no handler', {}, { readinessProbe: {} }, ['spec.containers[0].readinessProbe: Required value: must specify a handler type']],
  ['liveness success', {}, { livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }, ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1']],
  ['a port', {}, { ports: [{ containerPort: 70_000 }] }, ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive']],
  ['requests over limits', {}, { resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }, ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1']],
  ['an unknown resource', {}, { resources: { requests: { cpus: '1' } } }, ['must be a standard resource type or fully qualified', 'must be a standard resource for containers'].map((why) => `spec.containers[0].resources.requests[cpus]: Invalid value: "cpus": ${why}`)],
  ['a pull policy', {}, { imagePullPolicy: 'Never ever' }, ['spec.containers[0].imagePullPolicy: Unsupported value: "Never ever": supported values: "Always", "IfNotPresent", "Never"']],
  ['env from two sources', {}, { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' }, secretKeyRef: { name: 's', key: 'k' } } }] }, ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time']],
  ['env value and source', {}, { env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }, ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty']],
  ['two volume sources', { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] }, {}, ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type']],
  ['a toleration', { tolerations: [{ operator: 'Equal', value: 'x' }] }, {}, ['spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"']],
  ['ephemeral containers', { ephemeralContainers: [{ name: 'e', image: 'x' }] }, {}, ['spec.ephemeralContainers: Forbidden: cannot be set on create']],
  ['probes of init containers', { initContainers: [{ name: 'i', image: 'x', readinessProbe: { tcpSocket: { port: 1 } } }] }, {}, ['spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always']],
  ['a restart policy of a sidecar', { initContainers: [{ name: 'i', image: 'x', restartPolicy: 'Ever' }] }, {}, ['spec.initContainers[0].restartPolicy: Unsupported value: "Ever": supported values: "Always", "Never", "OnFailure"']],
  ['host aliases', { hostAliases: [{ ip: '10.0.0.01' }, { ip: '::ffff:10.0.0.1' }, { ip: 'x' }, { ip: 'fd00::1' }] }, {}, ['spec.hostAliases[0].ip: Invalid value: "10.0.0.01": must not have leading 0s', 'spec.hostAliases[1].ip: Invalid value: "::ffff:10.0.0.1": must not be an IPv4-mapped IPv6 address', 'spec.hostAliases[2].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
  ['name servers', { dnsConfig: { nameservers: ['192.0.2.053', '::ffff:192.0.2.53', 'x'] } }, {}, ['spec.dnsConfig.nameservers[0]: Invalid value: "192.0.2.053": must not have leading 0s', 'spec.dnsConfig.nameservers[1]: Invalid value: "::ffff:192.0.2.53": must not be an IPv4-mapped IPv6 address', 'spec.dnsConfig.nameservers[2]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
  ['dns None', { dnsPolicy: 'None' }, {}, ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None']],
];

for (const [name, spec, container, expected] of wrong) test(`pod validation: ${name}`, () => assert.deepEqual(errorsOf(spec, container), expected));

function update(change: (pod: Pod) => void): string[] {
  const old = defaulted({ activeDeadlineSeconds: 10 });
  const next = structuredClone(old);
  change(next);
  return Pod.rules.validate!(next, old).map(show);
}

test('what an update of a pod may change', () => {
  assert.deepEqual(update((pod) => { pod.spec!.containers[0]!.image = 'nginx:2'; }), []);
  assert.deepEqual(update((pod) => { pod.spec!.activeDeadlineSeconds = 5; }), []);
  assert.deepEqual(update((pod) => { pod.spec!.tolerations = [{ key: 'x', operator: 'Exists' }]; }), []);
  assert.deepEqual(update((pod) => { pod.metadata.labels = { a: 'b' }; }), []);
  assert.deepEqual(update((pod) => { pod.spec!.activeDeadlineSeconds = 20; }), ['spec.activeDeadlineSeconds: Invalid value: 20: must be less than or equal to previous value']);
  assert.deepEqual(update((pod) => { pod.spec!.containers.push({ name: 'd', image: 'x' }); }), ['spec.containers: Forbidden: pod updates may not add or remove containers']);
  const [error] = update((pod) => { pod.spec!.containers[0]!.command = ['sh']; });
  assert.match(error!, /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,/);
  assert.match(error!, /spec\.containers\[0\]\.command: unset -> \["sh"\]/);
});

const act = (name: string, pod: Pod, body: unknown): Pod => {
  Pod.subresources.actions![name]!.apply(pod, body as KubeObject, Date.parse('2026-01-01T00:00:00Z'));
  return pod;
};

test('binding sets the node once', () => {
  const pod = act('binding', defaulted({}), { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n1' } });
  assert.equal(pod.spec!.nodeName, 'n1');
  assert.deepEqual(pod.status!.conditions, [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }]);
  assert.throws(() => act('binding', pod, { metadata: {}, target: { name: 'n2' } }), (error) => error instanceof ApiError && error.code === 409
    && error.message === 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"');
  assert.throws(() => act('binding', defaulted({}), { metadata: {}, target: {} }), { reason: 'Invalid' });
});

test('ephemeral containers are added and stay', () => {
  const body = podOf({ ephemeralContainers: [{ name: 'debug', image: 'busybox' }] });
  const pod = act('ephemeralcontainers', defaulted({}), body);
  assert.equal(pod.spec!.ephemeralContainers![0]!.imagePullPolicy, 'Always');
  for (const [field, value] of Object.entries({ ports: [{ containerPort: 1 }], resources: { limits: { cpu: '1' } }, resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }], restartPolicy: 'Always', livenessProbe: { exec: { command: ['a'] } } })) {
    const more = podOf({ ephemeralContainers: [{ name: 'debug', image: 'busybox', [field]: value }] });
    assert.throws(() => act('ephemeralcontainers', defaulted({}), more), new RegExp(`spec\\.ephemeralContainers\\[0\\]\\.${field}: Forbidden: cannot be set for an Ephemeral Container`), field);
  }
  act('ephemeralcontainers', defaulted({}), podOf({ ephemeralContainers: [{ name: 'debug', image: 'busybox', resources: {} }] }));
  assert.throws(() => act('ephemeralcontainers', pod, defaulted({})), /existing ephemeral containers "debug" may not be removed/);
});

test('resize changes cpu and memory only', () => {
  const pod = act('resize', defaulted({}, { resources: { requests: { cpu: '1' } } }), defaulted({}, { resources: { requests: { cpu: '2' } } }));
  assert.deepEqual(pod.spec!.containers[0]!.resources, { requests: { cpu: '2' } });
  assert.throws(() => act('resize', defaulted({}), defaulted({}, { resources: { requests: { 'ephemeral-storage': '1Gi' } } })), /only cpu and memory resources are mutable/);
  assert.throws(() => act('resize', defaulted({}), defaulted({}, { resources: { requests: { cpu: '1' } } })), /Pod QOS Class may not change as a result of resizing/);
  const limited = defaulted({}, { resources: { requests: { cpu: '1', memory: '1Mi' }, limits: { cpu: '2' } } });
  assert.throws(() => act('resize', limited, defaulted({}, { resources: { requests: { cpu: '1' }, limits: { cpu: '2' } } })), /resource requests cannot be removed/);
  assert.throws(() => act('resize', limited, defaulted({}, { resources: { requests: { cpu: '1', memory: '1Mi' } } })), /resource limits cannot be removed/);
});

test('resize keeps the containers and their order, and init containers that end', () => {
  const pair = (...names: string[]): Pod => defaulted({ containers: names.map((name) => ({ name, image: 'i', resources: { requests: { cpu: '1' } } })) });
  assert.throws(() => act('resize', pair('a', 'b'), pair('b', 'a')), /spec\.containers\[0\]\.name: Forbidden: containers may not be renamed or reordered on resize, spec\.containers\[1\]\.name/);
  assert.throws(() => act('resize', pair('a', 'b'), pair('a')), /containers may not be added or removed on resize/);
  const initial = (cpu: string, restartPolicy?: 'Always'): Pod => defaulted({ initContainers: [{ name: 'init', image: 'i', resources: { requests: { cpu } }, ...(restartPolicy === undefined ? {} : { restartPolicy }) }] });
  assert.throws(() => act('resize', initial('1'), initial('2')), /resources for non-sidecar init containers are immutable/);
  assert.equal(act('resize', initial('1', 'Always'), initial('2', 'Always')).spec!.initContainers![0]!.resources!.requests!['cpu'], '2');
});

test('grace: none before a node is known, else what the pod says', () => {
  const grace = (pod: Pod): number => Pod.rules.gracePeriodSeconds!(pod);
  assert.equal(grace(defaulted({})), 0);
  assert.equal(grace(defaulted({ nodeName: 'n' })), 30);
});

test('profiles of AppArmor by annotation become fields, with a warning', () => {
  const pod = podOf({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } }, containers: ['a', 'b', 'c', 'd'].map((name) => ({ name, image: 'nginx', ...(name === 'd' ? { securityContext: { appArmorProfile: { type: 'Unconfined' } } } : {}) })) });
  const key = 'container.apparmor.security.beta.kubernetes.io/';
  pod.metadata.annotations = { [`${key}a`]: 'localhost/mine', [`${key}b`]: 'runtime/default', [`${key}c`]: 'strange', [`${key}d`]: 'localhost/mine' };
  Pod.rules.prepareForCreate!(pod);
  assert.deepEqual(pod.spec!.containers.map(({ securityContext }) => securityContext?.appArmorProfile), [{ type: 'Localhost', localhostProfile: 'mine' }, undefined, undefined, { type: 'Unconfined' }]);
  assert.deepEqual(Pod.rules.warnings!(pod, undefined), ['a', 'c'].map((name) => `metadata.annotations[${key}${name}]: deprecated since v1.30; use the "appArmorProfile" field instead`));
  assert.deepEqual(Pod.rules.warnings!(pod, pod), []);
});

test('all of /proc is for who has users of its own', () => {
  const unmasked = { securityContext: { procMount: 'Unmasked' } };
  assert.deepEqual(errorsOf({}, unmasked), ['spec.containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`']);
  assert.deepEqual(errorsOf({ hostUsers: false }, unmasked), []);
});

test('a pod that waits at its gates may be told more narrowly where to run', () => {
  const terms = (...keys: string[]): object => ({ nodeSelectorTerms: [{ matchExpressions: keys.map((key) => ({ key, operator: 'Exists' })) }] });
  const near = (required: object): Spec => ({ nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } });
  const change = (before: Spec, now: Spec): string[] => {
    const gates = { schedulingGates: [{ name: 'a' }] };
    return Pod.rules.validate!(defaulted({ ...gates, ...now }), defaulted({ ...gates, ...before })).map(show);
  };
  const path = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  assert.deepEqual(change({}, { nodeSelector: { a: 'b' }, affinity: near(terms('a')) }), []);
  assert.deepEqual(change({ nodeSelector: { a: 'b' } }, { nodeSelector: { a: 'b', c: 'd' } }), []);
  assert.deepEqual(change({ nodeSelector: { a: 'b' } }, { nodeSelector: { a: 'c' } }), ['spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)']);
  assert.deepEqual(change({ affinity: near(terms('a')) }, { affinity: near(terms('a', 'b')) }), []);
  assert.match(change({ affinity: near(terms('a')) }, { affinity: near(terms('b')) })[0] ?? '', /nodeSelectorTerms\[0\]: Invalid value: .*: only additions are allowed \(no mutations or deletions\)$/);
  assert.deepEqual(change({ affinity: near(terms('a')) }, {}), [`${path}: Invalid value: []: no additions/deletions to non-empty NodeSelectorTerms list are allowed`]);
  assert.match(change({}, { affinity: { podAffinity: {} } })[0] ?? '', /^spec: Forbidden: pod updates may not change fields/);
});

test('a toleration that is added is judged', () => {
  assert.match(update((pod) => { pod.spec!.tolerations = [{ key: 'a', operator: 'Odd' as never }]; })[0] ?? '', /^spec\.tolerations\[0\]\.operator: Unsupported value: "Odd"/);
});
