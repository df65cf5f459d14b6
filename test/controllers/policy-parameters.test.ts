/** Whose policies may read which parameters, over the real door and store (upstream: test/integration/apiserver/cel, TestAuthorization). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApiError } from '../../src/api/errors.ts';
import type { Kind } from '../../src/api/kind.ts';
import { ClusterRole, ClusterRoleBinding, ConfigMap, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, Namespace, Role, RoleBinding, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import admission from '../../src/modules/admission/module.ts';
import type { Client } from '../../src/sdk/client.ts';
import { startWorld, type World } from './world.ts';

const RBAC = 'rbac.authorization.k8s.io';
const as = <T>(object: unknown): T => object as T;
const POLICIES = [
  { kind: ValidatingAdmissionPolicy, binding: ValidatingAdmissionPolicyBinding, spec: { validations: [{ expression: 'true' }] }, bindingSpec: { validationActions: ['Deny'] } },
  { kind: MutatingAdmissionPolicy, binding: MutatingAdmissionPolicyBinding, spec: { reinvocationPolicy: 'Never', mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }] }, bindingSpec: {} },
] as unknown as { kind: Kind; binding: Kind; spec: object; bindingSpec: object }[];

let world: World;
let writer: Client;
before(async () => {
  world = await startWorld([{ name: 'kinds', description: '', kinds: [Namespace, ConfigMap, Role, RoleBinding, ClusterRole, ClusterRoleBinding] as readonly unknown[] as readonly Kind[] }, admission]);
  const { client } = world;
  await client.create(Namespace, { metadata: { name: 'default' } });
  await client.create(ClusterRole, { metadata: { name: 'policies' }, rules: [{ apiGroups: ['admissionregistration.k8s.io'], resources: ['*'], verbs: ['*'] }] });
  await client.create(ClusterRoleBinding, { metadata: { name: 'policies' }, roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'policies' }, subjects: [{ kind: 'User', name: 'writer' }] });
  writer = world.door.client({ name: 'writer', groups: ['system:authenticated'] });
});
after(() => world.stop());

const policy = (name: string, spec: object, paramKind?: object): KubeObject => as({ metadata: { name }, spec: { matchConstraints: { resourceRules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }] }, ...spec, ...(paramKind === undefined ? {} : { paramKind }) } });
const bindingOf = (name: string, spec: object, paramRef?: object): KubeObject => as({ metadata: { name }, spec: { policyName: name, ...spec, ...(paramRef === undefined ? {} : { paramRef: { parameterNotFoundAction: 'Allow', ...paramRef } }) } });
const refuses = (work: Promise<unknown>, words: RegExp): Promise<void> => assert.rejects(work, (error) => error instanceof ApiError && error.reason === 'Invalid' && words.test(error.message));
const grant = async (name: string, rules: object[], namespace?: string): Promise<void> => {
  const subjects = [{ kind: 'User', name: 'writer' }];
  const [role, binding] = namespace === undefined ? [ClusterRole, ClusterRoleBinding] : [Role, RoleBinding];
  await world.client.create(role as Kind, as({ metadata: { name, namespace }, rules }));
  await world.client.create(binding as Kind, as({ metadata: { name, namespace }, roleRef: { apiGroup: RBAC, kind: role.kind, name }, subjects }));
};
const CONFIG_MAP = { apiVersion: 'v1', kind: 'ConfigMap' };

test('who cannot read the parameters neither writes nor binds the policy', async () => {
  for (const { kind, binding, spec, bindingSpec } of POLICIES) {
    const all = /spec\.paramKind: Forbidden: user writer must have "get" permission on all objects of the referenced paramKind \(kind=ConfigMap, apiVersion=v1\)$/;
    await writer.create(kind, policy('plain', spec));
    await refuses(writer.create(kind, policy('with', spec, CONFIG_MAP)), all);
    await refuses(writer.patch(kind, 'plain', { type: 'merge', body: { spec: { paramKind: CONFIG_MAP } } }), all);
    await world.client.create(kind, policy('with', spec, CONFIG_MAP)); // the administrator may
    const changed = await writer.patch(kind, 'with', { type: 'merge', body: { spec: { failurePolicy: 'Ignore' } } });
    assert.equal((changed as KubeObject & { spec: { failurePolicy: string } }).spec.failurePolicy, 'Ignore', 'what reads the same as before is judged no more');
    await writer.create(binding, bindingOf('plain', bindingSpec));
    await refuses(writer.create(binding, bindingOf('with', bindingSpec, { name: 'limits', namespace: 'default' })), /spec\.paramRef: Forbidden: user writer does not have "get" permission on the object referenced by paramRef$/);
    await refuses(writer.create(binding, bindingOf('nowhere', bindingSpec, { name: 'limits', namespace: 'default' })), /spec\.paramRef: Forbidden/);
  }
});

test('a right to one object lets its reader bind it, and no other', async () => {
  await grant('one', [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['limits'], verbs: ['get'] }], 'default');
  for (const { kind, binding, spec, bindingSpec } of POLICIES) {
    await writer.create(binding, bindingOf('with', bindingSpec, { name: 'limits', namespace: 'default' }));
    await refuses(writer.patch(binding, 'with', { type: 'merge', body: { spec: { paramRef: { name: 'other' } } } }), /spec\.paramRef: Forbidden/);
    await refuses(writer.create(kind, policy('more', spec, CONFIG_MAP)), /spec\.paramKind: Forbidden/);
  }
});

test('a right to all of the kind is enough', async () => {
  await grant('all', [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }]);
  for (const { kind, binding, spec, bindingSpec } of POLICIES) {
    await writer.create(kind, policy('more', spec, CONFIG_MAP));
    await writer.create(binding, bindingOf('more', bindingSpec, { selector: {} }));
    await refuses(writer.create(kind, policy('others', spec, { apiVersion: 'v1', kind: 'Secret' })), /kind=Secret, apiVersion=v1/);
  }
});
