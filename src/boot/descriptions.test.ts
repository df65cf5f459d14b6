/** What `kubectl explain` says of all kinds that there are (src/kernel/apiserver/descriptions). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScalingHistory } from '../api/autoscaling/predictive-autoscaler.ts';
import { ComponentStatus } from '../api/core/component-status.ts';
import { BUILT_IN_KINDS } from '../api/kinds.ts';
import type { Kind } from '../api/kind.ts';
import { PodUsage } from '../api/metrics/pod-usage.ts';
import { NodeUsageHistory, PodUsageHistory } from '../api/metrics/usage-history.ts';
import { openapiV3 } from '../api/openapi/v3.ts';
import { schemaName } from '../api/openapi/schemas.ts';
import { schemaOfType } from '../api/schema/facts.ts';
import { resolveSchema } from '../api/schema/schema.ts';
import { ownTexts, parseOwn } from '../kernel/apiserver/descriptions/open-descriptions.ts';
import { builtins } from './builtins.ts';

/** Made when asked for. */
const VIRTUAL = [ComponentStatus, NodeUsageHistory, PodUsage, PodUsageHistory, ScalingHistory] as readonly Kind[];
const ALL = [...new Set([...BUILT_IN_KINDS, ...builtins.flatMap(({ kinds = [] }) => kinds), ...VIRTUAL])];
const describe = parseOwn(ownTexts().join('\n'));

interface Written { $ref?: string; description?: string; properties?: Record<string, Written>; items?: Written; additionalProperties?: Written | boolean; allOf?: Written[] }

/** What is written of each field, by its path, as far as no other type is named. */
function fieldsOf({ properties = {}, items, additionalProperties }: Written, path = ''): [path: string, Written][] {
  const own = Object.entries(properties).flatMap(([key, field]): [string, Written][] => [[path + key, field], ...fieldsOf(field, `${path}${key}.`)]);
  const below = [items, additionalProperties].filter((each) => typeof each === 'object').flatMap((each) => fieldsOf(each, path));
  return [...own, ...below];
}

const { schemas } = (openapiV3(ALL, { describe }) as unknown as { components: { schemas: Record<string, Written> } }).components;

test('what is described in our own words is there', () => {
  const fields = new Map<string, string[]>();
  for (const [name, schema] of Object.entries(schemas)) {
    const [kind, version, ...group] = name.split('.').toReversed();
    const paths = fieldsOf(schema).map(([path]) => path);
    fields.set([group[0], version, kind].join('.'), paths);
    const ofAnyVersion = [kind, ...group].join('.');
    fields.set(ofAnyVersion, [...fields.get(ofAnyVersion) ?? [], ...paths]);
  }
  let type = '';
  let seen = 0;
  for (const line of ownTexts().join('\n').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    seen++;
    const head = /^\[(.+?)\]/.exec(line)?.[1];
    if (head !== undefined) type = head;
    else assert.match(line, /^[\w.]+: [^ ].*[.]$/, line);
    if (type.startsWith('*')) continue;
    // Reviews are no kinds that are kept, so they are not in the document.
    const known = fields.get(type) ?? Object.keys(schemaOfType(`io.k8s.api.${type}`)?.properties ?? {});
    assert.notEqual(known.length, 0, `no type ${type}`);
    if (head === undefined) assert.ok(known.includes(line.slice(0, line.indexOf(':'))), `${type} has no field of: ${line}`);
  }
  assert.ok(seen > 1_000);
});

test('each built-in kind is described, and all of our own', () => {
  for (const each of ALL) {
    const { group, version, kind, schema } = each;
    const written = schemas[schemaName(each, resolveSchema(schema))]!;
    assert.ok(written.description, `nothing is said of ${kind} in ${group}/${version}`);
    if (!/(^|\.)llmos\.dev$/.test(group)) continue;
    for (const [path, { description }] of fieldsOf(written)) assert.ok(description, `nothing is said of ${path} of ${kind}`);
  }
});

