import { test } from 'node:test';
import assert from 'node:assert/strict';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ConfigMap } from '../../api/core/config-map.ts';
import type { Kind } from '../../api/kind.ts';
import type { Admission, AdmissionRequest, ModuleContext } from '../../sdk/module.ts';
import { createAdmissionChain } from './admission.ts';

const context = {} as ModuleContext;

function request(): AdmissionRequest {
  return { operation: 'CREATE', kind: ConfigMap as unknown as Kind, object: { metadata: {} }, oldObject: undefined, user: { name: 'u', groups: [] }, dryRun: false };
}

function step(name: string, said: string[], more: Partial<Admission> = {}): Admission {
  return { name, kinds: 'all', operations: ['CREATE'], admit: () => void said.push(`admit ${name}`), validate: () => void said.push(`validate ${name}`), ...more };
}

test('last steps run after the others, and those that book at the very end, however they came', async () => {
  const chain = createAdmissionChain();
  const said: string[] = [];
  chain.add(step('quota', said, { last: 'books' }), context);
  chain.add(step('webhooks', said, { last: true }), context);
  chain.add(step('own', said), context);
  await chain.admit(request());
  await chain.validate(request());
  assert.deepEqual(said, ['admit own', 'admit webhooks', 'admit quota', 'validate own', 'validate webhooks', 'validate quota']);
});

test('what a last step changed goes through all steps once more', async () => {
  const chain = createAdmissionChain();
  const said: string[] = [];
  chain.add(step('own', said), context);
  chain.add(step('hook', said, { last: true, admit: ({ again }) => (said.push(again === true ? 'again' : 'first'), true) }), context);
  await chain.admit(request());
  assert.deepEqual(said, ['admit own', 'first', 'admit own', 'again']);
});

test('nothing is awaited where no step concerns a request, and steps may ask for rights', async () => {
  const asked: unknown[] = [];
  const chain = createAdmissionChain((user, attributes) => ({ allowed: asked.push([user.name, attributes.verb]) > 0, reason: '' }));
  assert.equal(chain.admit(request()), undefined);
  const withdraw = chain.add({ name: 'asks', kinds: 'all', operations: ['CREATE'], validate: ({ may }) => assert.equal(may?.({ verb: 'get', path: '/' }), true) }, context);
  await chain.validate(request());
  assert.deepEqual(asked, [['u', 'get']]);
  withdraw();
  assert.equal(chain.validate(request()), undefined);
});

const ROUNDS = 20;
const TEXT_BYTES = 500_000;

test('a request is garbage while it is young', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (how: { type: 'minor' }) => void;
  const oldBytes = (): number => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'large_object_space')!.space_used_size;
  const chain = createAdmissionChain((_user, { verb }) => ({ allowed: verb === 'get', reason: '' }));
  const may: unknown[] = [];
  chain.add(step('asking', [], { admit: (asked) => void may.push(asked.may!({ verb: 'get' })) }), context);
  const before = oldBytes();
  for (let round = 0; round < ROUNDS; round += 1) {
    // A text of its own, since one that is taken from another would keep that.
    await chain.admit({ ...request(), object: { metadata: {}, text: JSON.parse(`"${'x'.repeat(TEXT_BYTES)}"`) } as never });
    await new Promise((resolve) => setImmediate(resolve));
    gc({ type: 'minor' });
  }
  const kept = (oldBytes() - before) / TEXT_BYTES;
  assert.deepEqual(may, new Array(ROUNDS).fill(true));
  assert.ok(kept < ROUNDS / 2, `${kept.toFixed(1)} of ${ROUNDS} texts became old`);
});
