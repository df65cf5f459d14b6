import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readManifests } from './manifests.ts';

test('whole numbers of manifests are numbers, and exact where no number is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-manifests-'));
  try {
    const file = join(folder, 'things.yaml');
    writeFileSync(file, 'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: x.io/v1, kind: Thing, metadata: {name: one}, spec: {port: 80, share: 0.5, long: 9223372036854775807}}\n---\n---\napiVersion: x.io/v1\nkind: Thing\nmetadata: {name: two}\n');
    const [one, two, ...others] = readManifests(file) as { metadata: { name: string }; spec?: unknown }[];
    assert.deepEqual(one?.spec, { port: 80, share: 0.5, long: 9_223_372_036_854_775_807n });
    assert.equal(JSON.stringify(one?.spec), '{"port":80,"share":0.5,"long":9223372036854775807}');
    assert.deepEqual([two?.metadata.name, others], ['two', []]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
