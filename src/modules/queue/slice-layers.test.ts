import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SLICE_LAYERS, SLICE_SIZE, SLICE_TOPOLOGY } from '../../api/kueue/names.ts';
import { layersOf, layersRefusal, sliceLayerErrors, sliceLayersOf } from './slice-layers.ts';

const LEVELS = ['block', 'rack', 'host'];
const AT = `annotations[${SLICE_LAYERS}]`;

/** Those of Kueue's own table. Source: Kueue, tas_validation_test.go (TestValidateSliceRequiredTopologyConstraintsAnnotation). */
const WRITTEN: readonly [what: string, text: string, wrong: readonly string[], more?: Record<string, string>][] = [
  ['one layer', '[{"topology":"cloud.com/rack","size":16}]', []],
  ['three layers', '[{"topology":"cloud.com/rack","size":16},{"topology":"cloud.com/sub-rack","size":4},{"topology":"kubernetes.io/hostname","size":2}]', []],
  ['no JSON', 'rack', [AT]],
  ['no list', '{"topology":"rack","size":16}', [AT]],
  ['no whole number', '[{"topology":"rack","size":1.5}]', [AT]],
  ['no layer', '[]', [AT]],
  ['four layers', `[${['a', 'b', 'c', 'd'].map((topology) => JSON.stringify({ topology, size: 4 })).join()}]`, [AT]],
  ['no label', '[{"topology":"-rack-","size":4}]', [`${AT}[0].topology`]],
  ['no pods', '[{"topology":"rack","size":0}]', [`${AT}[0].size`]],
  ['one level twice', '[{"topology":"rack","size":4},{"topology":"rack","size":2}]', [`${AT}[1].topology`]],
  ['no part of the layer above', '[{"topology":"rack","size":4},{"topology":"host","size":3}]', [`${AT}[1].size`]],
  ['more than there are pods', '[{"topology":"rack","size":64}]', [AT]],
  ['beside the annotations of one layer', '[{"topology":"rack","size":4}]', [AT, AT], { [SLICE_TOPOLOGY]: 'rack', [SLICE_SIZE]: '4' }],
];
for (const [what, text, wrong, more = {}] of WRITTEN) {
  it(`written: ${what}`, () => assert.deepEqual(sliceLayerErrors({ ...more, [SLICE_LAYERS]: text }, 'annotations', 32).map(({ field }) => field), wrong));
}

it('asks for nothing without the annotation', () => {
  assert.equal(sliceLayersOf(undefined), undefined);
  assert.deepEqual([sliceLayerErrors({ [SLICE_SIZE]: '4' }, 'annotations', 32), layersOf({ required: 'rack' })], [[], []]);
  assert.deepEqual(layersOf({ podSetSliceRequiredTopology: 'rack', podSetSliceSize: 4 }), [{ topology: 'rack', size: 4 }]);
});

const layers = (...of: [string, number][]) => layersOf({ podsetSliceRequiredTopologyConstraints: of.map(([topology, size]) => ({ topology, size })) });
const REFUSED: readonly [ReturnType<typeof layers>, within: string | undefined, why: string | undefined][] = [
  [layers(['block', 8], ['host', 2]), undefined, undefined],
  [layers(['rack', 8], ['host', 2]), 'block', undefined],
  [layers(['block', 8]), 'rack', 'podset slice topology block is above the podset topology rack'],
  [layers(['host', 8], ['rack', 2]), undefined, 'additional slice layer topology rack must be at a lower level than host'],
  [layers(['block', 8], ['rack', 3]), undefined, 'additional slice layer size 3 must evenly divide parent layer size 8'],
  [layersOf({ podSetSliceRequiredTopology: 'rack' }), undefined, 'slice topology requested, but slice size not provided'],
];
for (const [of, within, why] of REFUSED) it(`cut in a topology: ${why ?? 'well'}`, () => assert.equal(layersRefusal(of, LEVELS, within), why));
