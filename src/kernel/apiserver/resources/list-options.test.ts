import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isApiError } from '../../../api/errors.ts';
import { checkListOptions, type ListOptions } from './list-options.ts';

test('options that do not go together are refused', () => {
  const cases: [ListOptions, RegExp | undefined][] = [
    [{ watch: false }, undefined],
    [{ watch: false, resourceVersionMatch: '', resourceVersion: '5' }, undefined],
    [{ watch: false, resourceVersionMatch: 'Exact', resourceVersion: '5' }, undefined],
    [{ watch: false, resourceVersionMatch: 'NotOlderThan', resourceVersion: '0' }, undefined],
    [{ watch: false, resourceVersionMatch: 'Exact' }, /forbidden unless resourceVersion is provided/],
    [{ watch: false, resourceVersionMatch: 'Exact', resourceVersion: '0' }, /"exact" is forbidden for resourceVersion "0"/],
    [{ watch: false, resourceVersionMatch: 'Newest', resourceVersion: '5' }, /Unsupported value: "Newest": supported values: "Exact", "NotOlderThan"/],
    [{ watch: false, resourceVersionMatch: 'Exact', resourceVersion: '5', continue: 'x' }, /forbidden when continue is provided/],
    [{ watch: false, sendInitialEvents: true }, /sendInitialEvents is forbidden for list/],
    [{ watch: true }, undefined],
    [{ watch: true, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }, undefined],
    [{ watch: true, sendInitialEvents: true }, /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/],
    [{ watch: true, sendInitialEvents: false, resourceVersionMatch: 'Exact' }, /requires setting resourceVersionMatch to NotOlderThan/],
    [{ watch: true, resourceVersionMatch: 'NotOlderThan' }, /forbidden for watch unless sendInitialEvents is provided/],
  ];
  for (const [options, message] of cases) {
    if (message === undefined) checkListOptions(options);
    else assert.throws(() => checkListOptions(options), (error) => isApiError(error, 'Invalid') && message.test(error.message), JSON.stringify(options));
  }
});
