import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../errors.ts';
import type { Json, KubeObject, ManagedFieldsEntry } from '../../meta.ts';
import { testSchema as schema } from '../test-schema.ts';
import { applyObject, resetFieldsOf, updateManagedFields, type ApplyInput } from './index.ts';

const reset = resetFieldsOf({ subresources: { status: true } }, '');
const T1 = '2026-01-01T00:00:01Z';
const T2 = '2026-01-01T00:00:02Z';

interface Deployment extends KubeObject { spec: Record<string, Json>; status?: Record<string, Json> }

function config(spec: Json, metadata: Record<string, Json> = {}): Json {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default', ...metadata }, spec };
}

function apply(live: KubeObject | undefined, applied: Json, more: Partial<ApplyInput> = {}): Deployment {
  if (live !== undefined) deepFreeze(live);
  const object = applyObject({ schema, live, applied: deepFreeze(applied), manager: 'me', force: false, apiVersion: 'apps/v1', reset, now: T1, ...more });
  if (live === undefined) object.metadata.uid = 'u1';
  return object as Deployment;
}

function update(live: KubeObject | undefined, next: KubeObject, manager = 'kubectl', more: { subresource?: string; now?: string } = {}): Deployment {
  const copy = structuredClone(next);
  if (live !== undefined) deepFreeze(live);
  updateManagedFields({ schema, live, next: copy, manager, apiVersion: 'apps/v1', reset: more.subresource ? resetFieldsOf({ subresources: {} }, more.subresource) : reset, now: T1, ...more });
  copy.metadata.uid = 'u1';
  return copy as Deployment;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}

function owned(object: KubeObject, manager: string): Json | undefined {
  return entry(object, manager)?.fieldsV1;
}

function entry(object: KubeObject, manager: string): ManagedFieldsEntry | undefined {
  return object.metadata.managedFields?.find((each) => each.manager === manager);
}

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx:1', ports: [{ containerPort: 80 }] }] } };

test('create records the creator as upstream does', () => {
  const made = update(undefined, config({ replicas: 3, selector: { matchLabels: { app: 'web' } }, template }, { labels: { a: 'b' } }) as unknown as KubeObject);
  assert.deepEqual(made.metadata.managedFields, [{
    manager: 'kubectl', operation: 'Update', apiVersion: 'apps/v1', time: T1, fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
      'f:spec': {
        'f:replicas': {}, 'f:selector': {},
        'f:template': {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': { 'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:image': {}, 'f:name': {}, 'f:ports': { '.': {}, 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } } } } },
        },
      },
    },
  }]);
});

test('apply creates, owns what it names, and a second apply without a field removes it', () => {
  const made = apply(undefined, config({ replicas: 3, paused: true, template }, { labels: { a: 'b' } }));
  assert.deepEqual(owned(made, 'me'), {
    'f:metadata': { 'f:labels': { 'f:a': {} } },
    'f:spec': {
      'f:paused': {}, 'f:replicas': {},
      'f:template': { 'f:metadata': { 'f:labels': { 'f:app': {} } }, 'f:spec': { 'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:image': {}, 'f:name': {}, 'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } } } } } },
    },
  });
  const again = apply(made, config({ replicas: 3, template }), { now: T2 });
  assert.equal(again.spec.paused, undefined);
  assert.equal(again.metadata.labels, undefined);
  assert.equal(again.spec.replicas, 3);
  assert.equal(entry(again, 'me')!.time, T2);
});

test('applying the same again changes nothing, not even the time', () => {
  const made = apply(undefined, config({ replicas: 3, template }));
  const again = apply(made, config({ replicas: 3, template }), { now: T2 });
  assert.deepEqual(again, made);
});

test('what apply gives back shares nothing frozen with the live object', () => {
  const made = apply(undefined, config({ replicas: 3, template }));
  const again = apply(made, config({ replicas: 3, template }), { now: T2 });
  again.metadata.managedFields![0]!.time = T2;
  (again.spec.template as { metadata: { labels: Record<string, string> } }).metadata.labels.x = 'y';
});

test('a conflict names the owner, the version and the field', () => {
  const made = apply(undefined, config({ replicas: 3, template }));
  const scaled = update(made, { ...made, spec: { ...made.spec, replicas: 5 } } as KubeObject, 'kubectl', { now: T2 });
  assert.deepEqual(owned(scaled, 'kubectl'), { 'f:spec': { 'f:replicas': {} } });
  assert.throws(() => apply(scaled, config({ replicas: 3, template })), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.code, 409);
    assert.equal(error.reason, 'Conflict');
    assert.equal(error.message, 'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas');
    assert.deepEqual(error.details, { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "kubectl" using apps/v1', field: '.spec.replicas' }] });
    return true;
  });
  const forced = apply(scaled, config({ replicas: 3, template }), { force: true });
  assert.equal(forced.spec.replicas, 3);
  assert.equal(entry(forced, 'kubectl'), undefined);
});

test('several conflicts are listed by manager', () => {
  const made = apply(undefined, config({ replicas: 3, template }), { manager: 'other' });
  const next = { replicas: 4, template: { ...template, spec: { containers: [{ name: 'web', image: 'nginx:2' }] } } };
  assert.throws(() => apply(made, config(next)), { message: 'Apply failed with 2 conflicts: conflicts with "other":\n- .spec.replicas\n- .spec.template.spec.containers[name="web"].image' });
});

test('equal values are owned by both, and stay until both let go', () => {
  const made = apply(undefined, config({ replicas: 3, template }), { manager: 'one' });
  const both = apply(made, config({ replicas: 3 }), { manager: 'two' });
  assert.deepEqual(owned(both, 'two'), { 'f:spec': { 'f:replicas': {} } });
  const oneLeft = apply(both, config({ template }), { manager: 'one' });
  assert.equal(oneLeft.spec.replicas, 3);
  const noneLeft = apply(oneLeft, config({}), { manager: 'two' });
  assert.equal(noneLeft.spec.replicas, undefined);
  assert.deepEqual(owned(noneLeft, 'two'), { 'f:spec': {} });
});

test('lists merge by key: each manager has its container', () => {
  const made = apply(undefined, config({ template }), { manager: 'one' });
  const both = apply(made, config({ template: { spec: { containers: [{ name: 'proxy', image: 'p:1' }] } } }), { manager: 'two' });
  const names = (object: Deployment): string[] => (object.spec.template as { spec: { containers: { name: string }[] } }).spec.containers.map(({ name }) => name);
  assert.deepEqual(names(both), ['web', 'proxy']);
  assert.deepEqual(names(apply(both, config({}), { manager: 'two' })), ['web']);
});

test('status cannot be owned by applying to the object', () => {
  const made = apply(undefined, { ...config({ replicas: 1 }) as object, status: { replicas: 7 } } as Json);
  assert.deepEqual(owned(made, 'me'), { 'f:spec': { 'f:replicas': {} } });
});

test('an update that changes nothing keeps entries as they are', () => {
  const made = update(undefined, config({ replicas: 3 }) as unknown as KubeObject);
  const again = update(made, made, 'someone', { now: T2 });
  assert.deepEqual(again.metadata.managedFields, made.metadata.managedFields);
});

test('the creator of a custom resource owns its spec too: it is a map like any other', () => {
  const next = { apiVersion: 'x.io/v1', kind: 'Thing', metadata: { name: 'one' }, spec: { size: 1 }, status: { ready: true } } as unknown as KubeObject;
  const custom = { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } }, status: { type: 'object', properties: { ready: { type: 'boolean' } } } } } as const;
  updateManagedFields({ schema: custom, live: undefined, next, manager: 'me', apiVersion: 'x.io/v1', now: T1 });
  assert.deepEqual(next.metadata.managedFields![0]!.fieldsV1, { 'f:spec': { '.': {}, 'f:size': {} }, 'f:status': { '.': {}, 'f:ready': {} } });
});

test('where there is no schema, one value that becomes a map is taken from who owned it', () => {
  const schema = { type: 'object', properties: { spec: { type: 'object', xPreserveUnknownFields: true } } } as const;
  const live = { apiVersion: 'x.io/v1', kind: 'Thing', metadata: { name: 'one', uid: 'u' }, spec: { k: 'one', kept: 1 } } as unknown as KubeObject;
  updateManagedFields({ schema, live: undefined, next: live, manager: 'first', apiVersion: 'x.io/v1', now: T1 });
  const next = { ...structuredClone(live), spec: { k: { z: 'two' }, kept: 1 } } as unknown as KubeObject;
  updateManagedFields({ schema, live, next, manager: 'second', apiVersion: 'x.io/v1', now: T2 });
  assert.deepEqual(next.metadata.managedFields!.map(({ manager, fieldsV1 }) => [manager, fieldsV1]), [
    ['first', { 'f:spec': { '.': {}, 'f:kept': {} } }], ['second', { 'f:spec': { 'f:k': { '.': {}, 'f:z': {} } } }],
  ]);
});

test('an update of a subresource is an entry of its own', () => {
  const made = update(undefined, config({ replicas: 3 }) as unknown as KubeObject);
  const next = update(made, { ...made, status: { replicas: 1 } } as unknown as KubeObject, 'kubectl', { subresource: 'status', now: T2 });
  assert.deepEqual(next.metadata.managedFields!.map(({ manager, subresource, time }) => [manager, subresource, time]), [['kubectl', undefined, T1], ['kubectl', 'status', T2]]);
  assert.deepEqual(next.metadata.managedFields![1]!.fieldsV1, { 'f:status': { 'f:replicas': {} } });
});

test('an update that removes a field takes it from its owners', () => {
  const made = apply(undefined, config({ replicas: 3, paused: true }));
  const next = update(made, { ...made, spec: { replicas: 3 } } as unknown as KubeObject);
  assert.deepEqual(owned(next, 'me'), { 'f:spec': { 'f:replicas': {} } });
});

test('an untracked object stays untracked by updates and gets before-first-apply on apply', () => {
  const bare = { ...config({ replicas: 3, paused: true }, { uid: 'u1' }) as object } as unknown as KubeObject;
  assert.equal(update(bare, { ...bare, spec: { replicas: 4 } } as unknown as KubeObject).metadata.managedFields, undefined);
  assert.throws(() => apply(bare, config({ replicas: 4 })), { message: 'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas' });
  assert.deepEqual(apply(bare, config({ replicas: 4 }), { force: true }).metadata.managedFields!.map(({ manager }) => manager), ['me', 'before-first-apply']);
  const working = { ...bare, status: { replicas: 3 } } as unknown as KubeObject;
  const before = apply(working, config({ paused: true })).metadata.managedFields!.find(({ manager }) => manager === 'before-first-apply');
  assert.equal('f:status' in (before!.fieldsV1 as object), false, 'the status is not of who writes the object');
});

test('what was there before the first apply of a status belongs to who wrote that', () => {
  const bare = { ...config({ replicas: 3 }, { uid: 'u1' }) as object, status: { replicas: 3 } } as unknown as KubeObject;
  const next = apply(bare, { ...config({}) as object, status: { replicas: 3 } } as unknown as Json, { subresource: 'status', reset: resetFieldsOf({ subresources: {} }, 'status') });
  assert.deepEqual(next.metadata.managedFields!.map(({ manager, subresource, fieldsV1 }) => [manager, subresource, fieldsV1]), [['me', 'status', { 'f:status': { 'f:replicas': {} } }], ['before-first-apply', 'status', { 'f:status': { 'f:replicas': {} } }]]);
});

test('managedFields are reset by an empty list', () => {
  const made = update(undefined, config({ replicas: 3 }) as unknown as KubeObject);
  const next = update(made, { ...made, metadata: { ...made.metadata, managedFields: [] } });
  assert.equal(next.metadata.managedFields, undefined);
});

test('at most ten updaters, the oldest folded into ancient-changes', () => {
  let live = update(undefined, config({ replicas: 0 }, { labels: { l0: '0' } }) as unknown as KubeObject, 'm0');
  for (let index = 1; index <= 14; index++) {
    const labels = { ...live.metadata.labels, [`l${index}`]: String(index) };
    live = update(live, { ...live, metadata: { ...live.metadata, labels } }, `m${index}`, { now: `2026-01-01T00:01:${String(index).padStart(2, '0')}Z` });
  }
  assert.equal(live.metadata.managedFields!.length, 10);
  assert.ok(entry(live, 'ancient-changes'));
  assert.ok(entry(live, 'm14'));
  assert.equal(entry(live, 'm1'), undefined);
});

test('kubectl takes over what its client-side apply set', () => {
  const last = JSON.stringify(config({ replicas: 3, paused: true }));
  const made = update(undefined, config({ replicas: 3, paused: true }, { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `${last}\n` } }) as unknown as KubeObject, 'kubectl-client-side-apply');
  assert.throws(() => apply(made, config({ replicas: 4 }), { manager: 'helm' }), { reason: 'Conflict' });
  const next = apply(made, config({ replicas: 4 }), { manager: 'kubectl' });
  assert.equal(next.spec.replicas, 4);
  assert.deepEqual(JSON.parse(next.metadata.annotations!['kubectl.kubernetes.io/last-applied-configuration']!), config({ replicas: 4 }));
  const reversed = Object.fromEntries(Object.entries(config({ replicas: 5 }) as object).reverse());
  assert.match(apply(next, reversed, { manager: 'kubectl' }).metadata.annotations!['kubectl.kubernetes.io/last-applied-configuration']!, /^\{"apiVersion":.*"kind":.*"metadata":.*"spec":/, 'members stand by their names');
});

const refusals: [string, Json, RegExp][] = [
  ['another version', { apiVersion: 'apps/v2', kind: 'Deployment', metadata: {} }, /Specified patch version: apps\/v2, expected: apps\/v1/],
  ['managedFields', config({}, { managedFields: [] }), /metadata.managedFields must be nil/],
  ['an unknown field', config({ replica: 3 }), /^failed to create typed patch object \(default\/web; apps\/v1, Kind=Deployment\): \.spec\.replica: field not declared in schema$/],
  ['an unknown field in a list that is one value', config({ template: { spec: { tolerations: [{ key: 'a' }, { keys: 'b' }] } } }), /\.spec\.template\.spec\.tolerations\[1\]\.keys: field not declared in schema$/],
  ['a wrong type in a map that is one value', config({ selector: { matchLabels: { a: 1 } } }), /\.spec\.selector\.matchLabels\.a: expected string/],
  ['a wrong type', config({ replicas: 'three' }), /\.spec\.replicas: expected numeric \(int or float\), got string/],
  ['two items of one key', config({ template: { spec: { containers: [{ name: 'a' }, { name: 'a' }] } } }), /\.spec\.template\.spec\.containers: duplicate entries for key \[name="a"\]/],
  ['an item without its key', config({ template: { spec: { containers: [{ image: 'a' }] } } }), /element 0: associative list with keys has an element that omits all key fields \["name"\]/],
];

for (const [name, applied, message] of refusals) test(`apply refuses ${name}`, () => assert.throws(() => apply(undefined, applied), { message }));

test('apply refuses fields whose names alone are more than can be stored, before it merges them', () => {
  const labels = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`l${index}`, '']));
  const applied = config({ replicas: 1 }, { labels });
  const owned = JSON.stringify(entry(apply(undefined, applied), 'me')!.fieldsV1).length;
  const live = apply(undefined, applied);
  assert.equal(apply(live, applied, { maxBytes: owned }).spec.replicas, 1);
  assert.throws(() => apply(live, applied, { maxBytes: owned - 1 }), { reason: 'RequestEntityTooLarge', message: new RegExp(`have ${owned} bytes, and no more than ${owned - 1} may be stored`) });
});
