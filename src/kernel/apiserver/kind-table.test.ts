import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineKind, type Kind } from '../../api/kind.ts';
import { createKindTable } from './kind-table.ts';

const frog = (isCustom = false): Kind => defineKind({ isCustom, group: 'pond', version: 'v1', kind: 'Frog', plural: 'frogs', namespaced: true, schema: () => ({ type: 'object' }) });

test('a kind that another took the place of comes back when that one goes, in whatever order they go', () => {
  const table = createKindTable();
  const shown = (): Kind | undefined => table.lookup('pond', 'v1', 'frogs');
  const [builtIn, installed, newer] = [frog(), frog(), frog()];
  const stopBuiltIn = table.serve(builtIn);
  const stopInstalled = table.serve(installed);
  const stopNewer = table.serve(newer);
  stopInstalled();
  assert.equal(shown(), newer);
  stopNewer();
  assert.equal(shown(), builtIn);
  const stopAgain = table.serve(installed);
  stopBuiltIn();
  assert.equal(shown(), installed);
  stopAgain();
  assert.equal(shown(), undefined);
});

test('a definition of a user is shown before what is built in, whichever came first', () => {
  const table = createKindTable();
  const shown = (): Kind | undefined => table.lookup('pond', 'v1', 'frogs');
  const [builtIn, first, second] = [frog(), frog(true), frog(true)];
  const stopFirst = table.serve(first);
  const stopBuiltIn = table.serve(builtIn);
  assert.equal(shown(), first, 'as at a restart, where the module of the built-in one starts later');
  const stopSecond = table.serve(second);
  stopFirst();
  assert.equal(shown(), second);
  stopSecond();
  assert.equal(shown(), builtIn);
  table.serve(first);
  stopBuiltIn();
  assert.equal(shown(), first);
});
