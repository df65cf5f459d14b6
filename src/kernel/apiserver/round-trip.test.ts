/**
 * What a client sends is what it reads again: of each built-in kind an object in which every field that the schema knows is said, through the door
 * as JSON, YAML and protobuf, applied, and patched strategically (upstream: api/roundtrip_test.go, over its testdata). Rules that judge or change
 * what is said are left out: they have tests of their own.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BUILT_IN_KINDS } from '../../api/kinds.ts';
import type { KubeObject } from '../../api/meta.ts';
import { moduleOf } from '../../api/facts/fact-type.ts';
import { resolveSchema, type SchemaRef } from '../../api/schema/schema.ts';
import { openDoor, type Answer, type OpenDoor } from './testing/open-door.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const SET_BY_THE_SERVER = ['uid', 'resourceVersion', 'creationTimestamp', 'generation', 'managedFields', 'selfLink'];

/** Everything that may be said; undefined where a type holds itself, as the schemas in definitions do. */
function full(ref: SchemaRef, within: readonly SchemaRef[] = []): unknown {
  const schema = resolveSchema(ref);
  if (within.includes(schema)) return undefined;
  const inner = (each: SchemaRef): unknown => full(each, [...within, schema]);
  switch (schema.format) {
    case 'quantity': return '1500m';
    case 'int-or-string': return '25%';
    case 'date-time': return schema.name?.endsWith('.MicroTime') === true ? '2026-01-02T03:04:05.000006Z' : '2026-01-02T03:04:05Z';
    case 'byte': return 'YQ==';
    case 'duration': return '1m30s';
  }
  if (schema.enum !== undefined) return schema.enum[0];
  switch (schema.type) {
    case 'string': return '2001-01-01'; // a text, whatever it looks like
    case 'integer': return 7;
    case 'number': return 0.5;
    case 'boolean': return true;
    case 'array': {
      const item = inner(schema.items ?? {});
      return item === undefined ? undefined : [item];
    }
    case 'object': {
      // Of an object within another, such as a claim's template, protobuf does not say the type.
      const isWithin = within.length > 0 && schema.properties?.['metadata'] !== undefined;
      const said = Object.entries(schema.properties ?? {}).filter(([key]) => !isWithin || (key !== 'apiVersion' && key !== 'kind')).map(([key, property]) => [key, inner(property)] as const);
      const rest = schema.additionalProperties;
      if (rest !== undefined && rest !== true) said.push(['a-key', inner(rest)]);
      return Object.fromEntries(said.filter(([, value]) => value !== undefined));
    }
    default: return { any: ['thing', 7] };
  }
}

/** Those of Kubernetes itself: schemas of definitions judge. The old version of autoscalers is stored in the new one's words, definitions hold schemas in schemas: both have tests of their own. */
const stored = BUILT_IN_KINDS.filter(({ group, version, kind }) => moduleOf(group, version) !== undefined && kind !== 'CustomResourceDefinition' && !(group === 'autoscaling' && version === 'v1'));
const WITHOUT_RULES = { generation: false, allowCreateOnUpdate: true, nameErrors: () => [] };

let door: OpenDoor;
before(async () => {
  door = await openDoor({ kinds: stored.map((kind) => ({ ...kind, rules: WITHOUT_RULES })) });
});
after(() => door.close());

function said(answer: Answer, what: string, ...codes: number[]): unknown {
  assert.ok(codes.includes(answer.status), `${what}: ${answer.status} ${answer.text.slice(0, 500)}`);
  const { metadata, ...rest } = answer.json as KubeObject;
  return { ...rest, metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => !SET_BY_THE_SERVER.includes(key))) };
}

for (const [index, kind] of stored.entries()) test(`${kind.kind} of ${kind.group === '' ? 'core' : kind.group}/${kind.version}`, async () => {
  // Versions of one kind are one in the store.
  const [sent, own] = [`sent-${index}`, `applied-${index}`];
  const metadata = { name: sent, ...(kind.namespaced ? { namespace: 'default' } : {}), labels: { a: 'b' }, annotations: { when: '2001-01-01' } };
  const object = { ...(full(kind.schema()) as object), apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`, kind: kind.kind, metadata };
  const all = `${kind.group === '' ? '/api' : `/apis/${kind.group}`}/${kind.version}${kind.namespaced ? '/namespaces/default' : ''}/${kind.plural}`;
  const write = (method: string, name: string, type: string, body: unknown): Promise<Answer> => door.call(method, `${all}/${name}`, { body, headers: { 'content-type': type } });

  assert.deepEqual(said(await door.call('POST', `${all}?fieldValidation=Strict`, { body: object }), 'created', 201), object);
  const first = await door.call('GET', `${all}/${sent}`);
  assert.deepEqual(said(first, 'read', 200), object);
  for (const type of ['application/yaml', PROTOBUF]) {
    const answer = await door.call('GET', `${all}/${sent}`, { headers: { accept: type } });
    assert.equal(answer.headers['content-type'], type);
    const put = await write('PUT', `${sent}?fieldValidation=Strict`, type, answer.bytes);
    assert.deepEqual(said(put, `replaced as ${type}`, 200), object);
    assert.equal(versionOf(put), versionOf(first), `nothing is written that is the same as ${type}`);
  }

  const same = { ...object, metadata: { ...metadata, name: own } };
  const apply = (): Promise<Answer> => write('PATCH', `${own}?fieldManager=me`, 'application/apply-patch+yaml', same);
  const applied = await apply();
  assert.deepEqual(said(applied, 'applied', 201), same);
  for (const again of [await apply(), await write('PATCH', own, 'application/strategic-merge-patch+json', same)]) {
    assert.deepEqual(said(again, 'again', 200), same);
    assert.equal(versionOf(again), versionOf(applied));
  }
});

const versionOf = ({ json }: Answer): string | undefined => (json as KubeObject).metadata.resourceVersion;

test('all kinds that are stored', () => assert.ok(stored.length > 55, String(stored.length)));
