/** MutatingAdmissionPolicies over the real door and store. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { MutatingAdmissionPolicySpec } from '../../src/api/generated/admissionregistration-v1.ts';
import { isApiError } from '../../src/api/errors.ts';
import type { Kind } from '../../src/api/kind.ts';
import { ConfigMap, Deployment, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, Namespace, Pod } from '../../src/api/kinds.ts';
import admission from '../../src/modules/admission/module.ts';
import type { Module } from '../../src/sdk/index.ts';
import { eventually, startWorld, type World } from './world.ts';

let world: World;
let made = 0;
const served: Module = { name: 'kinds', description: '', kinds: [Namespace, ConfigMap, Pod, Deployment] as readonly unknown[] as readonly Kind[] };

before(async () => {
  world = await startWorld([served, admission]);
  await world.client.create(Namespace, { metadata: { name: 'default', labels: { team: 'blue' } } });
});
after(() => world.stop());
afterEach(async () => {
  for (const kind of [MutatingAdmissionPolicyBinding, MutatingAdmissionPolicy] as readonly unknown[] as Kind[]) await world.client.deleteCollection(kind);
  for (const kind of [ConfigMap, Pod] as readonly unknown[] as Kind[]) await world.client.deleteCollection(kind, { namespace: 'default', gracePeriodSeconds: 0 });
});

type Spec = Partial<MutatingAdmissionPolicySpec>;

const on = (plural: string, operations: ('CREATE' | 'UPDATE')[] = ['CREATE']): Spec['matchConstraints'] => ({ resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations, resources: [plural] }] });
const apply = (expression: string): Spec => ({ mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }] });
const json = (expression: string): Spec => ({ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }] });

async function policy(name: string, spec: Spec, binding: object = {}): Promise<void> {
  await world.client.create(MutatingAdmissionPolicy, { metadata: { name }, spec: { matchConstraints: on('configmaps'), reinvocationPolicy: 'Never', ...spec } });
  await world.client.create(MutatingAdmissionPolicyBinding, { metadata: { name }, spec: { policyName: name, ...binding } });
}

/** A ConfigMap as it is made; the policies may be a moment behind. */
async function mapWhen(holds: (map: ConfigMap) => boolean, data: Record<string, string> = { a: '1' }): Promise<ConfigMap> {
  let map: ConfigMap = { metadata: {} };
  await eventually(holds.toString(), async () => holds((map = await world.client.create(ConfigMap, { metadata: { name: `m${(made += 1)}`, namespace: 'default' }, data }))));
  return map;
}

test('an apply configuration is merged as server-side apply does it', async () => {
  await policy('sidecar', {
    matchConstraints: on('pods'), variables: [{ name: 'team', expression: 'namespaceObject.metadata.labels.team' }, { name: 'limits', expression: 'Object.spec.containers.resources{limits: {"cpu": "1"}}' }],
    matchConditions: [{ name: 'plain', expression: '!object.spec.containers.exists(c, c.name == "proxy")' }],
    ...apply('Object{metadata: Object.metadata{labels: {"team": variables.team}}, spec: Object.spec{containers: [Object.spec.containers{name: "proxy", image: "proxy:1", env: [Object.spec.containers.env{name: "OF", value: object.metadata.name}]}]}}'),
  });
  let pod: Pod = { metadata: {} };
  await eventually('the policy holds', async () => {
    pod = await world.client.create(Pod, { metadata: { name: `p${(made += 1)}`, namespace: 'default', labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1', env: [{ name: 'A', value: 'b' }] }] } });
    return pod.spec?.containers.length === 2;
  });
  assert.deepEqual(pod.metadata.labels, { app: 'web', team: 'blue' });
  assert.deepEqual(pod.spec?.containers.map(({ name, env }) => [name, env]), [['web', [{ name: 'A', value: 'b' }]], ['proxy', [{ name: 'OF', value: pod.metadata.name }]]]);
  assert.equal(pod.spec?.containers[1]?.imagePullPolicy, 'IfNotPresent', 'what was added gets its defaults');
  const other = await world.client.create(Pod, { metadata: { name: 'own', namespace: 'default' }, spec: { containers: [{ name: 'proxy', image: 'mine:1' }] } });
  assert.equal(other.spec?.containers[0]?.image, 'mine:1', 'a condition does not hold');
});

test('a JSON patch, parameters, and keys with slashes', async () => {
  await world.client.create(ConfigMap, { metadata: { name: 'colours', namespace: 'default' }, data: { colour: 'green' } });
  await policy('paint', {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    matchConditions: [{ name: 'mine', expression: 'object.metadata.name != "colours"' }],
    ...json('[JSONPatch{op: "test", path: "/data/a", value: "1"}, JSONPatch{op: "add", path: "/metadata/labels", value: Object.metadata.labels{}}, JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/colour"), value: params.data.colour}]'),
  }, { paramRef: { name: 'colours', parameterNotFoundAction: 'Deny' } });
  const map = await mapWhen(({ metadata }) => metadata.labels !== undefined);
  assert.deepEqual(map.metadata.labels, { 'example.com/colour': 'green' });
  const untested = await world.client.create(ConfigMap, { metadata: { name: 'untested', namespace: 'default' }, data: { a: '2' } });
  assert.equal(untested.metadata.labels, undefined, 'a test that fails leaves the object alone');
  await world.client.delete(ConfigMap, 'colours', { namespace: 'default' });
  await assert.rejects(world.client.create(ConfigMap, { metadata: { name: 'refused', namespace: 'default' }, data: { a: '1' } }), (error) => isApiError(error, 'Invalid') && /policy 'paint' with binding 'paint' denied request: failed to configure binding: no params found/.test(error.message));
});

test('policies run in order of their names, and again when a later one changed something', async () => {
  const once = 'Object{data: {"first": string(has(object.data.second))}}';
  await policy('a-first', { reinvocationPolicy: 'IfNeeded', ...apply(once) });
  await policy('c-never', { reinvocationPolicy: 'Never', ...apply('Object{data: {"third": string(has(object.data.fourth))}}') });
  await policy('b-second', apply('Object{data: {"second": "x"}}'));
  await policy('d-fourth', apply('Object{data: {"fourth": "x"}}'));
  const { data } = await mapWhen((map) => map.data?.['fourth'] !== undefined);
  assert.deepEqual(data, { a: '1', first: 'true', second: 'x', third: 'false', fourth: 'x' });
});

test('what fails refuses the request, unless the policy lets it pass; bindings say where', async () => {
  await policy('broken', apply('Object{data: {"x": object.data.missing}}'), { matchResources: { objectSelector: { matchLabels: { broken: 'yes' } } } });
  await policy('open', { failurePolicy: 'Ignore', ...apply('Object{data: {"x": object.data.missing}}') });
  const create = (name: string, labels: Record<string, string>): Promise<ConfigMap> => world.client.create(ConfigMap, { metadata: { name, namespace: 'default', labels }, data: { a: '1' } });
  await eventually('the policy holds', async () => create(`b${(made += 1)}`, { broken: 'yes' }).then(() => false, (error: Error) => /policy 'broken' with binding 'broken' denied request: no such key: missing/.test(error.message) || Promise.reject(error)));
  assert.equal((await create('fine', {})).data?.['x'], undefined);
});

test('a list that is one value may not be set in part', async () => {
  await policy('args', { matchConstraints: on('pods'), ...apply('Object{spec: Object.spec{containers: [Object.spec.containers{name: "a", args: ["x"]}]}}') });
  const create = (): Promise<Pod> => world.client.create(Pod, { metadata: { name: `p${(made += 1)}`, namespace: 'default' }, spec: { containers: [{ name: 'a', image: 'a' }] } });
  await eventually('the policy holds', async () => create().then(() => false, (error: Error) => /may not mutate atomic arrays, maps or structs: \.spec\.containers\[0\]\.args/.test(error.message) || Promise.reject(error)));
});

test('what is wrong with a policy is refused', async () => {
  const table: [Spec, RegExp][] = [
    [{ mutations: [] }, /spec\.mutations: Required value/], [{ ...apply('Object{spec: Object.other{}}') }, /type mismatch: unexpected type name "Object\.other"/], [{ ...apply('"x"') }, /must evaluate to Object but got string/],
    [{ mutations: [{ patchType: 'JSONPatch', applyConfiguration: { expression: 'Object{}' } }] }, /jsonPatch: Required value.*must be specified when patchType is JSONPatch|applyConfiguration: Forbidden/],
    [{ mutations: [{ patchType: 'Other' as never }] }, /Unsupported value: "Other"/], [{ ...apply('Object{}'), reinvocationPolicy: undefined }, /spec\.reinvocationPolicy: Required value/],
    [{ ...apply('Object{}'), matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['DELETE'], resources: ['pods'] }] } }, /DELETE may not be matched/],
    [{ ...apply('Object{data: {"x": nothing}}') }, /undeclared reference to 'nothing'/],
  ];
  for (const [spec, why] of table) await assert.rejects(world.client.create(MutatingAdmissionPolicy, { metadata: { name: 'wrong' }, spec: { matchConstraints: on('pods'), reinvocationPolicy: 'Never', ...spec } }), (error) => isApiError(error, 'Invalid') && why.test(error.message), why.source);
});
