import { test } from 'node:test';
import assert from 'node:assert/strict';
import { schemaOfCustomResource } from '../custom/custom-schema.ts';
import type { FieldError } from '../field-error.ts';
import type { JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import { evaluateRules, ruleErrorsOf } from './index.ts';

type Props = Record<string, unknown>;

function schemaOf(spec: Props): ReturnType<typeof schemaOfCustomResource> {
  return schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { spec: spec as unknown as JSONSchemaProps } } } });
}

function verdict(spec: Props, value: unknown, old?: unknown): string[] {
  const whole = (of: unknown): unknown => (of === undefined ? undefined : { metadata: { name: 'a' }, spec: of });
  return evaluateRules(schemaOf(spec), whole(value), whole(old)).map((error) => `${error.field}: ${error.message}`);
}

const integer = { type: 'integer' };

test('a rule may have as many terms as its text may be long, but only so many within another', () => {
  const ofTerms = (terms: number, joint: string): string => Array(terms).fill('1==1').join(joint);
  const told = (rule: string): string[] => ruleErrorsOf(schemaOf({ type: 'object', 'x-kubernetes-validations': [{ rule }] }), 'spec').map(({ message }) => message.slice(message.indexOf('compilation failed')).split('\n')[0]!);
  for (const joint of ['&&', '||']) assert.deepEqual([told(ofTerms(3_330, joint)), evaluateRules(schemaOf({ type: 'object', 'x-kubernetes-validations': [{ rule: ofTerms(3_330, joint) }] }), {}, undefined)], [[], []]);
  const failed = (detail: string): string[] => [`compilation failed: ERROR: <input>:-1:0: ${detail}`];
  assert.deepEqual(told(ofTerms(17_000, '&&')), failed('expression code point size exceeds limit: size: 101998, limit 100000'));
  for (const joint of ['+', '-', '*']) assert.deepEqual([told(`1==${Array(240).fill('1').join(joint)} || true`), told(`1==${Array(9_998).fill('1').join(joint)}`)], [[], failed('max recursion depth exceeded')], joint);
  const within = (depth: number): string => `${'('.repeat(depth)}true${')'.repeat(depth)}`;
  assert.deepEqual([told(within(249)), told(within(252))], [[], failed('expression recursion limit exceeded: 250')]);
});

test('rules judge custom resources in the words of Kubernetes', () => {
  const sum = { type: 'object', properties: { x: integer, y: integer }, 'x-kubernetes-validations': [{ rule: 'self.x + self.y > 0' }] };
  const withRule = (rule: Props, properties: Props = { x: integer }): Props => ({ type: 'object', properties, 'x-kubernetes-validations': [rule] });
  const list = (type: Props): Props => ({ type: 'object', properties: { l: { type: 'array', ...type } } });
  const keyed = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], items: { ...withRule({ rule: 'self.v >= oldSelf.v', message: 'only up' }, { k: { type: 'string' }, v: integer }) } };
  const table: [string, Props, unknown, unknown, string[]][] = [
    ['holds', sum, { x: 1, y: 0 }, undefined, []],
    ['fails', sum, { x: 0, y: 0 }, undefined, ['spec: Invalid value: failed rule: self.x + self.y > 0']],
    ['cannot be evaluated', sum, { x: 1 }, undefined, ['spec: Invalid value: "object": no such key: y evaluating rule: self.x + self.y > 0']],
    ['message', withRule({ rule: 'self.x > 0', message: ' must be more ' }), { x: 0 }, undefined, ['spec: Invalid value: must be more']],
    ['message expression', withRule({ rule: 'self.x > 0', messageExpression: '"x is " + string(self.x)' }), { x: 0 }, undefined, ['spec: Invalid value: x is 0']],
    ['message expression that fails', withRule({ rule: 'self.x > 0', message: 'm', messageExpression: 'string(self.x / 0)' }), { x: 0 }, undefined, ['spec: Invalid value: m']],
    ['reason and path', withRule({ rule: 'self.x > 0', message: 'm', reason: 'FieldValueForbidden', fieldPath: '.x' }), { x: 0 }, undefined, ['spec.x: Forbidden: m']],
    ['required', withRule({ rule: 'has(self.x)', message: 'm', reason: 'FieldValueRequired', fieldPath: '.x' }), {}, undefined, ['spec.x: Required value: m']],
    ['scalar', { type: 'object', properties: { x: { ...integer, 'x-kubernetes-validations': [{ rule: 'self % 2 == 0' }] } } }, { x: 3 }, undefined, ['spec.x: Invalid value: 3: failed rule: self % 2 == 0']],
    ['has() of a field of an element', withRule({ rule: 'has(self.list[0].a) && self.list.exists(e, has(e.b) && e.list.exists(f, has(e.list[0].c)))' }, { list: { type: 'array', items: { type: 'object', properties: { a: integer, b: integer, list: { type: 'array', items: { type: 'object', properties: { c: integer } } } } } } }), { list: [{ a: 1 }, { b: 1, list: [{ c: 1 }] }] }, undefined, []],
    ['has() of what an element lacks', withRule({ rule: 'has(self.list[0].b)' }, { list: { type: 'array', items: { type: 'object', properties: { a: integer, b: integer } } } }), { list: [{ a: 1 }] }, undefined, ['spec: Invalid value: failed rule: has(self.list[0].b)']],
    ['flags after the beginning', { type: 'string', 'x-kubernetes-validations': [{ rule: 'self.matches("^(?i)ab$")' }] }, 'AB', undefined, []],
    ['keywords after a dot', withRule({ rule: 'self.namespace == self.__namespace__ && self.if == 2' }, { namespace: integer, if: integer }), { namespace: 1, if: 2 }, undefined, []],
    ['sets are joined', withRule({ rule: 'self.set.join("-") == "a-b" && self.set.join() == "ab"' }, { set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } } }), { set: ['a', 'b'] }, undefined, []],
    ['durations in lists', withRule({ rule: 'self.d.indexOf(duration("1m")) == 1 && self.d.indexOf(duration("2m")) == -1' }, { d: { type: 'array', items: { type: 'string', format: 'duration' } } }), { d: ['1s', '1m'] }, undefined, []],
    ['fields that the schema does not know make objects differ', withRule({ rule: 'self.l[0] != self.l[1] && self.l[1] == self.l[2]' }, { l: { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { k: integer } } } }), { l: [{ k: 1, x: 'a' }, { k: 1, x: 'b' }, { k: 1, x: 'b' }] }, undefined, []],
    ['escaped', withRule({ rule: 'self.a__dash__b == self.__in__' }, { 'a-b': integer, in: integer }), { 'a-b': 1, in: 2 }, undefined, ['spec: Invalid value: failed rule: self.a__dash__b == self.__in__']],
    ['map values', { type: 'object', additionalProperties: { ...integer, 'x-kubernetes-validations': [{ rule: 'self > 0' }] } }, { 'a.b': 0 }, undefined, ['spec[a.b]: Invalid value: 0: failed rule: self > 0']],
    ['list items', list({ items: { ...integer, 'x-kubernetes-validations': [{ rule: 'self > 0' }] } }), { l: [1, 0] }, undefined, ['spec.l[1]: Invalid value: 0: failed rule: self > 0']],
    ['times', withRule({ rule: 'self.t > timestamp("2024-01-01T00:00:00Z") && self.d < duration("1h")' }, { t: { type: 'string', format: 'date-time' }, d: { type: 'string', format: 'duration' } }), { t: '2024-06-01T00:00:00Z', d: '30m' }, undefined, []],
    ['a transition has nothing to say of a new object', withRule({ rule: 'self.x >= oldSelf.x' }), { x: 1 }, undefined, []],
    ['transition', withRule({ rule: 'self.x >= oldSelf.x' }), { x: 1 }, { x: 2 }, ['spec: Invalid value: failed rule: self.x >= oldSelf.x']],
    ['optional oldSelf', withRule({ rule: 'oldSelf.hasValue() || self.x == 1', optionalOldSelf: true }), { x: 2 }, undefined, ['spec: Invalid value: failed rule: oldSelf.hasValue() || self.x == 1']],
    ['items of maps correlate', list(keyed), { l: [{ k: 'b', v: 1 }, { k: 'a', v: 1 }] }, { l: [{ k: 'a', v: 2 }] }, ['spec.l[1]: Invalid value: only up']],
    ['what did not change is not refused', withRule({ rule: 'self.x > 10' }), { x: 1 }, { x: 1 }, []],
    ['nor items of a list that did not', list({ items: { ...integer, 'x-kubernetes-validations': [{ rule: 'self > 10' }] } }), { l: [1] }, { l: [1] }, []],
    ['but those of one that did', list({ items: { ...integer, 'x-kubernetes-validations': [{ rule: 'self > 10' }] } }), { l: [1, 11] }, { l: [1] }, ['spec.l[0]: Invalid value: 1: failed rule: self > 10']],
    ['the value of an optional oldSelf', { type: 'object', properties: { x: { ...integer, 'x-kubernetes-validations': [{ rule: '!oldSelf.hasValue() || self >= oldSelf.value()', optionalOldSelf: true }] } } }, { x: 2 }, { x: 3 }, ['spec.x: Invalid value: 2: failed rule: !oldSelf.hasValue() || self >= oldSelf.value()']],
    ['doubles', withRule({ rule: 'self.x != 1', reason: 'FieldValueDuplicate', fieldPath: '.x' }), { x: 1 }, undefined, ['spec.x: Duplicate value']],
    ['int or string', withRule({ rule: 'type(self.p) == int ? self.p < 10 : self.p == "http"' }, { p: { 'x-kubernetes-int-or-string': true } }), { p: 'http' }, undefined, []],
  ];
  for (const [name, spec, value, old, expected] of table) assert.deepEqual(verdict(spec, value, old), expected, name);
});

test('what a rule that came later finds in what did not change is a warning', () => {
  const schema = schemaOf({ type: 'object', properties: { x: integer }, 'x-kubernetes-validations': [{ rule: 'self.x > 10' }] });
  const warned: FieldError[] = [];
  assert.deepEqual(evaluateRules(schema, { spec: { x: 1 } }, { spec: { x: 1 } }, warned), []);
  assert.deepEqual(warned.map((each) => `${each.field}: ${each.message}`), ['spec: Invalid value: failed rule: self.x > 10']);
});

test('the root sees the name, and no other metadata', () => {
  const schema = schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.metadata.name == "a" && !has(self.metadata.labels)' }] } as JSONSchemaProps } });
  assert.deepEqual(evaluateRules(schema, { metadata: { name: 'a', labels: {} } }, undefined), []);
});

test('rules that cannot be compiled are refused with the definition', () => {
  const table: [Props, string | undefined][] = [
    [{ rule: 'self.z == 100' }, "spec.x-kubernetes-validations[0].rule: Invalid value: {\"rule\":\"self.z == 100\"}: compilation failed: ERROR: <input>:1:5: undefined field 'z'"],
    [{ rule: 'self.kept.any == 1' }, "undefined field 'any'"],
    [{ rule: 'has(self.kept.any)' }, "undefined field 'any'"],
    [{ rule: 'self.typeless == 1' }, "undefined field 'typeless'"],
    [{ rule: 'self.typelessList.size() == 1' }, "undefined field 'typelessList'"],
    [{ rule: 'self.typelessMap.size() == 1' }, "undefined field 'typelessMap'"],
    [{ rule: 'self.free.size() == 1 || has(self.kept) && self.kept == oldSelf.kept' }, undefined],
    [{ rule: 'self.x == ' }, 'compilation failed: ERROR: <input>:1:11: Syntax error'],
    [{ rule: 'self.x + "a" == "b"' }, "found no matching overload for '_+_' applied to '(int, string)'"],
    [{ rule: "self.l[0].a.startsWith('a')" }, "found no matching overload for 'startsWith' applied to 'int.(string)'"],
    [{ rule: 'self.m.all(k, v, [k, v].size() == 2)' }, "expected type 'string' but found 'int'"],
    [{ rule: 'self.l.map(e, string(e.a)).sum() == "1"' }, "found no matching overload for 'sum' applied to 'list(string).()'"],
    [{ rule: 'self.p' }, 'cel expression must evaluate to a bool'],
    [{ rule: 'self.x' }, 'cel expression must evaluate to a bool'],
    [{ rule: 'self.x > 0', messageExpression: 'self.x' }, 'messageExpression must evaluate to a string'],
    [{ rule: 'self.l.all(i, i.z > 0)' }, "undefined field 'z'"],
    [{ rule: 'self.l.all(i, each, each.z > i)' }, "undefined field 'z'"],
    [{ rule: 'self.l.all(i, each, each.a >= i) && self.m.all(k, v, k.startsWith("a") || v > 1) && [?self.?x, 3].size() > 1' }, undefined],
    [{ rule: 'nobody > 0' }, "undeclared reference to 'nobody'"],
    [{ rule: ' ' }, 'Required value: rule is not specified'],
    [{ rule: 'self.x > 0', fieldPath: '.nope' }, 'Invalid value: ".nope": must be a valid path'],
    [{ rule: 'self.x > 0', fieldPath: '.m[\'a/b\']' }, undefined],
    [{ rule: 'self.x > 0', fieldPath: '.l[0]' }, 'must be a valid path'],
    [{ rule: 'self.x > 0', message: 'a\nb' }, 'must not contain line breaks'],
    [{ rule: 'self.x > 0 &&\nself.x < 9', messageExpression: '"no"' }, 'spec.x-kubernetes-validations[0].message: Required value: message must be specified if rule contains line breaks'],
    [{ rule: 'self.x > 0 &&\nself.x < 9', message: 'no', messageExpression: '"no"' }, undefined],
    [{ rule: 'self.x > 0', reason: 'Whatever' }, 'Unsupported value: "Whatever"'],
    [{ rule: 'self.x > 0', optionalOldSelf: true }, 'may not be set if oldSelf is not used in rule'],
    [{ rule: 'self.l.all(i, i.a == 1) && has(self.m.b) && self.t > timestamp("2024-01-01T00:00:00Z") && self.?x.orValue(1) == 1 && self.x in [1, 2] && self.p == 1' }, undefined],
  ];
  const properties = { x: integer, l: { type: 'array', maxItems: 100, items: { type: 'object', properties: { a: integer } } }, m: { type: 'object', additionalProperties: integer }, t: { type: 'string', format: 'date-time' }, p: { 'x-kubernetes-int-or-string': true },
    kept: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, typeless: { 'x-kubernetes-preserve-unknown-fields': true }, typelessList: { type: 'array', items: { 'x-kubernetes-preserve-unknown-fields': true } }, typelessMap: { type: 'object', additionalProperties: { 'x-kubernetes-preserve-unknown-fields': true } },
    free: { type: 'object', additionalProperties: { type: 'string' } } };
  for (const [rule, expected] of table) {
    const [error] = ruleErrorsOf({ ...(schemaOf({ type: 'object', properties, 'x-kubernetes-validations': [rule] }).properties!['spec'] as object) }, 'spec');
    const text = error === undefined ? undefined : `${error.field}: ${error.message}`;
    if (expected === undefined) assert.equal(text, undefined);
    else assert.ok(text?.includes(expected), `${JSON.stringify(rule)}: ${text}`);
  }
});

test('rules that may cost too much are refused with the definition', () => {
  const strings = (more: Props = {}, items: Props = {}): Props => ({ type: 'array', items: { type: 'string', ...items }, ...more });
  const on = (l: Props, rule: string): string[] => ruleErrorsOf(schemaOf({ type: 'object', properties: { l }, 'x-kubernetes-validations': [{ rule }] }).properties!['spec'] as never, 's').map(({ field, message }) => `${field}: ${message}`);
  const words = (name: string, factor: string): string => `Forbidden: ${name} exceeds budget by factor of ${factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
  const squared = 'self.l.all(a, self.l.exists_one(b, a == b))';
  assert.deepEqual(on(strings(), squared), [
    `s.x-kubernetes-validations[0].rule: ${words('estimated rule cost', 'more than 100x')}`,
    's.x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
    `s: ${words('x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema', 'more than 100x')}`,
  ]);
  assert.deepEqual(on(strings({ maxItems: 100 }, { maxLength: 100 }), squared), []);
  assert.deepEqual(on(strings({ maxItems: 10 }), 'self.l.all(a, a.startsWith("x"))'), []);
  assert.match(on(strings({ maxItems: 1_000 }), 'self.l.all(a, a.contains("some longer text that is looked for"))')[0]!, /estimated rule cost exceeds budget by factor of more than 100x/);
  const perItem = { type: 'array', items: { type: 'object', properties: { n: { type: 'string', maxLength: 10 } }, 'x-kubernetes-validations': [{ rule: 'self.n != "" && self.n != "a" && self.n != "b" && self.n != "c"' }] } };
  assert.match(on(perItem, 'true')[0]!, /s\.properties\[l\]\.items\.x-kubernetes-validations\[0\]\.rule: Forbidden: estimated rule cost exceeds budget by factor of \d/);
  assert.deepEqual(on({ ...perItem, maxItems: 1_000 }, 'true'), []);
});

test('oldSelf needs values that are the same ones before and after', () => {
  const item = { type: 'object', properties: { a: integer }, 'x-kubernetes-validations': [{ rule: 'self.a == oldSelf.a' }] };
  const errors = ruleErrorsOf(schemaOf({ type: 'object', properties: { l: { type: 'array', items: item } } }), 's');
  assert.equal(errors[0]?.message, 'Invalid value: "self.a == oldSelf.a": oldSelf cannot be used on the uncorrelatable portion of the schema within s.properties[spec].properties[l]');
  const below = { type: 'object', properties: { l: { type: 'array', 'x-kubernetes-list-type': 'map', items: { type: 'object', properties: { deep: { type: 'array', items: item } } } } } };
  assert.match(ruleErrorsOf(schemaOf({ type: 'array', items: below }), 's')[0]?.message ?? '', /within s\.properties\[spec\]$/, 'the outermost is told');
  const atomic = { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: { ...integer, 'x-kubernetes-validations': [{ rule: 'self >= oldSelf' }] } } };
  assert.deepEqual(ruleErrorsOf(schemaOf(atomic), 's'), [], 'fields have the same names before and after, however they are merged');
  assert.deepEqual(verdict(atomic, { a: 1 }, { a: 2 }), ['spec.a: Invalid value: 1: failed rule: self >= oldSelf']);
  assert.match(ruleErrorsOf(schemaOf({ ...atomic, 'x-kubernetes-map-type': 'odd' }), 's')[0]?.message ?? '', /within s\.properties\[spec\]$/);
});

test('values mean what their schema says', () => {
  const text = { type: 'string' };
  const set = { type: 'array', 'x-kubernetes-list-type': 'set', items: text };
  const byName = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items: { type: 'object', properties: { name: { ...text, maxLength: 10 }, port: integer } } };
  const properties = {
    i: integer, n: { type: 'number' }, s: text, b: { type: 'string', format: 'byte' }, d: { type: 'string', format: 'duration' }, day: { type: 'string', format: 'date' }, t: { type: 'string', format: 'date-time' },
    set, other: set, ports: { type: 'array', maxItems: 2, items: { ...byName, maxItems: 10 } }, any: { 'x-kubernetes-int-or-string': true }, gone: { ...integer, nullable: true }, labels: { type: 'object', additionalProperties: text },
  };
  const value = {
    i: 4, n: 2, s: 'naïve 🐙', b: 'aGk=', d: '90m', day: '2020-02-29', t: '2020-02-29T23:30:00.25+02:00', set: ['x', 'y'], other: ['y', 'x'],
    ports: [[{ name: 'a', port: 1 }, { name: 'b', port: 2 }], [{ name: 'b', port: 2 }, { name: 'a', port: 1 }]], any: '10%', gone: null, labels: { 'a/b': 'c' },
  };
  const holds = [
    'type(self.n) == double && self.n == 2.0 && double(self.i) > self.n && self.i == int(self.n) * 2', 'size(self.s) == 7 && self.s.endsWith("🐙") && string(self.b) == "hi" && size(self.b) == 2',
    'self.d == duration("1h30m") && self.d.getMinutes() == 90 && string(self.d) == "5400s"', 'self.day.getDayOfMonth() == 28 && self.day.getMonth() == 1 && self.day.getDayOfYear() == 59',
    'self.t.getHours() == 21 && self.t.getHours("02:00") == 23 && self.t.getDate("+03:00") == 1 && self.t.getHours("Asia/Tokyo") == 6 && string(self.t) == "2020-02-29T23:30:00.25+02:00"',
    'self.set == self.other && self.set == ["y", "x"] && size(self.set + ["y", "z"]) == 3 && self.set[0] in self.other', 'self.ports[0] == self.ports[1] && size(self.ports[0] + self.ports[1]) == 2 && self.ports[0] != [self.ports[0][0]]',
    'self.any == "10%" && self.any != 10 && self.any != ["10%"] && (type(self.any) == int ? false : self.any.endsWith("%"))', '!has(self.gone) && "a/b" in self.labels && self.labels["a/b"] == "c" && !has(self.labels.z)',
    'self.ports[0].all(p, self.ports[0].exists_one(q, p.name == q.name)) && self.ports[0].map(p, p.port > 1, p.name) == ["b"]', '[has(self.i), has(self.gone)].filter(x, x).size() == 1',
  ];
  for (const rule of holds) {
    const spec = { type: 'object', properties, 'x-kubernetes-validations': [{ rule }] };
    assert.deepEqual(ruleErrorsOf(schemaOf(spec), 's').map(({ message }) => message), [], rule);
    assert.deepEqual(verdict(spec, value), [], rule);
  }
});
