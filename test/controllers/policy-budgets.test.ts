/** What the expressions of a policy may cost together, over the real door and store (upstream: apiserver apis/cel config; cel/activation.go; policy/validating/validator.go). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApiError } from '../../src/api/errors.ts';
import type { Kind } from '../../src/api/kind.ts';
import { ConfigMap, Namespace, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../src/api/kinds.ts';
import admission from '../../src/modules/admission/module.ts';
import { eventually } from '../../src/sdk/testing/eventually.ts';
import { startWorld, type World } from './world.ts';

/** 350,005 units: a check alone is 350,000. */
const CHECK = "authorizer.group('').resource('pods').check('get').allowed() || true";
const SPENT = 'validation failed due to running out of cost budget, no further validation rules will be run';
const times = <T>(count: number, value: (index: number) => T): T[] => Array.from({ length: count }, (_each, index) => value(index));

let world: World;
before(async () => {
  world = await startWorld([{ name: 'kinds', description: '', kinds: [Namespace, ConfigMap] as readonly unknown[] as readonly Kind[] }, admission]);
  await world.client.create(Namespace, { metadata: { name: 'default' } });
});
after(() => world.stop());

/** What the door says of an object that has the label, once it knows the policy: nothing, or why not. */
async function verdictOf(name: string, spec: object): Promise<string> {
  const matchConstraints = { resourceRules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }], objectSelector: { matchLabels: { for: name } } };
  const { validations = [], ...rest } = spec as { validations?: object[] };
  const known = { expression: "object.metadata.name != 'known'", message: 'it is known' };
  await world.client.create(ValidatingAdmissionPolicy, { metadata: { name }, spec: { matchConstraints, ...rest, validations: [known, ...validations] } } as never);
  await world.client.create(ValidatingAdmissionPolicyBinding, { metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } } as never);
  const ask = async (object: string): Promise<string> => {
    try {
      await world.client.create(ConfigMap, { metadata: { name: object, namespace: 'default', labels: { for: name } } }, { dryRun: true });
      return '';
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return error.message;
    }
  };
  await eventually(async () => (await ask('known')) !== '', { what: `policy ${name}` });
  return ask('asked');
}

test('validations share a budget, and what runs out of it is all that is told', async () => {
  assert.equal(await verdictOf('cheap', { validations: times(28, () => ({ expression: CHECK })) }), '');
  assert.match(await verdictOf('dear', { validations: [{ expression: 'false', message: 'told of no more' }, ...times(29, () => ({ expression: CHECK }))] }), new RegExp(`denied request: ${SPENT}$`));
});

test('variables count once, and not for the expression that asks for them', async () => {
  const variables = times(2, (index) => ({ name: `v${index}`, expression: `${CHECK} && (${CHECK})` }));
  assert.equal(await verdictOf('variables', { variables, validations: times(20, () => ({ expression: `variables.v0 && variables.v1 && (${CHECK})` })) }), '');
});

test('an expression may cost as much as two checks, and conditions as much as seven', async () => {
  assert.match(await verdictOf('three', { validations: [{ expression: times(3, () => `(${CHECK})`).join(' && ') }] }), /resulted in error: operation cancelled: actual cost limit exceeded$/);
  const conditions = (count: number): object => ({ matchConditions: times(count, (index) => ({ name: `c${index}`, expression: CHECK })), validations: times(20, () => ({ expression: CHECK })) });
  assert.equal(await verdictOf('seven', conditions(7)), '');
  assert.match(await verdictOf('eight', conditions(8)), new RegExp(`denied request: ${SPENT}$`));
});
