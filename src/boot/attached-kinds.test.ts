import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../api/errors.ts';
import { defineKind } from '../api/kind.ts';
import { ConfigMap } from '../api/kinds.ts';
import { attachedKinds } from './attached-kinds.ts';

const foreign = (kind: string): ReturnType<typeof defineKind> => defineKind({ group: 'example.com', version: 'v1', kind, plural: `${kind.toLowerCase()}s`, namespaced: true, schema: () => ({ type: 'object' }) });

test('kinds of definitions are seen when they come, and missed when they have gone', async () => {
  const [Apple, Pear] = [foreign('Apple'), foreign('Pear')];
  let served: Record<string, string[]> = { '/api/v1': ['configmaps', 'configmaps/status'] };
  let broken = false;
  const asked: string[] = [];
  const getRaw = (path: string): Promise<string> => {
    asked.push(path);
    if (broken) return Promise.reject(new ApiError('ServiceUnavailable', 'not now'));
    if (path === '/apis') return Promise.resolve(JSON.stringify({ groups: Object.keys(served).filter((each) => each !== '/api/v1').map((each) => ({ versions: [{ groupVersion: each.slice('/apis/'.length) }] })) }));
    return served[path] === undefined ? Promise.reject(new ApiError('NotFound', 'the server could not find the requested resource')) : Promise.resolve(JSON.stringify({ resources: served[path].map((name) => ({ name })) }));
  };
  const ending = new AbortController();
  const kinds = await attachedKinds({ getRaw }, [{ name: 'm', description: '', reads: [Apple], writes: [Pear] }], { clock: { sleep: () => new Promise(() => {}) }, signal: ending.signal });
  const seen = (): string[] => kinds.list().map(({ kind }) => kind);
  assert.deepEqual([seen(), kinds.find('', 'ConfigMap') === ConfigMap], [['ConfigMap'], true]);

  asked.length = 0;
  assert.deepEqual([await kinds.look(), asked], [false, ['/apis']], 'where there are no definitions, it is one question');
  served = { ...served, '/apis/example.com/v1': ['apples'] };
  assert.deepEqual([await kinds.look(), seen()], [true, ['ConfigMap', 'Apple']]);
  served = { ...served, '/apis/example.com/v1': ['apples', 'pears'] };
  assert.deepEqual([await kinds.look(), seen()], [true, ['ConfigMap', 'Apple', 'Pear']]);
  broken = true;
  assert.deepEqual([await kinds.look(), seen()], [false, ['ConfigMap', 'Apple', 'Pear']], 'what cannot be read is as it was');
  broken = false;
  served = { '/api/v1': ['configmaps'] };
  assert.deepEqual([await kinds.look(), seen()], [true, ['ConfigMap']]);
  ending.abort();
});
