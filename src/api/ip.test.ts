import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isIP as nodeIsIP } from 'node:net';
import { isIP, addressValue, formatIPv6, isWithin } from './ip.ts';

test('it says what node:net says', () => {
  const texts = ['10.0.0.1', '0.0.0.0', '255.255.255.255', '256.0.0.1', '1.2.3', '01.2.3.4', '1.2.3.4.5', '', 'a', '::', '::1', '1::', '2001:db8::ffff', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7::', '1::2::3', ':1', '1:', ':::',
    '::ffff:1.2.3.4', '::1.2.3.4.5', '1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:7:1.2.3.4', '::12345', 'g::', '1.2.3.4::', ' ::1', '10.0.0.1 '];
  for (const text of texts) assert.equal(isIP(text), nodeIsIP(text), JSON.stringify(text));
  assert.equal(isIP('fe80::1%eth0'), 0);
});

test('IPv6 addresses as RFC 5952 writes them', () => {
  for (const [text, canonical] of [['FD00:0:0:0:0:0:0:1', 'fd00::1'], ['::', '::'], ['::1', '::1'], ['1:0:0:2:0:0:0:3', '1:0:0:2::3'], ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'], ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'], ['fd00:10:96::', 'fd00:10:96::']] as const) assert.equal(formatIPv6(addressValue(text)!), canonical);
  assert.equal(addressValue('x'), undefined);
});

test('an address lies in a range of its own family', () => {
  for (const [address, range, is] of [['fd00::5', 'fd00::/64', true], ['fd01::5', 'fd00::/64', false], ['10.0.0.5', '10.0.0.0/24', true], ['10.0.0.5', 'fd00::/64', false], ['fd00::5', 'fd00::5/128', true]] as const) assert.equal(isWithin(address, range), is, `${address} ${range}`);
});
