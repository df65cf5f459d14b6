import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createEnvironment } from '../environment.ts';
import { REQUEST_VARIABLES } from '../request-types.ts';
import { checkExpression, showIssues } from './check.ts';
import { declaredName, INT, listOf, mapOf, objectOf, optionalOf, parseType, show, STRING, type Type } from './type.ts';

const environment = createEnvironment({});
const self = objectOf('Self', new Map<string, Type>([
  ['i', INT], ['s', STRING], ['ints', listOf(INT)], ['strings', listOf(STRING)], ['labels', mapOf(STRING, STRING)], ['any', parseType('dyn')], ['t', parseType('timestamp')], ['d', parseType('duration')],
  ['o', objectOf('Inner', new Map([['n', INT]]))], ['objects', listOf(objectOf('Item', new Map([['n', INT], ['s', STRING]])))],
]));
const variables = new Map([...REQUEST_VARIABLES, ['self', self], ['oldSelf', optionalOf(self)]] as const);

function found(text: string): string[] {
  return checkExpression(environment, { variables }, text).issues.map(({ offset, message }) => `${offset}: ${message}`);
}

test('what is wrong with types is told as cel-go tells it, where it tells it', () => {
  const table: [string, ...string[]][] = [
    ["self.ints[0].startsWith('a')", "23: found no matching overload for 'startsWith' applied to 'int.(string)'"],
    ['self.strings.sum() == 1', "16: found no matching overload for 'sum' applied to 'list(string).()'"],
    ["has(self.o.x)", "3: undefined field 'x'"], ["[dyn(1), 'a'].size() == 2", "9: expected type 'dyn' but found 'string'"], ["[1, 'a', 2, 'b'].sort() == []", "4: expected type 'int' but found 'string'"],
    ["[1, 'a'].size() == 2", "4: expected type 'int' but found 'string'"],
    ['{1: 2, "a": 3}.size() == 2', "7: expected type 'int' but found 'string'"],
    ['{"a": 2, "b": "c"}.size() == 2', "14: expected type 'int' but found 'string'"],
    ['self.i + self.s == 1', "7: found no matching overload for '_+_' applied to '(int, string)'"],
    ['self.i == self.s', "7: found no matching overload for '_==_' applied to '(int, string)'"],
    ['self.i == null', "7: found no matching overload for '_==_' applied to '(int, null)'"],
    ["'a' in self.ints", "4: found no matching overload for '@in' applied to '(string, list(int))'"],
    ['size(self.i) > 0', "4: found no matching overload for 'size' applied to '(int)'"],
    ['self.i.foo()', "10: undeclared reference to 'foo' (in container '')"],
    ['foo(1)', "3: undeclared reference to 'foo' (in container '')"],
    ['nobody', "0: undeclared reference to 'nobody' (in container '')"],
    ['self.o.x == 1', "6: undefined field 'x'"],
    ['self.s.x == 1', "6: type 'string' does not support field selection"],
    ['has(self.s.x)', "3: type 'string' does not support field selection"],
    ["self.ints.all(x, 'a')", "13: found no matching overload for '_&&_' applied to '(bool, string)'"],
    ["self.ints.exists_one(i, x, 'a')", "20: found no matching overload for '_?_:_' applied to '(string, int, int)'"],
    ["self.ints.exists_one(x, 'a')", "20: found no matching overload for '_?_:_' applied to '(string, int, int)'"],
    ['self.i.all(x, true)', "4: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"],
    ['self.ints.map(x, string(x))[0] > 1', "31: found no matching overload for '_>_' applied to '(string, int)'"],
    ['self.labels.all(k, v, k == 1)', "24: found no matching overload for '_==_' applied to '(string, int)'"],
    ['!self.i', "0: found no matching overload for '!_' applied to '(int)'"],
    ['(self.i) && true', "9: found no matching overload for '_&&_' applied to '(int, bool)'"],
    ['self.i ? 1 : 2', "7: found no matching overload for '_?_:_' applied to '(int, int, int)'"],
    ["true ? 1 : 'a'", "5: found no matching overload for '_?_:_' applied to '(bool, int, string)'"],
    ['self.t + self.t == self.t', "7: found no matching overload for '_+_' applied to '(timestamp, timestamp)'"],
    ['oldSelf.i.value() == 1 && oldSelf.s == "a"', "36: found no matching overload for '_==_' applied to '(optional_type(string), string)'"],
    ["oldSelf.s.orValue(1) == 'a'", "17: found no matching overload for 'orValue' applied to 'optional_type(string).(int)'"],
    ['self.i.optMap(x, x).hasValue()', "13: found no matching overload for 'value' applied to 'int.()'"],
    ["quantity(1).isGreaterThan(quantity('1'))", "8: found no matching overload for 'quantity' applied to '(int)'"],
    ["sets.contains(self.ints, self.strings)", "13: found no matching overload for 'sets.contains' applied to '(list(int), list(string))'"],
    ["self.objects[0] == self.o", "16: found no matching overload for '_==_' applied to '(Item, Inner)'"],
    ["self.x == 1 && self.y == 'a'", "4: undefined field 'x'", "19: undefined field 'y'"],
    ["duration('nope') > self.d", '9: invalid duration argument'], ["timestamp('2024') > self.t", '10: invalid timestamp argument'], ['timestamp(-62135596801) > self.t', '10: invalid timestamp argument'], ["self.s.matches('[')", '15: invalid matches argument'],
    ["request.userInfo.group == 'a'", "16: undefined field 'group'"], ['request.userInfo.groups == 1', "24: found no matching overload for '_==_' applied to '(list(string), int)'"],
    ["authorizer.check('get').allowed()", "16: found no matching overload for 'check' applied to 'kubernetes.authorization.Authorizer.(string)'"],
    ["strings.nope('a')", "0: undeclared reference to 'strings' (in container '')", "12: undeclared reference to 'nope' (in container '')"],
  ];
  for (const [text, ...expected] of table) assert.deepEqual(found(text), expected, text);
});

test('what fits is of the type that it has in Kubernetes', () => {
  const table: [string, string][] = [
    ['self.i > 0 && self.i < 1.5 && self.i < 2u', 'bool'], ['self.any', 'dyn'], ['self.any + 1 == 2 && self.any.startsWith("a") && self.any[0].b', 'bool'], ['[]', 'list(dyn)'], ['[] + [1]', 'list(int)'],
    ['self.ints + []', 'list(int)'], ['{}', 'map(dyn, dyn)'], ['self.ints.map(x, x > 0, string(x))', 'list(string)'], ['self.labels.filter(k, k != "")', 'list(string)'], ['self.ints.sum() + self.ints.max()', 'int'],
    ['self.labels.map(k, self.labels[k].size())', 'list(int)'], ['self.labels.transformMap(k, v, v.size())', 'map(string, int)'], ['self.ints.transformList(i, v, i + v)', 'list(int)'], ['self.objects.sortBy(o, o.n)[0].s', 'string'],
    ['oldSelf.optMap(o, o.i).orValue(self.i)', 'int'], ['oldSelf.?o.?n', 'optional_type(int)'], ['optional.none()', 'optional_type(dyn)'], ['self.?labels["a"].orValue("b")', 'string'], ['self.labels[?"a"].orValue("b")', 'string'],
    ['type(self.i) == int && type(ip("10.0.0.1")) == net.IP && type(self.t) == google.protobuf.Timestamp', 'bool'], ['type(1)', 'type(int)'], ['dyn(1) == "a" && dyn([1]) == [dyn("a")]', 'bool'], ['[dyn(1), dyn("a")]', 'list(dyn)'],
    ['self.t - self.t', 'google.protobuf.Duration'], ['self.t + self.d', 'google.protobuf.Timestamp'], ['self.d.getHours() + self.t.getHours("UTC")', 'int'], ['null', 'null_type'], ['self.o == null || self.t == null', 'bool'],
    ['url("https://a").getQuery()["a"][0]', 'string'], ['quantity("1").add(1).add(quantity("2")).asInteger()', 'int'], ['format.named("uuid").value().validate("a")', 'optional_type(list(string))'],
    ['"%s %d %s".format(["a", 1, {"a": [1, "b"]}])', 'string'], ['[[1], [2]].flatten().first().value() + lists.range(3).reverse()[0]', 'int'], ['[?self.?i, 2][0]', 'int'], ['{?"a": self.?s}', 'map(string, string)'],
    ['authorizer.group("apps").resource("deployments").namespace("a").check("get").allowed() && authorizer.requestResource.check("get").reason() == ""', 'bool'], ['namespaceObject.metadata.labels["a"] + request.userInfo.extra["b"][0]', 'string'],
    ['has(self.labels.a) && has(self.o.n) && has(self.any.x.y)', 'bool'], ['self.objects.exists(o, o.n == 1 && self.objects.exists_one(p, p.s == o.s))', 'bool'], ['self.labels.exists_one(k, v, k == v) && self.strings.exists_one(i, s, i == 1 && s == "a")', 'bool'], ['-self.i - (-1)', 'int'], ['"a" in self.labels && 1 in self.ints', 'bool'],
    ['[1, 2].isSorted() && ["a"].min() < "b" && [duration("1s")].sum() < duration("1h")', 'bool'], ['self.s.split(",").map(x, x.trim()).join("-").charAt(0)', 'string'],
  ];
  for (const [text, expected] of table) {
    const { type, issues } = checkExpression(environment, { variables }, text);
    assert.deepEqual([issues, declaredName(type)], [[], expected], text);
  }
});

test('of terms that are tried against many overloads, each tells of its own parameters alone', () => {
  const many = Array.from({ length: 300 }, (_, n) => (n % 2 === 0 ? 'self.i == 1' : 'self.ints == [] || self.s == "a"')).join(' && ');
  assert.deepEqual(found(many), []);
  assert.deepEqual(found(`${many} && [[]] == [self.s]`), [`${many.length + 9}: found no matching overload for '_==_' applied to '(list(list(dyn)), list(string))'`]);
});

test('what is nested too deep is told, and nothing is thrown', () => {
  for (const joint of ['+', '-', '*']) assert.deepEqual(found(Array(10_000).fill('1').join(joint)), ['-1: max recursion depth exceeded'], joint);
  assert.equal(showIssues([{ offset: -1, message: 'no' }], '1'), 'ERROR: <input>:-1:0: no');
});

test('types are written as they are read, and a mark stands below what is wrong', () => {
  for (const text of ['list(map(string, list(int)))', 'optional_type(A)', 'kubernetes.Quantity', 'type(type)']) assert.equal(show(parseType(text)), text);
  assert.equal(showIssues([{ offset: 9, message: 'no' }], 'self.a &&\nself.b'), 'ERROR: <input>:1:10: no\n | self.a &&\n | .........^');
  assert.equal(showIssues([{ offset: 14, message: 'no' }], 'self.a &&\nself.b'), 'ERROR: <input>:2:5: no\n | self.b\n | ....^');
});
