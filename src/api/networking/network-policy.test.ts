import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCidr, isStrictSubset } from '../ip.ts';
import { NetworkPolicy } from './network-policy.ts';

const policy = (spec: NetworkPolicy['spec']): NetworkPolicy => ({ metadata: { name: 'p', namespace: 'default' }, spec });
const errorsOf = (spec: unknown): string[] => (NetworkPolicy.rules.validate?.(policy(spec as NetworkPolicy['spec']), undefined) ?? []).map(({ field, message }) => `${field}: ${message}`);

test('defaults: ingress always, egress where there are rules; protocols are TCP', () => {
  const plain = policy({ podSelector: {}, ingress: [{ ports: [{ port: 80 }] }] });
  NetworkPolicy.rules.defaults?.(plain);
  assert.deepEqual(plain.spec, { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ ports: [{ port: 80, protocol: 'TCP' }] }] });
  const both = policy({ podSelector: {}, egress: [{}] });
  NetworkPolicy.rules.defaults?.(both);
  assert.deepEqual(both.spec?.policyTypes, ['Ingress', 'Egress']);
});

const WRONG: [string, unknown, RegExp][] = [
  ['no peer', { ingress: [{ from: [{}] }] }, /^spec\.ingress\[0\]\.from\[0\]: Required value: must specify a peer$/],
  ['a block and a selector', { egress: [{ to: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }] }, /^spec\.egress\[0\]\.to\[0\]: Forbidden: may not specify both ipBlock and another peer$/],
  ['a block without a range', { ingress: [{ from: [{ ipBlock: { cidr: '' } }] }] }, /^spec\.ingress\[0\]\.from\[0\]\.ipBlock\.cidr: Required value$/],
  ['no range', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0' } }] }] }, /ipBlock\.cidr: Invalid value: "10\.0\.0\.0": must be a valid CIDR value/],
  ['a hole beside the block', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/16', except: ['10.1.0.0/24'] } }] }] }, /except\[0\]: Invalid value: "10\.1\.0\.0\/24": must be a strict subset of `cidr`$/],
  ['a hole as large as the block', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/16', except: ['10.0.0.0/16'] } }] }] }, /must be a strict subset/],
  ['an end before the begin', { ingress: [{ ports: [{ port: 10, endPort: 9 }] }] }, /endPort: Invalid value: 9: must be greater than or equal to `port`$/],
  ['an end of a name', { ingress: [{ ports: [{ port: 'web', endPort: 9 }] }] }, /endPort: Invalid value: 9: may not be specified when `port` is non-numeric$/],
  ['an end of nothing', { ingress: [{ ports: [{ endPort: 9 }] }] }, /endPort: Invalid value: 9: may not be specified when `port` is not specified$/],
  ['no port', { ingress: [{ ports: [{ port: 70_000 }] }] }, /port: Invalid value: 70000: must be between 1 and 65535, inclusive$/],
  ['no protocol', { ingress: [{ ports: [{ protocol: 'ICMP' }] }] }, /protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"$/],
  ['no type', { policyTypes: ['Both'] }, /^spec\.policyTypes\[0\]: Unsupported value: "Both": supported values: "Egress", "Ingress"$/],
  ['too many types', { policyTypes: ['Ingress', 'Egress', 'Ingress'] }, /may not specify more than two policyTypes$/],
];

for (const [what, spec, error] of WRONG) {
  test(`refused: ${what}`, () => {
    const errors = errorsOf(spec);
    assert.equal(errors.length, 1, errors.join('\n'));
    assert.match(errors[0] ?? '', error);
  });
}

test('ranges of both families', () => {
  for (const text of ['10.0.0.0/8', '0.0.0.0/0', '10.0.0.1/8', '2001:db8::/32', '::/0', '::ffff:1.2.3.4/128']) assert.ok(isCidr(text), text);
  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '::/129', '/8', '10.0.0.0/8/8', '10.0.0/8', '']) assert.ok(!isCidr(text), text);
  assert.ok(isStrictSubset('10.1.0.0/16', '10.0.0.0/8') && isStrictSubset('2001:db8:1::/48', '2001:db8::/32') && isStrictSubset('10.0.0.1/32', '0.0.0.0/0'));
  assert.ok(!isStrictSubset('11.1.0.0/16', '10.0.0.0/8') && !isStrictSubset('10.0.0.0/8', '10.0.0.0/8') && !isStrictSubset('::1/128', '0.0.0.0/0'));
});
