import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advice, droppingChains } from './firewalls.ts';

const chain = (family: string, table: string, hook: string | undefined, policy: string | undefined): object => ({ chain: { family, table, name: 'C', handle: 1, ...(hook === undefined ? {} : { type: 'filter', hook, prio: 0, policy }) } });

test('chains that drop by default what pods send, but our own', () => {
  const listed = JSON.stringify({ nftables: [
    { metainfo: { version: '1.0.6' } }, chain('ip', 'filter', 'forward', 'drop'), chain('inet', 'fw', 'input', 'drop'), chain('ip', 'filter', 'output', 'drop'), chain('ip', 'nat', 'forward', 'accept'), chain('ip', 'other', undefined, undefined),
    chain('ip', 'llmos0-policy', 'forward', 'drop'), chain('bridge', 'filter', 'forward', 'drop'),
  ] });
  assert.deepEqual(droppingChains(listed, 'llmos0').map(({ table, hook }) => `${table} ${hook}`), ['filter forward', 'fw input']);
  const [forward, input] = droppingChains(listed, 'llmos0').map((each) => advice(each, 'llmos0'));
  assert.match(forward!, /nft insert rule ip filter C iifname "llmos0" accept; nft insert rule ip filter C oifname "llmos0" accept$/);
  assert.match(input!, /cannot ask for names .* nft insert rule inet fw C iifname "llmos0" accept$/);
});
