import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Labels } from '../../../api/selector.ts';
import { Services } from './services.ts';

test('of very many Services those are looked at that may be meant', () => {
  const services = new Services();
  let looks = 0;
  const watched = (selector: Labels): Labels => new Proxy(selector, {
    ownKeys(target) {
      looks += 1;
      return Reflect.ownKeys(target);
    },
  });
  for (let n = 0; n < 1_000; n++) services.set('default', `s${n}`, watched({ part: 'of-all', app: `a${n}` }));
  looks = 0;
  assert.deepEqual(services.selectorOf('default', { part: 'of-all', app: 'a500' }), { part: 'of-all', app: 'a500' });
  assert.equal(services.selectorOf('default', { app: 'a500' }), undefined);
  assert.ok(looks < 10, `${looks} looks`);
});

test('whatever Services come, change and go, what they select is what a walk through all of them finds', () => {
  let state = 1;
  const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
  const labelsOf = (most: number): Labels => Object.fromEntries(Array.from({ length: random(most + 1) }, () => [`k${random(4)}`, `v${random(2)}`]));
  const services = new Services();
  const all = new Map<string, Labels>();
  let found = 0;
  for (let turn = 0; turn < 5_000; turn++) {
    const [name, selector, labels] = [`s${random(12)}`, random(4) === 0 ? undefined : labelsOf(3), labelsOf(6)];
    services.set('default', name, selector);
    if (selector === undefined) all.delete(name);
    else all.set(name, selector);
    const matching = [...all.values()].filter((each) => Object.keys(each).length > 0 && Object.entries(each).every(([key, value]) => labels[key] === value));
    if (matching.length > 1) found += 1;
    assert.deepEqual(services.selectorOf('default', labels), matching.length === 0 ? undefined : Object.assign({}, ...matching), `turn ${turn}`);
  }
  assert.ok(found > 500, `${found} of several`);
});
