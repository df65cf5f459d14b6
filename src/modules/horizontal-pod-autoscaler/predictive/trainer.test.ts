import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../../base/log.ts';
import { predictTrees, trainTrees } from './forecasters/trees.ts';
import { createTrainer } from './trainer.ts';

describe('trees', () => {
  const width = 3;
  const rows = 1_200;
  let state = 17;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const features = Float32Array.from({ length: rows * width }, random);
  const truth = (row: number): number => (features[row * width]! > 0.5 ? 2 : 1) + (features[row * width + 1]! > 0.3 ? 0.5 : 0);
  const answers = Float32Array.from({ length: rows }, (_, row) => truth(row) + 0.1 * (random() - 0.5) + (random() < 0.03 ? 50 : 0));

  it('find steps in what they are given, and are not ruled by bursts', () => {
    const trees = trainTrees({ features, width, answers });
    const errors = Array.from({ length: rows }, (_, row) => Math.abs(predictTrees(trees, features.subarray(row * width, (row + 1) * width)) - truth(row)));
    assert.ok(errors.reduce((sum, each) => sum + each, 0) / rows < 0.15);
  });
  it('are learned in a worker, which ends with the signal', async () => {
    const abort = new AbortController();
    const train = createTrainer(silentLog, abort.signal);
    const expected = trainTrees({ features, width, answers });
    const trees = await train({ features: features.slice(), width, answers: answers.slice() });
    assert.deepEqual(trees, expected);
    const late = train({ features: features.slice(), width, answers: answers.slice() });
    abort.abort('stop');
    assert.equal(await late, undefined);
    assert.equal(train({ features, width, answers }), undefined);
  });
});
