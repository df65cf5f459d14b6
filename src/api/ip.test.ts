import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isIP as nodeIsIP } from 'node:net';
import { isIP } from './ip.ts';

test('it says what node:net says', () => {
  const texts = ['10.0.0.1', '0.0.0.0', '255.255.255.255', '256.0.0.1', '1.2.3', '01.2.3.4', '1.2.3.4.5', '', 'a', '::', '::1', '1::', '2001:db8::ffff', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7::', '1::2::3', ':1', '1:', ':::',
    '::ffff:1.2.3.4', '::1.2.3.4.5', '1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:7:1.2.3.4', '::12345', 'g::', '1.2.3.4::', ' ::1', '10.0.0.1 '];
  for (const text of texts) assert.equal(isIP(text), nodeIsIP(text), JSON.stringify(text));
  assert.equal(isIP('fe80::1%eth0'), 0);
});
