/** What reads the words of clients: hostile inputs of the largest size in a second of the processor at most, and mutations of valid ones without a crash. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isApiError } from '../../src/api/errors.ts';
import { compileExpression, Budget, createEnvironment, EvaluationFailure, untypedToCel } from '../../src/api/cel/index.ts';
import { schemaOfCustomResource } from '../../src/api/custom/custom-schema.ts';
import { parseFieldSelector } from '../../src/api/field-selector.ts';
import { isCidr, isIP } from '../../src/api/ip.ts';
import { jsonLength } from '../../src/api/json.ts';
import { compileJsonPath } from '../../src/api/json-path.ts';
import { ConfigMap, Pod, Service } from '../../src/api/kinds.ts';
import type { Json, KubeObject } from '../../src/api/meta.ts';
import { applyObject, updateManagedFields } from '../../src/api/merge/apply/index.ts';
import { jsonPatch } from '../../src/api/merge/json-patch.ts';
import { mergePatch } from '../../src/api/merge/merge-patch.ts';
import { strategicMergePatch } from '../../src/api/merge/strategic.ts';
import { dns1123SubdomainErrors, labelKeyErrors } from '../../src/api/names.ts';
import { decodeProtobuf, encodeProtobuf } from '../../src/api/protobuf/envelope.ts';
import { formatQuantity, parseQuantity } from '../../src/api/quantity.ts';
import { applyDefaults } from '../../src/api/schema/default.ts';
import { checkFields } from '../../src/api/schema/check-fields.ts';
import { findDuplicateFields } from '../../src/api/schema/duplicate-fields.ts';
import { schemaOf } from '../../src/api/schema/facts.ts';
import { prune } from '../../src/api/schema/prune.ts';
import { validateSchema } from '../../src/api/schema/validate.ts';
import { parseSelector } from '../../src/api/selector.ts';
import { parseDuration, parseTime } from '../../src/api/times.ts';
import { decodeBody } from '../../src/kernel/apiserver/decode.ts';
import { clausesOf } from '../../src/kernel/apiserver/negotiate.ts';
import { parseRequest } from '../../src/kernel/apiserver/request-info.ts';
import { anyValue, mutateBytes, mutateText, mutateValue } from './fuzz/mutate.ts';
import { budget, withSeed, type Random } from './random.ts';

const MOST_CPU_MS = 1_000;
/** As a body may have (read-body.ts). */
const MOST_BYTES = 3 * 1024 * 1024;
const now = '2026-01-01T00:00:00Z';
const N = 20_000;
const names = (prefix: string): string[] => Array.from({ length: N }, (_, n) => `${prefix}${n}`);
const named = (prefix: string): { name: string }[] => names(prefix).map((name) => ({ name }));
const podSchema = schemaOf('', 'v1', 'Pod');
const configMapSchema = schemaOf('', 'v1', 'ConfigMap');
const pod = (containers: unknown, metadata: object = {}): KubeObject & Json => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'd', ...metadata }, spec: { containers } }) as never;
const configMap = (metadata: object = {}): KubeObject & Json => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'd', ...metadata }, data: Object.fromEntries(names('k').map((key) => [key, 'v'])) }) as never;
const managers = Array.from({ length: 5_000 }, (_, n) => ({ manager: `m${n}`, operation: 'Update', apiVersion: 'v1', time: now, fieldsType: 'FieldsV1', fieldsV1: { 'f:data': n === 0 ? Object.fromEntries(names('f:k').map((key) => [key, {}])) : {} } }));
const apply = (live: unknown, applied: Json, schema = podSchema): unknown => applyObject({ schema, live: live as never, applied, manager: 'm', force: true, apiVersion: 'v1', now, maxBytes: 1.5 * 1024 * 1024 });
const custom = schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { s: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } }, m: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], items: { type: 'object', properties: { k: { type: 'string' } } } }, p: { type: 'string', pattern: '^([a-z]{1,30}-?)+$' } } } as never } });
const decode = (text: string | Buffer, type: string): Promise<unknown> => decodeBody(Buffer.from(text), type, { findDuplicates: true });

/** A list of lists in lists. */
function nested(depth: number): Json {
  let value: Json = [];
  for (let level = 1; level < depth; level++) value = [value];
  return value;
}

/** Inputs that cost more than in proportion where a reader compares each with each, tries all ways, or makes much of little. */
const COSTLY: readonly [string, () => unknown][] = [
  ['JSON in depth', () => decode('['.repeat(1_500_000), 'application/json')],
  ['JSON of many keys', () => decode(`{${names('k').map((key) => `"${key}":1`).join()}}`, 'application/json')],
  ['JSON of one key', () => findDuplicateFields(`{${names('k').map(() => '"a":1').join()}}`)],
  ['a string of escapes', () => decode(`{"a":"${'\\"'.repeat(1_000_000)}"}`, 'application/json')],
  ['protobuf of empty messages', () => decodeProtobuf(Buffer.from('6b387300120b', 'hex'), { apiVersion: 'v1', kind: 'Pod' })],
  ['a quantity of digits', () => formatQuantity('9'.repeat(1_000_000))],
  ['a quantity of zeros', () => formatQuantity(`1${'0'.repeat(400)}e400`)],
  ['a duration of digits', () => parseDuration('1'.repeat(1_000_000))],
  ['a time of digits', () => parseTime(`2026-01-01T00:00:00.${'1'.repeat(1_000_000)}`)],
  ['a JSONPath of spaces', () => compileJsonPath(`.a[?(@${' '.repeat(100_000)}=)]`)],
  ['a JSONPath of steps', () => compileJsonPath('.a[*]'.repeat(20_000))({ a: [{ a: [1] }] })],
  ['a selector of keys', () => parseSelector(names('k').slice(0, 10_000).join())],
  ['a selector of values', () => parseSelector(`a in (${names('b').slice(0, 10_000).join()})`)],
  ['a field selector of escapes', () => parseFieldSelector('a=\\'.repeat(15_000))],
  ['a name', () => [dns1123SubdomainErrors('a'.repeat(1_000_000)), dns1123SubdomainErrors(`${'a-.'.repeat(300_000)}!`), labelKeyErrors(`${'a.'.repeat(300_000)}/x`)]],
  ['addresses', () => [isIP(':'.repeat(1_000_000)), isIP('1.'.repeat(500_000)), isCidr('1'.repeat(1_000_000)), isIP(`${'0:'.repeat(500_000)}::`)]],
  ['an Accept header', () => clausesOf('a/b;q=0.1,'.repeat(6_000))],
  ['a path', () => parseRequest('GET', `/api/v1/${'%2f/'.repeat(15_000)}?${'a=b&'.repeat(15_000)}`)],
  ['a JSON patch at the front of a list', () => jsonPatch({ a: names('a') }, Array.from({ length: 10_000 }, () => ({ op: 'add', path: '/a/0', value: 1 })))],
  ['a JSON patch that copies itself', () => jsonPatch({ a: {} }, Array.from({ length: 40 }, (_, n) => ({ op: 'copy', from: '/a', path: `/a/${n}` })))],
  ['a JSON patch at the front of a long list', () => jsonPatch({ a: Array.from({ length: 700_000 }, () => 1) }, Array.from({ length: 10_000 }, () => ({ op: 'add', path: '/a/0', value: 1 })))],
  ['a JSON patch that copies what is deep', () => jsonPatch({ a: nested(990), b: {} }, Array.from({ length: 1_700 }, (_, n) => ({ op: 'copy', from: '/a', path: `/b/${n}` })))],
  ['a JSON patch that nests what is deep', () => jsonPatch({}, Array.from({ length: 1_400 }, (_, n) => ({ op: 'add', path: '/a'.repeat(n) || '/a', value: { a: nested(900) } })))],
  ['a merge patch', () => mergePatch(configMap(), configMap())],
  ['a strategic merge of other elements', () => strategicMergePatch(pod(named('a')), pod(named('b')), podSchema)],
  ['a strategic merge of the same elements', () => strategicMergePatch(pod(named('a')), pod(named('a').reverse()), podSchema)],
  ['a strategic merge that deletes', () => strategicMergePatch(pod(named('a')), pod(names('a').map((name) => ({ name, $patch: 'delete' }))), podSchema)],
  ['a strategic merge that deletes words', () => strategicMergePatch(pod([], { finalizers: names('a') }), { metadata: { '$deleteFromPrimitiveList/finalizers': names('b') } }, podSchema)],
  ['an apply of other elements', () => apply(pod(named('a')), pod(named('b')))],
  ['an apply of the same elements', () => apply(pod(named('a')), pod(named('a').reverse()))],
  ['an apply of more fields than can be stored', () => apply(apply(undefined, configMap()), { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [`k${n}`, ''])) }, configMapSchema)],
  ['an apply of a set', () => apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, s: names('a') }, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, s: names('b') }, custom)],
  ['an apply beside many managers', () => apply(configMap({ managedFields: managers }), configMap(), configMapSchema)],
  ['an update with many managers', () => updateManagedFields({ schema: configMapSchema, live: configMap(), next: configMap({ managedFields: structuredClone(managers) }), manager: 'm', apiVersion: 'v1', now } as never)],
  ['fields that nobody knows', () => checkFields(podSchema, pod(named('a').map((each, n) => ({ ...each, [`x${n}`]: 1 }))))],
  ['defaults of many containers', () => applyDefaults(podSchema, pod(named('a')))],
  ['rules of many containers', () => Pod.rules.validate?.(pod(named('a')) as never, undefined as never)],
  ['rules of many ports', () => Service.rules.validate?.({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'd' }, spec: { ports: named('p').map((each, n) => ({ ...each, port: n + 1, protocol: 'TCP' })) } } as never, undefined as never)],
  ['rules of many keys', () => ConfigMap.rules.validate?.(configMap() as never, undefined as never)],
  ['a set and a map of a custom resource', () => validateSchema(custom, { s: names('a'), m: names('a').map((k) => ({ k })) })],
  ['a pattern of a custom resource', () => validateSchema(custom, { p: `${'a'.repeat(3_000)}!` })],
  ['pruning', () => prune(custom, { x: names('a'), s: names('b') } as never)],
  ['an expression', () => evaluate('self.l.all(a, self.l.all(b, self.l.all(c, a + b + c >= 0)))', { l: Array.from({ length: 500 }, (_, n) => n) })],
  ['a pattern of an expression', () => evaluate('self.s.matches("(?i)(a{1,30})+$")', { s: `${'a'.repeat(3_000)}!` })],
  ['an expression in depth', () => evaluate(`${'('.repeat(9_000)}1${')'.repeat(9_000)}`, {})],
];

const environment = createEnvironment({ self: 'dyn' });

function evaluate(text: string, self: unknown): unknown {
  return compileExpression(environment, text).evaluate({ self: untypedToCel(self) }, new Budget());
}

/** What readers may throw: a refusal in words, which upstream may not have classified, never the engine's own failure. */
function isRefusal(error: unknown): boolean {
  if (isApiError(error)) return error.code < 500 || error.statusReason === '';
  return error instanceof EvaluationFailure || (error instanceof RangeError && !/call stack|Invalid (?:array|string)/.test(error.message));
}

async function tryOut(what: string, work: () => unknown, shown = ''): Promise<void> {
  const before = process.threadCpuUsage();
  try {
    await work();
  } catch (error) {
    assert.ok(isRefusal(error), `${what}: ${(error as Error).stack ?? String(error)}\n${shown.slice(0, 3_000)}`);
  }
  const { user, system } = process.threadCpuUsage(before);
  assert.ok(user + system < MOST_CPU_MS * 1_000, `${what} took ${Math.round((user + system) / 1_000)} ms\n${shown.slice(0, 3_000)}`);
}

describe('large and hostile inputs', () => {
  for (const [what, work] of COSTLY) it(`${what} in time`, () => tryOut(what, work));
});

const TEXTS: readonly [string, readonly string[], (text: string) => unknown][] = [
  ['JSON', ['{"a":[1,"b",null,true],"c":{"d":1e3}}', '"\\u0041"'], (text) => decode(text, 'application/json')],
  ['YAML', ['a: [1, "b"]\nc:\n  - d: |\n      e\n  - &x f\n  - *x\n', '{a: !!str 1, <<: {b: 2}}\n---\n# c\nd: >-\n e'], (text) => decode(text.slice(0, 16_000), 'application/yaml')],
  ['label selectors', ['a=b,c!=d,e in (f,g),!h,i notin (j),k>1', 'x'], (text) => parseSelector(text).matches({ a: 'b', k: '5' })],
  ['field selectors', ['metadata.name=a,status.phase!=Run\\,ning', 'a==b'], parseFieldSelector],
  ['JSONPath', ['.a.b[0]', "{.spec.l[?(@.k=='x')].v}", "['a.b'][*].c\\.d"], (text) => compileJsonPath(text)({ a: { b: [1, { k: 'x' }] } })],
  ['quantities', ['500m', '1.5Gi', '-12e6', '0.000001n'], (text) => formatQuantity(parseQuantity(text))],
  ['CEL', ['self.a + 1 > 2 && has(self.b) ? self.b.matches("^x+$") : [1, 2].exists(i, i == 1)', 'self.l.map(x, x.k).filter(y, y.startsWith("a")).size() == int("3")', '"%d".format([1]) + string(quantity("1Gi")) + duration("1h").getHours()'], (text) => evaluate(text, { a: 1, b: 'xx', l: [{ k: 'a' }] })],
  ['paths', ['/api/v1/namespaces/default/pods/web/log?follow=1', '/apis/apps/v1/deployments?watch=true&limit=5', '/a%20b'], (text) => parseRequest('GET', text)],
  ['Accept', ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json;q=0.5,*/*'], clausesOf],
  ['names and addresses', ['a.b-c', '10.0.0.0/8', 'fe80::1', '1h30m', '2026-01-01T00:00:00.5Z'], (text) => [dns1123SubdomainErrors(text), labelKeyErrors(text), isIP(text), isCidr(text), parseDuration(text), parseTime(text)]],
];

const POD = pod([{ name: 'main', image: 'a:1', ports: [{ containerPort: 80, protocol: 'TCP' }], env: [{ name: 'A', value: 'b' }], resources: { limits: { cpu: '1' } } }], { labels: { a: 'b' }, finalizers: ['x/y'], managedFields: [{ manager: 'm', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:containers': { 'k:{"name":"main"}': { '.': {}, 'f:image': {} } } } } }] });
const VALUES: readonly [string, (random: Random) => unknown, (value: Json, random: Random) => unknown][] = [
  ['JSON patches', (random) => mutateValue([{ op: 'add', path: '/spec/a', value: anyValue(random) }, { op: 'move', from: '/spec', path: '/metadata/x' }, { op: 'copy', from: '', path: '/b' }, { op: 'test', path: '/kind', value: 'Pod' }], random), (patch) => jsonPatch(POD, patch)],
  ['merge patches', (random) => mutateValue(POD, random), (patch) => mergePatch(POD, patch)],
  ['strategic merge patches', (random) => mutateValue({ ...(POD as object), $retainKeys: ['spec'], spec: { '$setElementOrder/containers': [{ name: 'main' }], containers: [{ name: 'main', $patch: 'delete' }, { name: 'b' }], $patch: 'merge' } }, random), (patch) => strategicMergePatch(POD, patch, podSchema)],
  ['applied configurations', (random) => mutateValue(POD, random), (applied, random) => apply(random.chance(0.5) ? POD : undefined, applied)],
];

const SPENT_MS = Number(process.env['LLMOS_FUZZ_MS'] ?? budget(350, 60_000));

describe('mutations of valid inputs', { timeout: 7_200_000 }, () => {
  for (const [what, seeds, read] of TEXTS) {
    it(`of ${what}`, () => withSeed(what, async (random) => {
      for (const endMs = Date.now() + SPENT_MS; Date.now() < endMs;) {
        const text = mutateText(random.pick(seeds), random, random.chance(0.02) ? 60_000 : 2_000);
        await tryOut(what, () => read(text), JSON.stringify(text));
      }
    }));
  }
  for (const [what, make, read] of VALUES) {
    it(`of ${what}`, () => withSeed(what, async (random) => {
      for (const endMs = Date.now() + SPENT_MS; Date.now() < endMs;) {
        const value = make(random) as Json;
        const bytes = jsonLength(value);
        if (bytes <= MOST_BYTES) await tryOut(`${what} of ${bytes} bytes`, () => read(value, random));
      }
    }));
  }
  it('of objects as protobuf', () => withSeed('objects as protobuf', async (random) => {
    for (const endMs = Date.now() + SPENT_MS; Date.now() < endMs;) {
      const bytes = mutateBytes(encodeProtobuf(POD) ?? Buffer.alloc(0), random);
      await tryOut('objects as protobuf', () => decodeProtobuf(bytes, { apiVersion: 'v1', kind: 'Pod' }));
    }
  }));
});
