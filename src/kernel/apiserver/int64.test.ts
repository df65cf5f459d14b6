/** Whole numbers beyond 2^53 go through every door as they are: what a counter or a time in nanoseconds was, it is. Texts are compared, since a test's JSON.parse would round. */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { kindsOfDefinition } from '../../api/custom/custom-kind.ts';
import { Deployment, Namespace, Pod } from '../../api/kinds.ts';
import { PriceSheet } from '../../api/metering/price-sheet.ts';
import type { Kind } from '../../api/kind.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { openStore } from '../store/index.ts';
import { openDoor, type Answer, type OpenDoor } from './testing/open-door.ts';

const MOST = '9223372036854775807';
const LEAST = '-9223372036854775808';
const ODD = '9007199254740993';
/** Each rule and bound would hold or fail otherwise if numbers were rounded. */
const DEFINITION = `{
  "metadata": { "name": "clocks.example.com" },
  "spec": { "group": "example.com", "scope": "Namespaced", "names": { "plural": "clocks", "singular": "clock", "kind": "Clock", "listKind": "ClockList" }, "versions": [{
    "name": "v1", "served": true, "storage": true, "subresources": { "status": {} },
    "additionalPrinterColumns": [{ "name": "Nanos", "type": "integer", "jsonPath": ".spec.nanos" }, { "name": "Text", "type": "string", "jsonPath": ".spec.nanos" }, { "name": "Later", "type": "string", "jsonPath": ".spec.ticks[?(@.at>${ODD})].name" }],
    "selectableFields": [{ "jsonPath": ".spec.nanos" }],
    "schema": { "openAPIV3Schema": { "type": "object", "properties": {
      "spec": { "type": "object", "properties": {
        "nanos": { "type": "integer", "format": "int64" },
        "small": { "type": "integer", "format": "int32" },
        "any": { "type": "integer" },
        "ratio": { "type": "number" },
        "mixed": { "x-kubernetes-int-or-string": true },
        "bounded": { "type": "integer", "minimum": 9007199254740994, "maximum": 9007199254740996 },
        "even": { "type": "integer", "multipleOf": 2 },
        "long": { "type": "string", "maxLength": ${MOST}, "x-kubernetes-validations": [{ "rule": "self.matches('^a*$')" }] },
        "many": { "type": "array", "maxItems": ${MOST}, "items": { "type": "number", "maximum": ${MOST} } },
        "chosen": { "type": "integer", "enum": [1, ${ODD}] },
        "given": { "type": "integer", "default": ${MOST} },
        "ruled": { "type": "integer", "x-kubernetes-validations": [{ "rule": "self != 9007199254740992", "message": "not that one" }, { "rule": "self >= oldSelf", "message": "never back" }] },
        "set": { "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "integer" } },
        "ticks": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["at"], "items": { "type": "object", "required": ["at"], "properties": { "at": { "type": "integer" }, "name": { "type": "string" } } } },
        "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true }
      } },
      "status": { "type": "object", "properties": { "seen": { "type": "integer" } } }
    } } }
  }] }
}`;
const CLOCKS = '/apis/example.com/v1/namespaces/default/clocks';
const clock = (name: string, spec: string): string => `{"apiVersion":"example.com/v1","kind":"Clock","metadata":{"name":"${name}"},"spec":${spec}}`;

let door: OpenDoor;
before(async () => {
  // The default of a definition as a client sends it, and so a bigint.
  const { parseJson } = await import('../../api/int64.ts');
  const kinds = kindsOfDefinition(parseJson(DEFINITION) as never);
  door = await openDoor({ kinds: [Namespace, Deployment, Pod, PriceSheet, ...kinds] as readonly unknown[] as readonly Kind[] });
});
after(() => door.close());

async function taken(answer: Promise<Answer>): Promise<string> {
  const { status, text } = await answer;
  assert.ok(status < 300, text);
  return text;
}
async function refused(answer: Promise<Answer>, why: RegExp): Promise<void> {
  const { status, text, json } = await answer;
  assert.equal(status, 422, text);
  assert.match(json.message, why);
}
const holds = (text: string, ...parts: string[]): void => {
  for (const part of parts) assert.ok(text.includes(part), `${part} is in ${text}`);
};
const post = (name: string, spec: string): Promise<Answer> => door.call('POST', CLOCKS, { body: clock(name, spec) });
const patch = (name: string, type: string, body: string, more = ''): Promise<Answer> => door.call('PATCH', `${CLOCKS}/${name}?fieldManager=test${more}`, { body, headers: { 'content-type': `application/${type}` } });

test('create, get, list, watch, update', async () => {
  const spec = `{"nanos":${MOST},"any":${LEAST},"mixed":${ODD},"free":{"deep":[${MOST},{"x":${LEAST}}]},"given":${ODD}}`;
  holds(await taken(post('plain', spec)), `"nanos":${MOST}`, `"any":${LEAST}`, `"mixed":${ODD}`, `"deep":[${MOST},{"x":${LEAST}}]`, `"given":${ODD}`);
  holds(await taken(door.call('GET', `${CLOCKS}/plain`)), `"nanos":${MOST}`);
  holds(await taken(door.call('GET', CLOCKS)), `"nanos":${MOST}`);
  holds(await taken(door.call('GET', `${CLOCKS}?watch=true&timeoutSeconds=1`)), `"nanos":${MOST}`);
  holds(await taken(door.call('GET', `${CLOCKS}/plain?pretty=true`)), `"nanos": ${MOST}`);
  holds(await taken(door.call('GET', `${CLOCKS}/plain`, { headers: { accept: 'application/yaml' } })), `nanos: ${MOST}`, `any: ${LEAST}`);
  const found = await taken(door.call('GET', `${CLOCKS}/plain`));
  holds(await taken(door.call('PUT', `${CLOCKS}/plain`, { body: found.replace(MOST, '9223372036854775806') })), '"nanos":9223372036854775806', `"any":${LEAST}`);
  assert.match(await taken(door.call('GET', `${CLOCKS}/plain`)), /"generation":2\b/, 'one less is a change');
  holds(await taken(door.call('GET', `${CLOCKS}?fieldSelector=spec.nanos=9223372036854775806`)), '"name":"plain"');
  assert.ok(!(await taken(door.call('GET', `${CLOCKS}?fieldSelector=spec.nanos=${MOST}`))).includes('"name":"plain"'));
});

test('status', async () => {
  await taken(post('told', '{}'));
  holds(await taken(door.call('PATCH', `${CLOCKS}/told/status`, { body: `{"status":{"seen":${MOST}}}`, headers: { 'content-type': 'application/merge-patch+json' } })), `"seen":${MOST}`);
});

test('YAML bodies', async () => {
  const yaml = `apiVersion: example.com/v1\nkind: Clock\nmetadata: { name: yaml }\nspec: { nanos: ${MOST}, any: 0x7fffffffffffffff, ratio: 18446744073709551616, small: 7, free: { 9007199254740993: ${LEAST}, float: 1.5 } }\n`;
  const headers = { 'content-type': 'application/yaml' };
  holds(await taken(door.call('POST', CLOCKS, { body: yaml, headers })), `"nanos":${MOST}`, `"any":${MOST}`, '"ratio":18446744073709552000', '"small":7', `"${ODD}":${LEAST}`, '"float":1.5');
  const long = yaml.replace('name: yaml', 'name: long').replace('float: 1.5', `pad: "${'x'.repeat(20_000)}"`);
  holds(await taken(door.call('POST', CLOCKS, { body: long, headers })), `"nanos":${MOST}`);
});

test('every kind of patch', async () => {
  await taken(post('patched', `{"nanos":${MOST},"any":5}`));
  holds(await taken(patch('patched', 'merge-patch+json', `{"spec":{"any":${ODD}}}`)), `"any":${ODD}`, `"nanos":${MOST}`);
  holds(await taken(patch('patched', 'json-patch+json', `[{"op":"test","path":"/spec/any","value":${ODD}},{"op":"copy","from":"/spec/nanos","path":"/spec/any"},{"op":"add","path":"/spec/free","value":{"a":${LEAST}}}]`)), `"any":${MOST}`, `"a":${LEAST}`);
  await refused(patch('patched', 'json-patch+json', '[{"op":"test","path":"/spec/any","value":9223372036854775806}]'), /testing value \/spec\/any failed: test failed/);
  const deployments = '/apis/apps/v1/namespaces/default/deployments';
  const template = `{"metadata":{"labels":{"a":"b"}},"spec":{"terminationGracePeriodSeconds":${MOST},"containers":[{"name":"a","image":"a"}]}}`;
  await taken(door.call('POST', deployments, { body: `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"slow"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":${template}}}` }));
  const strategic = await taken(door.call('PATCH', `${deployments}/slow`, { body: `{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"b"}],"tolerations":[{"operator":"Exists","effect":"NoExecute","tolerationSeconds":${ODD}}]}}}}`, headers: { 'content-type': 'application/strategic-merge-patch+json' } }));
  holds(strategic, `"terminationGracePeriodSeconds":${MOST}`, `"tolerationSeconds":${ODD}`, '"image":"b"');
});

test('server-side apply: sets, keys, conflicts', async () => {
  const apply = (manager: string, spec: string, force = false): Promise<Answer> => door.call('PATCH', `${CLOCKS}/applied?fieldManager=${manager}&force=${force}`, { body: clock('applied', spec), headers: { 'content-type': 'application/apply-patch+yaml' } });
  holds(await taken(apply('one', `{"nanos":${MOST},"set":[${ODD}],"ticks":[{"at":${ODD},"name":"a"}]}`)), `"nanos":${MOST}`, `"v:${ODD}":{}`, `{\\"at\\":${ODD}}`);
  holds(await taken(apply('two', `{"nanos":${MOST},"set":[9007199254740992,${ODD}],"ticks":[{"at":9007199254740992,"name":"b"}]}`)), `"set":[9007199254740992,${ODD}]`, `{"at":${ODD},"name":"a"}`, '{"at":9007199254740992,"name":"b"}');
  const { status, text } = await apply('three', '{"nanos":9223372036854775806}');
  assert.equal(status, 409, text);
  holds(await taken(apply('three', '{"nanos":9223372036854775806}', true)), '"nanos":9223372036854775806');
  holds(await taken(apply('one', '{"set":[]}')), `"set":[9007199254740992,${ODD}]`, '{"at":9007199254740992,"name":"b"}');
  assert.ok(!(await taken(door.call('GET', `${CLOCKS}/applied`))).includes('"name":"a"'), 'whom nobody owns any more goes');
  const twice = await apply('four', `{"ticks":[{"at":${ODD}},{"at":${ODD}}]}`);
  assert.deepEqual([twice.status, twice.json.message], [500, `failed to create typed patch object (/applied; example.com/v1, Kind=Clock): .spec.ticks: duplicate entries for key [at=${ODD}]`]);
});

test('defaults, bounds, formats, enums, rules', async () => {
  holds(await taken(post('judged', `{"bounded":9007199254740995,"even":9007199254740994,"chosen":${ODD},"ruled":${ODD}}`)), `"given":${MOST}`, '"bounded":9007199254740995');
  await refused(post('no', '{"bounded":9007199254740993}'), /spec\.bounded: Invalid value: 9007199254740993: spec\.bounded in body should be greater than or equal to 9007199254740994/);
  await refused(post('no', '{"bounded":9007199254740997}'), /spec\.bounded: Invalid value: 9007199254740997: spec\.bounded in body should be less than or equal to 9007199254740996/);
  await refused(post('no', `{"even":${ODD}}`), /spec\.even: Invalid value: 9007199254740993: spec\.even in body should be a multiple of 2/);
  await refused(post('no', '{"chosen":9007199254740992}'), /spec\.chosen: Unsupported value: 9007199254740992: supported values: "1", "9007199254740993"/);
  await refused(post('no', '{"ruled":9007199254740992}'), /not that one/);
  await refused(patch('judged', 'merge-patch+json', '{"spec":{"ruled":9007199254740991}}'), /never back/);
  await refused(post('no', `{"small":${MOST}}`), /Checked value must be of type integer with format int32 in spec\.small/);
  await refused(post('no', '{"nanos":9223372036854775808}'), /spec\.nanos: Invalid value: "float64": spec\.nanos in body must be of type int64: "float64"/);
  await refused(post('no', '{"any":9223372036854775808}'), /spec\.any: Invalid value: "number": spec\.any in body must be of type integer: "number"/);
  await refused(post('no', '{"set":[9223372036854775807,9223372036854775807]}'), /spec\.set\[1\]: Duplicate value: 9223372036854775807/);
  await taken(post('wide', `{"long":"aaa","many":[${MOST},1.5]}`));
  await taken(post('near', '{"set":[9223372036854775807,9223372036854775806]}'));
});

test('numbers that no float64 holds are refused, those that it holds are kept', async () => {
  for (const number of ['1e400', '-1e400', '12345678901234567890e300', `1${'0'.repeat(400)}`, '1.5e+309']) {
    for (const spec of [`{"ratio":${number}}`, `{"nanos":${number}}`, `{"set":[${number}]}`, `{"free":{"deep":[{"number":${number}}]}}`]) {
      const { status, json } = await post('endless', spec);
      assert.deepEqual([status, json.message], [400, 'Clock in version "v1" cannot be handled as a Clock: json: cannot unmarshal number into Go value of type float64']);
    }
    assert.equal((await patch('patched', 'merge-patch+json', `{"spec":{"ratio":${number}}}`)).status, 422, number);
    assert.equal((await patch('patched', 'json-patch+json', `[{"op":"add","path":"/spec/free","value":{"deep":${number}}}]`)).status, 422, number);
  }
  for (const number of ['.inf', '-.inf', '.nan']) {
    const { status, json } = await door.call('POST', CLOCKS, { body: `apiVersion: example.com/v1\nkind: Clock\nmetadata: { name: endless }\nspec: { ratio: ${number} }\n`, headers: { 'content-type': 'application/yaml' } });
    assert.equal(status, 400, number);
    assert.match(json.message, /unsupported value: (\+Inf|-Inf|NaN)/);
  }
  holds(await taken(post('odd', '{"ratio":1e308,"free":{"text":"1e400","list":["[1e999]"],"least":1e-400,"much":12345678901234567890123,"none":-0,"one":1.0}}')), '"ratio":1e+308', '"least":0', '"much":1.2345678901234568e+22', '"one":1');
});

test('tables', async () => {
  await taken(post('shown', `{"nanos":${MOST},"ticks":[{"at":9007199254740992,"name":"before"},{"at":9007199254740994,"name":"after"}]}`));
  const table = await taken(door.call('GET', `${CLOCKS}/shown?includeObject=Object`, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } }));
  holds(table, `"cells":["shown",${MOST},"${MOST}","after"]`, `"nanos":${MOST}`);
});

test('protobuf of built-in kinds', async () => {
  const body = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"patient"},"spec":{"terminationGracePeriodSeconds":${MOST},"containers":[{"name":"a","image":"a"}],"tolerations":[{"operator":"Exists","effect":"NoExecute","tolerationSeconds":${LEAST}}]}}`;
  holds(await taken(door.call('POST', '/api/v1/namespaces/default/pods', { body })), `"terminationGracePeriodSeconds":${MOST}`, `"tolerationSeconds":${LEAST}`);
  const { bytes } = await door.call('GET', '/api/v1/namespaces/default/pods/patient', { headers: { accept: 'application/vnd.kubernetes.protobuf' } });
  const put = await taken(door.call('PUT', '/api/v1/namespaces/default/pods/patient', { body: bytes, headers: { 'content-type': 'application/vnd.kubernetes.protobuf', accept: 'application/json' } }));
  holds(put, `"terminationGracePeriodSeconds":${MOST}`, `"tolerationSeconds":${LEAST}`);
  holds(await taken(door.call('DELETE', `/api/v1/namespaces/default/pods/patient?dryRun=All&gracePeriodSeconds=${MOST}`)), '"name":"patient"');
  await taken(door.call('DELETE', '/api/v1/namespaces/default/pods/patient', { body: `{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":${MOST}}` }));
});

test('what is reckoned with as a number is one', async () => {
  const prices = (much: string): string => `{"apiVersion":"metering.llmos.dev/v1alpha1","kind":"PriceSheet","metadata":{"name":"dear"},"spec":{"currency":"EUR","prices":{"cpuCoreHour":${much},"otherHours":{"example.com/gpu":${much}}}}}`;
  const sheets = '/apis/metering.llmos.dev/v1alpha1/pricesheets';
  holds(await taken(door.call('POST', sheets, { body: prices(ODD) })), '"cpuCoreHour":9007199254740992', '"example.com/gpu":9007199254740992');
  holds(await taken(door.call('GET', sheets, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } })), '"dear"');
  const { status, text } = await door.call('PUT', `${sheets}/dear`, { body: prices('1e400') });
  assert.equal(status, 400, text);
});

test('what the store reads again is what it was', async () => {
  await taken(post('kept', `{"nanos":${MOST},"any":${LEAST},"mixed":${ODD}}`));
  const key = '/example.com/clocks/default/kept';
  const { bytes } = door.store.newest(key)!;
  holds(bytes.toString(), `"nanos":${MOST}`);
  // As a crash leaves it: with what is still in the log.
  cpSync(`${door.folder}/store`, `${door.folder}/again`, { recursive: true });
  const again = openStore({ folder: `${door.folder}/again`, clock: realClock, log: silentLog });
  try {
    const { object } = again.newest(key)!;
    assert.deepEqual((object as unknown as { spec: unknown }).spec, { nanos: 9223372036854775807n, any: -9223372036854775808n, mixed: 9007199254740993n, given: 9223372036854775807n });
  } finally {
    await again.close();
  }
});
