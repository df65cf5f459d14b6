import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FIGURES_FILE, withFurther } from './further.ts';

test('figures of further nodes stand beside the own, while they are fresh', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-figures-'));
  try {
    const own = { list: () => [{ metadata: { name: 'a', namespace: 'x' } }], get: (_: string | undefined, name: string) => (name === 'a' ? { metadata: { name: 'a', namespace: 'x' } } : undefined) };
    const source = (nowMs = Date.now()) => withFurther(own, 'pods', folder, () => nowMs);
    for (const [node, text] of [['n2', JSON.stringify({ pods: [{ metadata: { name: 'b', namespace: 'x' } }, { metadata: { name: 'c', namespace: 'y' } }] })], ['n3', 'half a fi']] as const) {
      mkdirSync(join(folder, node));
      writeFileSync(join(folder, node, FIGURES_FILE), text);
    }
    const names = (namespace?: string, nowMs?: number): unknown[] => source(nowMs).list(namespace).map((each) => each.metadata.name);
    assert.deepEqual(names(), ['a', 'b', 'c']);
    assert.deepEqual(names('x'), ['a', 'b']);
    assert.deepEqual([source().get('y', 'c')?.metadata.name, source().get('x', 'c')], ['c', undefined]);
    assert.deepEqual(names('x', Date.now() + 120_000), ['a']);
    assert.equal(withFurther(own, 'pods', undefined), own);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
