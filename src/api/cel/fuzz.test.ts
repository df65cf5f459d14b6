import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomOf } from '../testing/random.ts';
import { Budget, compileExpression, createEnvironment, EvaluationFailure, untypedToCel } from './index.ts';

const WORDS = ['self', 'self.a', 'self.l', 'self.m', 'oldSelf', 'x', '1', '-1', '2.5', '9223372036854775807', '"a"', "'%s %d'", 'b"x"', 'true', 'null', '[', ']', '(', ')', '{', '}', ',', ':', '?', '.', '.?', '+', '-', '*', '/', '%', '&&', '||', '!', '==', '!=', '<', '>=', ' in ',
  '.all(x, ', '.exists(x, ', '.map(x, ', '.filter(x, ', 'has(', 'size(', 'string(', 'int(', '.matches(', '.format(', '.split(', '.replace(', 'cel.bind(x, ', 'quantity(', 'ip(', 'cidr(', 'url(', 'duration(', 'timestamp(', 'optional.of(', '.orValue(', '.optMap(x, ', 'sets.contains(', '.sum()', '.flatten()', 'type(', 'dyn(', '\n', '\\', '"', '\u{1f419}', '__proto__', 'constructor'];

test('no text makes the evaluator fail in another way than it says, or hang', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const random = randomOf(seed);
  const environment = createEnvironment({ self: 'dyn', oldSelf: 'dyn' });
  const self = untypedToCel({ a: 'text', l: [1, 'two', { three: 3 }], m: { k: 1 } });
  let evaluated = 0;
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + random.int(9) }, () => random.pick(WORDS)).join('');
    const closed = text + ')'.repeat(Math.max(0, text.split('(').length - text.split(')').length));
    const before = process.threadCpuUsage();
    try {
      compileExpression(environment, closed).evaluate({ self, oldSelf: null }, new Budget());
      evaluated++;
    } catch (error) {
      assert.ok(error instanceof EvaluationFailure, `seed ${seed}: ${JSON.stringify(closed)}: ${String(error)}`);
    }
    const usedMs = process.threadCpuUsage(before).user / 1_000;
    assert.ok(usedMs < 1_000, `seed ${seed}: ${JSON.stringify(closed)} took ${usedMs} ms`);
  }
  assert.ok(evaluated > 50, `seed ${seed}: ${evaluated} expressions were evaluated`);
});

test('deep and long texts are refused', () => {
  const environment = createEnvironment({ self: 'dyn' });
  for (const text of ['('.repeat(5_000) + '1' + ')'.repeat(5_000), '!'.repeat(10_000) + 'true', '['.repeat(3_000), `1${'+1'.repeat(9_000)}`, 'x'.repeat(30_000), `self${'.a'.repeat(5_000)}`, `"${'a'.repeat(19_000)}"`]) {
    try {
      compileExpression(environment, text).evaluate({ self: untypedToCel({}) }, new Budget());
    } catch (error) {
      assert.ok(error instanceof EvaluationFailure, `${text.slice(0, 20)}: ${String(error)}`);
    }
  }
});
