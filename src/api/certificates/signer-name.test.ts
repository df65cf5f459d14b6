import assert from 'node:assert/strict';
import { it } from 'node:test';
import { signerNameErrors } from './signer-name.ts';

const said = (name: string): string[] => signerNameErrors(name, 'spec.signerName').map(({ message }) => message);

const LABEL = 'a'.repeat(63);
const DOMAIN = `${[LABEL, LABEL, LABEL].join('.')}.${'a'.repeat(61)}`;
for (const name of ['example.com/issuer', 'kubernetes.io/kube-apiserver-client', 'a.b/ns.name', 'a-1.example.com/x', `${DOMAIN}/${LABEL}.${'b'.repeat(253)}`]) it(`takes ${name.slice(0, 40)}`, () => assert.deepEqual(said(name), []));

const WRONG: readonly [string, RegExp][] = [
  ['', /^Required/], ['issuer', /of the form "example.com\/signer-name"/], ['example.com/a/b', /of the form "example.com\/signer-name"/], ['example/issuer', /at least two segments separated by dots/],
  ['example..com/x', /validating label "": /], ['Example.com/x', /validating label "Example": /], ['-a.com/x', /validating label "-a": /], [`${LABEL}b.com/x`, /must be no more than 63/],
  ['example.com/', /validating label "": /], ['example.com/a..b', /validating label "": /], ['example.com/a:b', /validating label "a:b": /], ['example.com/A', /validating label "A": /],
  [`${DOMAIN}a.com/x`, /Too long: may not be more than 253 bytes/], [`${DOMAIN}/${LABEL}.${'b'.repeat(253)}.c`, /Too long: may not be more than 571 bytes/],
];
for (const [name, wanted] of WRONG) it(`refuses ${JSON.stringify(name.slice(0, 40))}`, () => assert.ok(said(name).some((each) => wanted.test(each)), said(name).join('; ').slice(0, 300)));

it('refuses a long one in one pass: whoever makes a pod may name a signer', () => {
  for (const part of ['0.', 'a', 'a.b/']) assert.notDeepEqual(said(part.repeat(500_000)), []);
});
