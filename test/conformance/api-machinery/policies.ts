/** [sig-api-machinery] ValidatingAdmissionPolicy */
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
  await eventually(async () => (await call('POST', `${path}?dryRun=All`, { body: deployment('marker', 10) })).code === 422, { timeoutMs: 10_000, what: 'the policy holds' });
  const answer = await call('POST', path, { body: deployment('refused', 3) });
  assert.equal(answer.code, 422, JSON.stringify(answer.body));
  assert.match(answer.body.message, message);
  await create(path, deployment('allowed', 1));
  for (const plural of ['validatingadmissionpolicybindings', 'validatingadmissionpolicies']) await remove(`${PATH}/${plural}/${name}`);
}

export function policies(): void {
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
