import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf } from './unacknowledged.ts';

test('addresses as the kernel writes them are those that sockets name', () => {
  const table: [string, string][] = [
    ['0100007F', '127.0.0.1'], ['0101A8C0', '192.168.1.1'], ['00000000000000000000000001000000', '::1'],
    ['0000000000000000FFFF00000100007F', '::ffff:127.0.0.1'], ['B80D0120000000000000000001000000', '2001:db8::1'],
  ];
  for (const [hex, address] of table) assert.equal(addressOf(hex), address);
});
