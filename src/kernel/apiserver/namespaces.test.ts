/** What the door does of namespaces themselves. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

test('a namespace bears its name as a label, a generated one too, from its first moment', async () => {
  for (const metadata of [{ name: 'given' }, { generateName: 'made-' }, { generateName: 'made-', labels: { 'kubernetes.io/metadata.name': 'other', mine: 'x' } }]) {
    const { status, json } = await door.call('POST', '/api/v1/namespaces', { body: { metadata } });
    assert.equal(status, 201);
    const { 'kubernetes.io/metadata.name': label, ...more } = json.metadata.labels;
    assert.equal(label, json.metadata.name);
    assert.deepEqual(more, 'labels' in metadata ? { mine: 'x' } : {});
  }
});

test('finalizers of a namespace have a domain, when it is made and when it is finalized', async () => {
  for (const [finalizers, wrong] of [[['mine'], /spec\.finalizers\[0\]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified/], [['example.com/mine', 'a b/c'], /spec\.finalizers\[1\]: Invalid value: "a b\/c": prefix part/]] as const) {
    const made = await door.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'held' }, spec: { finalizers } } });
    assert.equal(made.status, 422);
    assert.match(made.json.message, wrong);
  }
  const made = await door.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'held' }, spec: { finalizers: ['example.com/mine'] } } });
  assert.deepEqual(made.json.spec.finalizers, ['example.com/mine', 'kubernetes']);
  const finalize = (finalizers: string[]): ReturnType<OpenDoor['call']> => door.call('PUT', '/api/v1/namespaces/held/finalize', { body: { metadata: { name: 'held' }, spec: { finalizers } } });
  assert.match((await finalize(['mine'])).json.message, /spec\.finalizers\[0\]: Invalid value: "mine"/);
  assert.deepEqual((await finalize(['kubernetes'])).json.spec.finalizers, ['kubernetes']);
});
