import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Graph, type Agenda } from './graph.ts';
import { verdictOf, type Facts, type OwnerState, type Verdict } from './verdict.ts';
import { defineKind } from '../../api/kind.ts';
import type { KubeObject, OwnerReference } from '../../api/meta.ts';

const owner = (uid: string, more: Partial<OwnerReference> = {}): OwnerReference => ({ apiVersion: 'v1', kind: 'Thing', name: uid, uid, ...more });
const PLAIN: Facts = { hasDependents: false, hasWaitingDependents: false, finalizers: [] };

test('what becomes of an object', () => {
  const [a, b] = [owner('a'), owner('b')];
  const table: [string, OwnerState[], Partial<Facts>, Verdict][] = [
    ['no owners', [], {}, { action: 'keep' }],
    ['a solid owner', ['solid'], {}, { action: 'keep' }],
    ['an absent owner', ['absent'], {}, { action: 'delete', propagationPolicy: 'Background', unblock: false }],
    ['one of two is left', ['absent', 'solid'], {}, { action: 'disown', owners: [b] }],
    ['one waits, one is solid', ['solid', 'waiting'], {}, { action: 'disown', owners: [a] }],
    ['an unknown owner keeps', ['unknown'], {}, { action: 'keep' }],
    ['an unknown one beside an absent one keeps', ['unknown', 'absent'], {}, { action: 'keep' }],
    ['an owner that waits', ['waiting'], {}, { action: 'delete', propagationPolicy: 'Background', unblock: false }],
    ['an owner that waits, with dependents', ['waiting'], { hasDependents: true }, { action: 'delete', propagationPolicy: 'Foreground', unblock: false }],
    ['a circle', ['waiting'], { hasDependents: true, hasWaitingDependents: true }, { action: 'delete', propagationPolicy: 'Foreground', unblock: true }],
    ['an orphaner without owner', ['absent'], { finalizers: ['orphan'] }, { action: 'delete', propagationPolicy: 'Orphan', unblock: false }],
  ];
  for (const [name, states, facts, expected] of table) {
    const judged = states.map((state, index) => ({ owner: index === 0 ? a : b, state }));
    assert.deepEqual(verdictOf(judged, { ...PLAIN, ...facts }), expected, name);
  }
});

const THING = defineKind({ group: '', version: 'v1', kind: 'Thing', plural: 'things', namespaced: true, schema: () => ({}) });
const thing = (uid: string, owners: OwnerReference[] = [], more: Partial<KubeObject['metadata']> = {}): KubeObject => ({ metadata: { name: uid, uid, namespace: 'default', ownerReferences: owners, ...more } });

function record(change: (agenda: Agenda) => void): { examine: string[]; orphan: string[] } {
  const agenda: Agenda = { examine: new Set(), orphan: new Set() };
  change(agenda);
  return { examine: [...agenda.examine].sort(), orphan: [...agenda.orphan] };
}

test('the graph says whom to look at', () => {
  const graph = new Graph();
  const set = (object: KubeObject) => record((agenda) => graph.set(THING, object, agenda));
  const deletionTimestamp = '2026-11-21T22:00:00Z';
  assert.deepEqual(set(thing('owner')), { examine: [], orphan: [] });
  assert.deepEqual(set(thing('child', [owner('owner', { blockOwnerDeletion: true })])), { examine: [], orphan: [] });
  assert.deepEqual(set(thing('lost', [owner('nobody')])), { examine: ['lost'], orphan: [] }, 'its owner was never seen');
  assert.deepEqual(set(thing('owner', [], { deletionTimestamp, finalizers: ['foregroundDeletion'] })), { examine: ['child', 'owner'], orphan: [] });
  assert.deepEqual(graph.blockersOf('owner').map((each) => each.name), ['child']);
  assert.deepEqual(record((agenda) => graph.remove('child', agenda)), { examine: ['owner'], orphan: [] }, 'the owner may go now');
  assert.deepEqual(graph.blockersOf('owner'), []);
  set(thing('other', [owner('parent')]));
  set(thing('parent'));
  assert.deepEqual(set(thing('parent', [], { deletionTimestamp, finalizers: ['orphan'] })), { examine: [], orphan: ['parent'] });
  assert.deepEqual(record((agenda) => graph.remove('parent', agenda)), { examine: ['other'], orphan: [] });
  assert.deepEqual(set(thing('other', [])), { examine: ['other'], orphan: [] }, 'changed owners are looked at');
});
