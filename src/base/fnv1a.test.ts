import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fnv1a } from './fnv1a.ts';

test('the known answers of FNV-1a', () => assert.deepEqual(['', 'a', 'foobar'].map(fnv1a), [0x811c9dc5, 0xe40c292c, 0xbf9cf968]));
