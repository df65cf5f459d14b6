import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry } from '../rules.ts';
import { sortEntries } from '../plan.ts';
import { mapText, prefixOf, waysOf } from './ways.ts';

const PARTS = ['a', 'b', 'ab'];

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

const pathFrom = (pick: (below: number) => number): string => `/${Array.from({ length: pick(4) }, () => PARTS[pick(3)]).join('/')}`;

function entryFrom(pick: (below: number) => number, at: number): Entry {
  const kind = pick(10);
  const path = kind === 0 ? { type: 'Exact' as const, value: pathFrom(pick) } : kind === 1 ? { type: 'RegularExpression' as const, value: `/${PARTS[pick(3)]}.*` } : { type: 'PathPrefix' as const, value: `${pathFrom(pick)}${pick(5) === 0 ? '/' : ''}` };
  const target = { weight: 1, filters: [] };
  return {
    listener: 'http', hostname: '', age: '', key: `ns/r${at}`, at: [0, 0],
    match: { path, headers: pick(6) === 0 ? [{ name: 'x', value: '1' }] : [], queryParams: [] },
    action: { id: `HTTPRoute:ns:r${at}:0`, filters: [], targets: pick(8) === 0 ? [target, target] : [target], grpc: false },
  };
}

function fits({ match }: Entry, path: string, header: boolean): boolean {
  const { type, value } = match.path;
  const byPath = type === 'Exact' ? path === value : type === 'RegularExpression' ? new RegExp(`^(?:${value})$`).test(path) : `${path}/`.startsWith(`${prefixOf(value)}/`);
  return byPath && (header || match.headers.length === 0);
}

test('what is tried by a map and what one by one comes to what all one by one come to', () => {
  let mapped = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const pick = random(seed);
    const entries = sortEntries(Array.from({ length: 4 + pick(14) }, (_, at) => entryFrom(pick, at)));
    const ways = waysOf(entries);
    mapped += ways.mapped.length;
    const longest = (path: string): Entry | undefined => ways.mapped.filter((each) => fits(each, path, false)).sort((a, b) => prefixOf(b.match.path.value).length - prefixOf(a.match.path.value).length)[0];
    for (let times = 0; times < 60; times++) {
      const [path, header] = [`${pathFrom(pick)}${pick(4) === 0 ? '/' : ''}`, pick(2) === 0];
      const expected = entries.find((each) => fits(each, path, header));
      const found = ways.before.find((each) => fits(each, path, header)) ?? longest(path) ?? ways.after.find((each) => fits(each, path, header));
      assert.equal(found?.key, expected?.key, JSON.stringify({ seed, path, header }));
    }
  }
  assert.ok(mapped > 1_000, 'maps are used');
});

test('lines of a map are whole elements of paths', () => {
  assert.equal(mapText([{ prefix: '/a', backend: 'b:0' }]), '/a/ b:0\n');
});
