import assert from 'node:assert/strict';
import { it } from 'node:test';
import { eventWindow } from './event-window.ts';
import type { Stored, StoreEvent } from './store.ts';

const event = (revision: number, sizeBytes = 10): StoreEvent => ({ type: 'added', key: 'k', revision, stored: { bytes: Buffer.alloc(sizeBytes) } as unknown as Stored });

it('keeps the newest by number', () => {
  const window = eventWindow({ startRevision: 5, maxEvents: 8 });
  for (let revision = 6; revision <= 106; revision += 2) window.push(event(revision));
  assert.equal(window.startRevision, 90);
  for (const [after, first] of [[90, 92], [91, 92], [105, 106], [106, undefined]] as const) assert.equal(window.at(window.indexAfter(after))?.revision, first);
});

it('keeps the newest by bytes, and always the newest one', () => {
  const window = eventWindow({ startRevision: 0, maxBytes: 100 });
  for (let revision = 1; revision <= 20; revision++) window.push(event(revision, 30));
  assert.equal(window.startRevision, 17);
  window.push(event(21, 500));
  assert.equal(window.at(window.indexAfter(window.startRevision))?.revision, 21);
});
