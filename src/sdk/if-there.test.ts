import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../api/errors.ts';
import { ifThere } from './if-there.ts';

test('what is gone is undefined, and other errors are passed on', async () => {
  assert.equal(await ifThere(Promise.resolve(1)), 1);
  assert.equal(await ifThere(Promise.reject(new ApiError('NotFound', 'gone'))), undefined);
  await assert.rejects(ifThere(Promise.reject(new ApiError('Conflict', 'changed'))), /changed/);
  await assert.rejects(ifThere(Promise.reject(new Error('broken'))), /broken/);
});
