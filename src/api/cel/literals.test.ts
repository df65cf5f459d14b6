import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEnvironment } from './environment.ts';
import { withoutLiterals, withOptionalFields, type Outermost } from './literals.ts';
import { Budget, compileExpression } from './program.ts';
import { fromCel } from './value.ts';

function valueOf(text: string, outermost: Outermost = 'Object'): unknown {
  const environment = createEnvironment({ object: 'dyn' });
  const object = new Map<string, unknown>([['name', 'web'], ['labels', new Map([['a', 'b']])]]);
  return fromCel(withOptionalFields(compileExpression(environment, withoutLiterals(text, outermost)).evaluate({ object }, new Budget())) as never);
}

test('literals become maps, wherever they stand', () => {
  const cases: [string, unknown][] = [
    ['Object{}', {}],
    ['Object{spec: Object.spec{replicas: 3}}', { spec: { replicas: 3 } }],
    ['Object { metadata : Object . metadata { labels: {"x": "y"} } }', { metadata: { labels: { x: 'y' } } }],
    ['Object{spec: Object.spec{containers: [Object.spec.containers{name: "a", env: [Object.spec.containers.env{name: "k", value: object.name + "{x: 1}"}]}]}}', { spec: { containers: [{ name: 'a', env: [{ name: 'k', value: 'web{x: 1}' }] }] } }],
    ['object.name == "web" ? Object{spec: Object.spec{a: true ? 1 : 2}} : Object{}', { spec: { a: 1 } }],
    ['Object{spec: Object.spec{containers: ["a", "b"].map(n, Object.spec.containers{name: n})}}', { spec: { containers: [{ name: 'a' }, { name: 'b' }] } }],
    ['Object{metadata: Object.metadata{labels: {"a": "Object{spec: 1}"}}} // Object.wrong{', { metadata: { labels: { a: 'Object{spec: 1}' } } }],
    ["Object{metadata: Object.metadata{?generateName: optional.none(), ?name: object[?'name']}}", { metadata: { name: 'web' } }],
    ['Object{metadata: Object.metadata{labels: Object.metadata.labels{app: "x"}}}', { metadata: { labels: { app: 'x' } } }],
  ];
  for (const [text, value] of cases) assert.deepEqual(valueOf(text), value, text);
});

test('JSON patches', () => {
  assert.deepEqual(valueOf('[JSONPatch{op: "add", path: "/spec/x", value: Object.spec.x{a: 1}}, JSONPatch{op: "remove", path: "/a"}]', 'JSONPatch'), [{ op: 'add', path: '/spec/x', value: { a: 1 } }, { op: 'remove', path: '/a' }]);
  assert.throws(() => valueOf('[JSONPatch{operation: "add"}]', 'JSONPatch'), /undefined field 'operation'/);
});

test('a literal in a place that is not its own is refused', () => {
  for (const [text, why] of [
    ['Object.spec{}', /unexpected type name "Object.spec", expected "Object"/],
    ['Object{spec: Object.other{}}', /unexpected type name "Object.other", expected "Object.spec"/],
    ['Object{spec: Object.spec{selector: Object.spec.wrong{}}}', /expected "Object.spec.selector"/],
    ['JSONPatch{op: "x"}', /unexpected type name "JSONPatch"/],
  ] as const) assert.throws(() => valueOf(text), why, text);
});

test('what is no literal stays as it is', () => {
  for (const text of ['object.Object', '{"a": 1}', 'Objects', 'x.map(Object, Object)', '"unfinished', "r'\\' + Object"]) assert.equal(withoutLiterals(text, 'any'), text);
});
