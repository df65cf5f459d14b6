import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LimitRange } from './limit-range.ts';

type Item = NonNullable<NonNullable<LimitRange['spec']>['limits']>[number];
const limitRange = (item: Item): LimitRange => ({ metadata: { name: 'a', namespace: 'b' }, spec: { limits: [item] } });
const said = (item: Item): string[] => (LimitRange.rules?.validate?.(limitRange(item), undefined) ?? []).map(({ field, message }) => `${field}: ${message}`);

it('what is not said follows from the most, the default and the least, each of which goes before the next', () => {
  const made = limitRange({ type: 'Container', max: { cpu: '4', memory: '2Gi' }, default: { cpu: '2' }, defaultRequest: { memory: '1Gi' }, min: { cpu: '1', 'x.io/y': '1' } });
  LimitRange.rules?.defaults?.(made);
  assert.deepEqual(made.spec?.limits[0], { type: 'Container', max: { cpu: '4', memory: '2Gi' }, default: { cpu: '2', memory: '2Gi' }, defaultRequest: { cpu: '2', memory: '1Gi', 'x.io/y': '1' }, min: { cpu: '1', 'x.io/y': '1' } });
});

it('a resource may be called as what all objects have, and is judged like any other', () => {
  for (const name of ['x.io/y', 'constructor', 'toString', 'hasOwnProperty']) {
    const made = limitRange({ type: 'Container', max: { [name]: '1' } });
    LimitRange.rules?.defaults?.(made);
    assert.deepEqual(made.spec?.limits[0]?.default, { [name]: '1' }, name);
    const errors = said({ type: 'Container', max: { [name]: '1' }, min: { cpu: '1', [name]: '2' }, maxLimitRequestRatio: { cpu: '2' } });
    assert.ok(errors.includes(`spec.limits[0].min[${name}]: Invalid value: "2": min value 2 is greater than max value 1`), errors.join('; '));
    assert.doesNotThrow(() => said({ type: 'Container', max: { [name]: '1' } }), name);
  }
});
