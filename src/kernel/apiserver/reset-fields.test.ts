/**
 * What a path of a kind cannot write, nobody owns by writing there: an object applied as a whole to its own path by one and, otherwise, to /status by another,
 * is no conflict (upstream: test/integration/apiserver/apply, TestApplyResetFields).
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { certificationRequest } from '../../api/certificates/certification-request.ts';
import { pemBlock } from '../../api/certificates/pem.ts';
import type { JsonObject } from '../../api/json.ts';
import { openDoor, type Answer, type OpenDoor } from './testing/open-door.ts';

interface Case {
  path: string;
  apiVersion: string;
  kind: string;
  name?: string;
  /** The first's spec; default empty. */
  spec?: JsonObject;
  /** What the other's spec says otherwise; none where nobody can own anything there. */
  other?: JsonObject;
  status?: [JsonObject, JsonObject];
  /** Whether /status leaves labels alone, so that the other may say another label. */
  keepsLabels?: true;
  /** Whether the kind lets nobody own its spec. */
  owned?: false;
}

const CONDITIONS: [JsonObject, JsonObject] = [{ conditions: [{ type: 'Mine', status: 'True' }] }, { conditions: [{ type: 'Mine', status: 'False' }] }];
const FULL: [JsonObject, JsonObject] = ['True', 'False'].map((status) => ({ conditions: [{ type: 'Mine', status, lastTransitionTime: '2020-01-01T00:00:00Z', reason: 'Why', message: '' }] })) as unknown as [JsonObject, JsonObject];
const INGRESS: [JsonObject, JsonObject] = [{ loadBalancer: { ingress: [{ ip: '127.0.0.1', ipMode: 'VIP' }] } }, { loadBalancer: { ingress: [{ ip: '127.0.0.2', ipMode: 'VIP' }] } }];
const template = (image: string): JsonObject => ({ metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image }] } });
const jobTemplate = (image: string): JsonObject => ({ metadata: { labels: { a: 'b' } }, spec: { restartPolicy: 'Never', containers: [{ name: 'c', image }] } });
const selector = { matchLabels: { a: 'b' } };
const core = (plural: string): string => `/api/v1/namespaces/default/${plural}`;
const at = (apiVersion: string, plural: string): string => `/apis/${apiVersion}/namespaces/default/${plural}`;
const workload = (kind: string, plural: string): Case => ({
  path: at('apps/v1', plural), apiVersion: 'apps/v1', kind, spec: { selector, template: template('a:1') }, other: { selector, template: template('a:2') }, status: CONDITIONS,
});
const request = (): string => Buffer.from(pemBlock('CERTIFICATE REQUEST', certificationRequest(generateKeyPairSync('ed25519').privateKey))).toString('base64');
const REQUEST = { request: request(), signerName: 'example.com/mine', usages: ['client auth'] };

const CASES: Case[] = [
  { path: '/api/v1/namespaces', apiVersion: 'v1', kind: 'Namespace', owned: false, status: CONDITIONS },
  { path: '/api/v1/nodes', apiVersion: 'v1', kind: 'Node', spec: { unschedulable: true }, other: { unschedulable: false }, status: CONDITIONS },
  { path: core('pods'), apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ name: 'c', image: 'a:1' }] }, other: { containers: [{ name: 'c', image: 'a:2' }] }, status: CONDITIONS },
  { path: core('services'), apiVersion: 'v1', kind: 'Service', spec: { type: 'LoadBalancer', sessionAffinity: 'ClientIP', ports: [{ port: 1 }] }, other: { type: 'LoadBalancer', sessionAffinity: 'None' }, status: INGRESS },
  { path: core('replicationcontrollers'), apiVersion: 'v1', kind: 'ReplicationController', spec: { replicas: 1, selector: { a: 'b' }, template: template('a:1') }, other: { replicas: 2 }, status: CONDITIONS },
  { path: core('resourcequotas'), apiVersion: 'v1', kind: 'ResourceQuota', spec: { hard: { cpu: '1' } }, other: { hard: { cpu: '2' } }, status: [{ used: { cpu: '1' } }, { used: { cpu: '2' } }] },
  workload('DaemonSet', 'daemonsets'), workload('ReplicaSet', 'replicasets'), { ...workload('Deployment', 'deployments'), keepsLabels: true }, { ...workload('StatefulSet', 'statefulsets') },
  { path: at('batch/v1', 'jobs'), apiVersion: 'batch/v1', kind: 'Job', spec: { template: jobTemplate('a:1') }, other: { template: jobTemplate('a:2') }, status: CONDITIONS },
  { path: at('batch/v1', 'cronjobs'), apiVersion: 'batch/v1', kind: 'CronJob', spec: { schedule: '* * * * *', jobTemplate: { spec: { template: jobTemplate('a:1') } } }, other: { schedule: '1 * * * *' }, status: [{ lastScheduleTime: '2020-01-01T00:00:00Z' }, { lastScheduleTime: '2021-01-01T00:00:00Z' }] },
  { path: at('autoscaling/v2', 'horizontalpodautoscalers'), apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } }, other: { maxReplicas: 4 }, status: [{ currentReplicas: 1, desiredReplicas: 1 }, { currentReplicas: 2, desiredReplicas: 2 }] },
  { path: at('networking.k8s.io/v1', 'ingresses'), apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', spec: { defaultBackend: { service: { name: 'a', port: { number: 1 } } } }, other: { defaultBackend: { service: { name: 'b', port: { number: 1 } } } }, status: [{ loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } }, { loadBalancer: { ingress: [{ ip: '127.0.0.2' }] } }] },
  { path: at('policy/v1', 'poddisruptionbudgets'), apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', spec: { selector }, other: { selector: { matchLabels: { a: 'c' } } }, status: [1, 2].map((count) => ({ currentHealthy: count, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 })) as unknown as [JsonObject, JsonObject] },
  {
    path: '/apis/certificates.k8s.io/v1/certificatesigningrequests', apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', owned: false, spec: REQUEST,
    status: [{ conditions: [{ type: 'Mine', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' }] }, { conditions: [{ type: 'Mine', status: 'False', lastTransitionTime: '2020-01-01T00:00:00Z' }] }],
  },
  { path: '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas', apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'FlowSchema', spec: { priorityLevelConfiguration: { name: 'one' } }, other: { priorityLevelConfiguration: { name: 'two' } }, status: FULL, keepsLabels: true },
  { path: '/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations', apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'PriorityLevelConfiguration', spec: { type: 'Limited', limited: { nominalConcurrencyShares: 3, limitResponse: { type: 'Reject' } } }, other: { limited: { nominalConcurrencyShares: 4 } }, status: FULL, keepsLabels: true },
  {
    path: '/apis/storage.k8s.io/v1/volumeattachments', apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', keepsLabels: true, status: [{ attached: true }, { attached: false }],
    spec: { attacher: 'a.b', nodeName: 'one', source: { persistentVolumeName: 'v' } }, other: { attacher: 'a.b', nodeName: 'two', source: { persistentVolumeName: 'v' } },
  },
  {
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', name: 'frogs.pond.example', keepsLabels: true, status: FULL,
    spec: { group: 'pond.example', scope: 'Cluster', names: { plural: 'frogs', kind: 'Frog', singular: 'frog', listKind: 'FrogList' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }] },
    other: { group: 'lake.example' },
  },
  { path: '/apis/apiregistration.k8s.io/v1/apiservices', apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', name: 'v1.pond.example', keepsLabels: true, status: CONDITIONS, spec: { group: 'pond.example', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10, service: { name: 'a', namespace: 'b' }, insecureSkipTLSVerify: true }, other: { groupPriorityMinimum: 200 } },
  {
    path: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies', apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', keepsLabels: true, status: FULL,
    spec: { failurePolicy: 'Fail', validations: [{ expression: 'true' }], matchConstraints: { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['CREATE'] }] } }, other: { failurePolicy: 'Ignore' },
  },
];

describe('fields that a path resets', () => {
  let door: OpenDoor;
  before(async () => {
    door = await openDoor();
  });
  after(() => door.close());
  const apply = (path: string, manager: string, body: object): Promise<Answer> => door.call('PATCH', `${path}?fieldManager=${manager}`, { body, headers: { 'content-type': 'application/apply-patch+yaml' } });

  for (const { path, apiVersion, kind, name = 'reset-me', spec = {}, other, status = CONDITIONS, keepsLabels, owned } of CASES) test(`${apiVersion} ${kind}`, async () => {
    const object = (mine: JsonObject, more: JsonObject, label: string): JsonObject => ({ apiVersion, kind, metadata: { name, ...(keepsLabels === true ? { labels: { a: label } } : {}) }, spec: mine, status: more });
    const [first, second] = [object(spec, status[0], 'b'), object(other ?? spec, status[1], 'c')];
    const made = await apply(`${path}/${name}`, 'one', first);
    assert.equal(made.status, 201, made.text);
    const entries = (text: Answer): { manager: string; subresource?: string; fieldsV1: Record<string, unknown> }[] => text.json.metadata.managedFields ?? [];
    const one = entries(made).find(({ manager }) => manager === 'one');
    assert.equal(one?.fieldsV1['f:status'], undefined, 'the status is not written by the object\'s own path');
    if (owned === false && Object.keys(spec).length > 0) assert.equal(one?.fieldsV1['f:spec'], undefined, 'nor is the spec of this kind');
    const beside = await apply(`${path}/${name}/status`, 'two', second);
    assert.equal(beside.status, 200, beside.text);
    const two = entries(beside).find(({ manager }) => manager === 'two');
    assert.deepEqual([two?.subresource, Object.keys(two?.fieldsV1 ?? {})], ['status', ['f:status']]);
    assert.equal(beside.json.metadata.labels?.a, made.json.metadata.labels?.a);
    assert.deepEqual(beside.json.spec, made.json.spec);
    assert.equal((await apply(`${path}/${name}/status`, 'one', first)).status, 409, 'the same status is a conflict');
    if (owned !== false) assert.equal((await apply(`${path}/${name}`, 'two', second)).status, 409, 'the same spec is a conflict');
  });
});
