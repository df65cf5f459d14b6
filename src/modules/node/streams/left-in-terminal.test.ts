import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leftInTerminal } from './left-in-terminal.ts';

const OUTPUT = 'one\r\n\r\ntwo é€ \u001b[0m and more\r\n';

for (let pieceBytes = 1; pieceBytes <= OUTPUT.length + 4; pieceBytes++) {
  test(`pieces of ${pieceBytes} bytes are put together as they were`, () => {
    const bytes = Buffer.concat([Buffer.from(OUTPUT), Buffer.from([0xff, 0xfe])]);
    const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) => bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes));
    assert.deepEqual(leftInTerminal(Buffer.concat(pieces.flatMap((piece) => [piece, Buffer.from('\n')]))), bytes);
  });
}
