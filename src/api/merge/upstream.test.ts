/** Our merges against recorded answers of upstream's code, see fixtures/README.md. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { equalJson, isJsonObject } from '../json.ts';
import { Deployment } from '../kinds.ts';
import type { Json, KubeObject } from '../meta.ts';
import { applyObject, updateManagedFields } from './apply/index.ts';
import { strategicMergePatch } from './strategic.ts';

const schema = Deployment.schema();

function fixture<T>(name: string): T[] {
  const lines = readFileSync(new URL(`fixtures/${name}.jsonl`, import.meta.url), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as T);
}

function isDirective(value: unknown): boolean {
  return isJsonObject(value) && value.$patch !== undefined;
}

/** Without what decoding drops: directives and nulls. */
function plain(value: Json): Json {
  if (Array.isArray(value)) return value.filter((item) => !isDirective(item)).map(plain);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key, child]) => !key.startsWith('$') && child !== null && !isDirective(child)).map(([key, child]) => [key, plain(child)]));
}

test('strategic merge patches end as upstream ends them', () => {
  const cases = fixture<{ original: Json; patch: Json; result?: Json; refused?: boolean }>('strategic');
  assert.equal(cases.length, 40);
  for (const { original, patch, result, refused } of cases) {
    if (refused === true) assert.throws(() => strategicMergePatch(original, patch, schema));
    else assert.deepEqual(plain(strategicMergePatch(original, patch, schema)), result, JSON.stringify(patch));
  }
});

interface Step { op: 'update' | 'apply'; manager: string; force?: boolean; object: Record<string, Json>; expect: 'refused' | { object: Json; managers: Record<string, Json> } }

function isEmptyValue(value: Json): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

function withoutEmpty(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withoutEmpty(child)] as const).filter(([, child]) => !isEmptyValue(child)));
}

/** Without names, server fields and empty values. */
function content(object: KubeObject): Json {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = object;
  const { name: _name, uid: _uid, managedFields: _fields, ...others } = metadata;
  return withoutEmpty({ ...rest, metadata: others } as unknown as Json);
}

function withoutDots(fields: Json): Json {
  if (!isJsonObject(fields)) return fields;
  const keys = Object.keys(fields);
  return Object.fromEntries(keys.filter((key) => key !== '.' || keys.length === 1).map((key) => [key, withoutDots(fields[key]!)]));
}

function run(live: KubeObject | undefined, { op, manager, force, object }: Step): KubeObject {
  const now = '2026-01-01T00:00:00Z';
  const sent = { apiVersion: 'apps/v1', kind: 'Deployment', ...object, metadata: { name: 'x', ...(object.metadata as object | undefined) } } as unknown as KubeObject;
  if (op === 'apply') return applyObject({ schema, live, applied: sent as unknown as Json, manager, force: force === true, apiVersion: 'apps/v1', now });
  const next = structuredClone(sent);
  if (live?.metadata.managedFields !== undefined) next.metadata.managedFields = live.metadata.managedFields;
  updateManagedFields({ schema, live, next, manager, apiVersion: 'apps/v1', now });
  next.metadata.uid = 'u';
  return next;
}

test('applies and updates of several managers end as upstream ends them', () => {
  const sequences = fixture<{ steps: Step[] }>('apply');
  assert.equal(sequences.length, 25);
  for (const { steps } of sequences) {
    let live: KubeObject | undefined;
    for (const step of steps) {
      if (step.expect === 'refused') {
        assert.throws(() => run(live, step), { reason: 'Conflict' });
        continue;
      }
      live = run(live, step);
      assert.deepEqual(content(live), withoutEmpty(step.expect.object), JSON.stringify(step));
      const managers = Object.fromEntries((live.metadata.managedFields ?? []).map(({ manager, fieldsV1 }) => [manager, withoutDots(fieldsV1!)]));
      const expected = Object.fromEntries(Object.entries(step.expect.managers).filter(([, fields]) => !isEmptyValue(fields)));
      assert.ok(equalJson(managers, expected), `${JSON.stringify(managers)}\n${JSON.stringify(expected)}`);
    }
  }
});
