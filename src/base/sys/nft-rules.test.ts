import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rulesOf } from './nft-rules.ts';

test('rules are counted by chain, in scripts as in what nft lists', () => {
  const script = `add table ip t
delete table ip t
table ip t {
  map m { type inet_proto . inet_service : verdict; }
  chain first {
    type nat hook prerouting priority dstnat; policy accept;
    # A word about it.
    ip daddr { 192.0.2.1, 192.0.2.2 } drop

    jump second
  }
  chain second {
  }
}
table bridge t {
  chain first {
    accept
  }
}
`;
  assert.deepEqual([...rulesOf(script)], [['ip t first', 2], ['ip t second', 0], ['bridge t first', 1]]);
  assert.deepEqual([...rulesOf('table ip t {\n\tchain first {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n\t\tip daddr { 192.0.2.1, 192.0.2.2 } drop\n\t}\n}\n')], [['ip t first', 1]]);
});
