import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryFlag } from './query-flag.ts';

test('boolean parameters are read as upstream reads them, whatever language the client is written in', () => {
  const cases: [string, boolean][] = [
    ['', false], ['stdout=true', true], ['stdout=True', true], ['stdout=1', true], ['stdout', true], ['stdout=', true], ['stdout=yes', true],
    ['stdout=false', false], ['stdout=False', false], ['stdout=FALSE', false], ['stdout=0', false], ['other=true', false],
  ];
  for (const [query, wanted] of cases) assert.equal(queryFlag(new URLSearchParams(query), 'stdout'), wanted, query);
});
