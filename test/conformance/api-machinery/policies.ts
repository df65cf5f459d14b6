/** [sig-api-machinery] ValidatingAdmissionPolicy, MutatingAdmissionPolicy */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, call, create, namespace, podOf, remove, type Body } from '../cluster.ts';
import { liveThrough } from '../resource-life.ts';

const GROUP = 'admissionregistration.k8s.io';
const PATH = `/apis/${GROUP}/v1`;
const DEPLOYMENTS = { resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['deployments'] }] };

function deployment(name: string, replicas: number): Body {
  const labels = { app: name };
  return { metadata: { name }, spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { ...podOf('x').spec, nodeSelector: { none: 'such' } } } } };
}

/** Deployments of more replicas than two are refused while the policy is bound to the namespace. */
async function bounded(name: string, spec: object, message: RegExp): Promise<void> {
  const space = await namespace();
  await create(`${PATH}/validatingadmissionpolicies`, { metadata: { name }, spec: { matchConstraints: DEPLOYMENTS, ...spec } });
  await create(`${PATH}/validatingadmissionpolicybindings`, { metadata: { name }, spec: { policyName: name, validationActions: ['Deny'], matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': space } } } } });
  const path = `/apis/apps/v1/namespaces/${space}/deployments`;
  await eventually(async () => (await call('POST', `${path}?dryRun=All`, { body: deployment('marker', 10) })).code === 422, { timeoutMs: 60_000, what: 'the policy holds' });
  const answer = await call('POST', path, { body: deployment('refused', 3) });
  assert.equal(answer.code, 422, JSON.stringify(answer.body));
  assert.match(answer.body.message, message);
  await create(path, deployment('allowed', 1));
  for (const plural of ['validatingadmissionpolicybindings', 'validatingadmissionpolicies']) await remove(`${PATH}/${plural}/${name}`);
}

/** Deployments get what the expression says while the policy is bound to their namespace. */
async function mutated(name: string, expression: string, wanted: { labels: Body; annotations: Body; replicas: number }): Promise<void> {
  const space = await namespace();
  await create(`${PATH}/mutatingadmissionpolicies`, { metadata: { name }, spec: { matchConstraints: DEPLOYMENTS, reinvocationPolicy: 'Never', mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }] } });
  await create(`${PATH}/mutatingadmissionpolicybindings`, { metadata: { name }, spec: { policyName: name, matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': space } } } } });
  const of = (object: Body): Body => ({ labels: object.metadata.labels ?? {}, annotations: object.metadata.annotations ?? {}, replicas: object.spec.replicas });
  const path = `/apis/apps/v1/namespaces/${space}/deployments`;
  await eventually(async () => of(await create(`${path}?dryRun=All`, deployment('marker', 1))).annotations.mutated === 'yes', { timeoutMs: 60_000, what: 'the policy holds' });
  assert.deepEqual(of(await create(path, deployment('made', 1))), wanted);
  for (const plural of ['mutatingadmissionpolicybindings', 'mutatingadmissionpolicies']) await remove(`${PATH}/${plural}/${name}`);
  const elsewhere = `/apis/apps/v1/namespaces/${await namespace()}/deployments`;
  assert.equal(of(await create(elsewhere, deployment('spared', 1))).annotations.mutated, undefined);
}

export function policies(): void {
  behaviour('MutatingAdmissionPolicy should mutate a Deployment', () => mutated('mutate-deployment', "Object{metadata: Object.metadata{labels: {'team': 'blue'}, annotations: {'mutated': 'yes'}}, spec: Object.spec{replicas: object.spec.replicas + 1}}", { labels: { team: 'blue' }, annotations: { mutated: 'yes' }, replicas: 2 }));

  behaviour('MutatingAdmissionPolicy should mutate a Deployment with annotations', () =>
    mutated('mutate-annotations', "Object{metadata: Object.metadata{annotations: {'mutated': 'yes', 'of': object.metadata.name, 'example.com/replicas': string(object.spec.replicas)}}}", { labels: {}, annotations: { mutated: 'yes', of: 'made', 'example.com/replicas': '1' }, replicas: 1 }));

  behaviour('MutatingAdmissionPolicy should support MutatingAdmissionPolicy API operations', () => liveThrough({
    group: GROUP, version: 'v1', plural: 'mutatingadmissionpolicies', subresources: [],
    make: (name) => ({ metadata: { name }, spec: {
      matchConstraints: { resourceRules: [{ apiGroups: ['none.example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['none'] }] }, reinvocationPolicy: 'IfNeeded', failurePolicy: 'Fail',
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/metadata/labels/a', value: 'b'}]" } }],
    } }),
  }));

  behaviour('MutatingAdmissionPolicy should support MutatingAdmissionPolicyBinding API operations', () => liveThrough({
    group: GROUP, version: 'v1', plural: 'mutatingadmissionpolicybindings', subresources: [], make: (name) => ({ metadata: { name }, spec: { policyName: 'none' } }),
  }));

  behaviour('ValidatingAdmissionPolicy should validate against a Deployment', () =>
    bounded('validate-deployment', { validations: [{ expression: 'object.spec.replicas <= 2', messageExpression: "'wants ' + string(object.spec.replicas)" }] }, /wants 3/));

  behaviour('ValidatingAdmissionPolicy should allow expressions to refer variables.', () =>
    bounded('validate-variables', {
      variables: [{ name: 'replicas', expression: 'object.spec.replicas' }, { name: 'few', expression: 'variables.replicas <= 2' }],
      validations: [{ expression: 'variables.few', message: 'too many' }],
    }, /too many/));

  behaviour('ValidatingAdmissionPolicy should support ValidatingAdmissionPolicy API operations', () => liveThrough({
    group: GROUP, version: 'v1', plural: 'validatingadmissionpolicies', subresources: ['status'],
    make: (name) => ({ metadata: { name }, spec: { matchConstraints: { resourceRules: [{ apiGroups: ['none.example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['none'] }] }, validations: [{ expression: 'true' }] } }),
  }));

  behaviour('ValidatingAdmissionPolicy should support ValidatingAdmissionPolicyBinding API operations', () => liveThrough({
    group: GROUP, version: 'v1', plural: 'validatingadmissionpolicybindings', subresources: [],
    make: (name) => ({ metadata: { name }, spec: { policyName: 'none', validationActions: ['Deny'] } }),
  }));
}
