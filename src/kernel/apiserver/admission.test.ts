import { test } from 'node:test';
import assert from 'node:assert/strict';
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
