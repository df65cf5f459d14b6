import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Clock } from '../../../base/clock.ts';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { openIdentity } from './identity.ts';

function inFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-identity-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('keys are made once, for their owner only, and checked by what OpenSSL says', () => inFolder((folder) => {
  const options = { folder, clock: realClock, log: silentLog, names: ['10.96.0.1', 'web.example'] };
  const first = openIdentity(options);
  const again = openIdentity(options);
  assert.equal(again.server.certificatePem, first.server.certificatePem);
  for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  const authority = new X509Certificate(first.caPem);
  const server = new X509Certificate(first.server.certificatePem);
  assert.ok(authority.ca);
  assert.ok(server.verify(authority.publicKey) && server.checkIssued(authority));
  for (const name of ['localhost', 'kubernetes.default.svc', 'web.example']) assert.ok(server.checkHost(name), name);
  for (const ip of ['127.0.0.1', '10.96.0.1', '::1']) assert.ok(server.checkIP(ip), ip);
  assert.match(new X509Certificate(first.admin.certificatePem).subject, /O=system:masters/);
  assert.match(first.kubeconfig('https://127.0.0.1:6443'), /client-certificate-data: \S{100}/);
}));

test('a new name or a near end makes a new server certificate of the same authority', () => inFolder((folder) => {
  const options = { folder, clock: realClock, log: silentLog };
  const first = openIdentity(options);
  const named = openIdentity({ ...options, names: ['192.0.2.7'] });
  assert.notEqual(named.server.certificatePem, first.server.certificatePem);
  assert.equal(named.caPem, first.caPem);
  assert.equal(named.admin.certificatePem, first.admin.certificatePem);
  const later: Clock = { ...realClock, nowMs: () => Date.now() + 340 * 86_400_000 };
  const renewed = openIdentity({ ...options, clock: later });
  assert.notEqual(renewed.admin.certificatePem, first.admin.certificatePem);
  assert.equal(renewed.caPem, first.caPem);
}));

test('a torn pair is made anew, a torn authority is a clear error', () => inFolder((folder) => {
  const options = { folder, clock: realClock, log: silentLog };
  const first = openIdentity(options);
  writeFileSync(join(folder, 'apiserver.key'), first.admin.keyPem);
  writeFileSync(join(folder, 'admin.crt'), 'torn');
  const again = openIdentity(options);
  assert.notEqual(again.server.certificatePem, first.server.certificatePem);
  assert.notEqual(again.admin.certificatePem, first.admin.certificatePem);
  writeFileSync(join(folder, 'ca.key'), first.admin.keyPem);
  assert.throws(() => openIdentity(options), /the authority in .* is damaged .* restore both from a backup/);
}));

test('a server that runs for a year gets another certificate on the way', () => inFolder((folder) => {
  let nowMs = Date.now();
  const identity = openIdentity({ folder, clock: { ...realClock, nowMs: () => nowMs }, log: silentLog });
  const first = identity.server;
  nowMs += 300 * 86_400_000;
  assert.equal(identity.server, first);
  nowMs += 40 * 86_400_000;
  assert.notEqual(identity.server.certificatePem, first.certificatePem);
  assert.ok(Date.parse(new X509Certificate(identity.server.certificatePem).validTo) > nowMs + 300 * 86_400_000);
}));

test('tokens are for us, for a while, and cannot be changed', () => inFolder((folder) => {
  const { tokens } = openIdentity({ folder, clock: realClock, log: silentLog });
  const nowMs = Date.now();
  const { token, expirationMs } = tokens.issue({ namespace: 'a', serviceAccount: { name: 'b', uid: 'u' }, audiences: ['x'], expirationSeconds: 600, bound: { kind: 'Pod', name: 'p', uid: 'q' } }, nowMs);
  assert.equal(tokens.verify(token, nowMs)?.sub, 'system:serviceaccount:a:b');
  assert.deepEqual(tokens.verify(token, nowMs)?.['kubernetes.io'].pod, { name: 'p', uid: 'q' });
  assert.equal(tokens.verify(token, expirationMs + 1), undefined);
  const [header, payload, mark] = token.split('.') as [string, string, string];
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'system:serviceaccount:kube-system:admin' })).toString('base64url');
  for (const bad of [`${header}.${forged}.${mark}`, `${header}.${payload}.`, 'a.b.c', '', token.slice(1)]) assert.equal(tokens.verify(bad, nowMs), undefined);
}));

test('the front proxy has an authority of its own, and is renewed', () => inFolder((folder) => {
  let nowMs = Date.now();
  const clock: Clock = { ...realClock, nowMs: () => nowMs };
  const identity = openIdentity({ folder, clock, log: silentLog });
  assert.ok(!readdirSync(folder).some((name) => name.startsWith('front-proxy')), 'made when first asked for');
  const { caPem, client } = identity.frontProxy();
  assert.notEqual(caPem, identity.caPem);
  assert.ok(new X509Certificate(client.certificatePem).verify(new X509Certificate(caPem).publicKey));
  assert.equal(new X509Certificate(client.certificatePem).subject, 'CN=front-proxy-client');
  assert.equal(identity.frontProxy(), identity.frontProxy(), 'not read for every request');
  for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  nowMs += 340 * 86_400_000;
  const later = identity.frontProxy();
  assert.equal(later.caPem, caPem);
  assert.notEqual(later.client.certificatePem, client.certificatePem);
}));
