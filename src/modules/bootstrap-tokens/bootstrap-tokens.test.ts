import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootstrapEndMs, bootstrapGroups, parseBootstrapToken, signingToken } from '../../api/core/bootstrap-token.ts';
import type { Secret } from '../../api/core/secret.ts';
import { detachedSignature, signedData } from './signature.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

function secretOf(values: Record<string, string>, name = 'bootstrap-token-abcdef'): Secret {
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
  return { metadata: { name, namespace: 'kube-system' }, type: 'bootstrap.kubernetes.io/token', data };
}

test('what a token looks like', () => {
  assert.deepEqual(parseBootstrapToken('abcdef.0123456789abcdef'), { id: 'abcdef', secret: '0123456789abcdef' });
  for (const text of ['', 'abcdef', 'abcdef.0123456789abcde', 'ABCDEF.0123456789abcdef', 'abcdef.0123456789abcdef.x', 'x.y.z']) assert.equal(parseBootstrapToken(text), undefined, text);
});

test('ends, groups and uses', () => {
  const table: [string, number][] = [['', Infinity], ['2026-01-01T00:00:00Z', NOW], ['2026-01-01T02:00:00+02:00', NOW], ['tomorrow', 0], ['2026', 0]];
  for (const [expiration, endMs] of table) assert.equal(bootstrapEndMs(secretOf({ expiration })), endMs, expiration);
  assert.deepEqual(bootstrapGroups(secretOf({})), ['system:bootstrappers']);
  assert.deepEqual(bootstrapGroups(secretOf({ 'auth-extra-groups': 'system:bootstrappers:b,system:bootstrappers:a' })), ['system:bootstrappers', 'system:bootstrappers:a', 'system:bootstrappers:b']);
  for (const groups of ['system:masters', 'system:bootstrappers:', 'system:bootstrappers:a,devs']) assert.equal(bootstrapGroups(secretOf({ 'auth-extra-groups': groups })), undefined, groups);
  const good = { 'token-id': 'abcdef', 'token-secret': 's', 'usage-bootstrap-signing': 'true' };
  assert.deepEqual(signingToken(secretOf(good), NOW), { id: 'abcdef', secret: 's' });
  const wrongs: Record<string, string>[] = [{ 'usage-bootstrap-signing': 'yes' }, { 'token-id': 'other1' }, { 'token-secret': '' }, { expiration: '2025-01-01T00:00:00Z' }];
  for (const wrong of wrongs) assert.equal(signingToken(secretOf({ ...good, ...wrong }), NOW), undefined);
});

test('signatures are those that upstream makes', () => {
  const content = 'Hello from the other side. I must have called a thousand times.';
  assert.equal(detachedSignature(content, 'joshua', 'my voice is my passcode'), 'eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8');
  const data = signedData({ kubeconfig: 'k', 'jws-kubeconfig-gone00': 'x', other: 'o' }, [{ id: 'abcdef', secret: 's' }]);
  assert.deepEqual(Object.keys(data).sort(), ['jws-kubeconfig-abcdef', 'kubeconfig', 'other']);
  assert.deepEqual(signedData({ a: 'b' }, [{ id: 'abcdef', secret: 's' }]), { a: 'b' });
});
