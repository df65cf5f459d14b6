import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEmptySelector, matchesLabelSelector } from './label-selector.ts';
import type { LabelSelector } from './meta.ts';

test('selectors test labels', () => {
  const labels = { app: 'web', tier: 'front' };
  const table: [LabelSelector | undefined, boolean][] = [
    [undefined, false], [{}, true], [{ matchLabels: { app: 'web' } }, true], [{ matchLabels: { app: 'web', tier: 'db' } }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['web', 'api'] }] }, true],
    [{ matchExpressions: [{ key: 'none', operator: 'In', values: ['web'] }] }, false],
    [{ matchExpressions: [{ key: 'none', operator: 'NotIn', values: ['web'] }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'Exists' }, { key: 'x', operator: 'DoesNotExist' }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, false],
  ];
  for (const [selector, expected] of table) assert.equal(matchesLabelSelector(selector, labels), expected, JSON.stringify(selector));
  assert.equal(matchesLabelSelector({ matchLabels: { app: 'web' } }, undefined), false);
  assert.equal(isEmptySelector({ matchLabels: {} }), true);
  assert.equal(isEmptySelector({ matchLabels: { a: 'b' } }), false);
});
