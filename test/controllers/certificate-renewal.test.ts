/** Certificates are made anew in time: of any lifetime, and though nobody changes anything. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { makeAuthority, signRequest } from '../../src/kernel/apiserver/identity/certificates.ts';
import type { CertificateAuthority } from '../../src/sdk/module.ts';
import { altNamesOf, nameOf } from '../../src/modules/gateway/der.ts';
import { localCertificates } from '../../src/modules/gateway/local-certificates.ts';
import { renewAtMs } from '../../src/modules/gateway/renewal.ts';

const DAY_MS = 24 * 3_600_000;
const authority = makeAuthority('authority', Date.now());

function lasting(ms: number, nowMs = Date.now()): string {
  const publicKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
  return signRequest(authority, { subject: nameOf('x'), publicKey, altNames: altNamesOf(['x.test']), usages: ['server auth'], expirationSeconds: ms / 1_000 }, nowMs);
}

describe('renewal', () => {
  it('is 30 days before the end, or when a third is left', () => {
    const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
    assert.equal(renewAtMs(lasting(365 * DAY_MS, nowMs)), nowMs + 335 * DAY_MS);
    // They begin five minutes before they are signed, for clocks that are behind.
    assert.equal(renewAtMs(lasting(DAY_MS, nowMs)), nowMs + DAY_MS - (DAY_MS + 300_000) / 3);
  });

  it('tells that local certificates are due, at their time, and makes them anew when they are asked for', async (test) => {
    let offsetMs = 0;
    const nowMs = (): number => Date.now() + offsetMs;
    const signing: CertificateAuthority = { sign: (request) => signRequest(authority, request, nowMs()) };
    const ended = new AbortController();
    test.after(() => ended.abort());
    let due = 0;
    let ring = (): void => {};
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const certificateOf = localCertificates(signing, { nowMs, signal: ended.signal }, () => { due += 1; ring(); });
    const first = certificateOf('shop.localhost');
    assert.equal(certificateOf('shop.localhost'), first);
    assert.equal(certificateOf('shop.example.com'), undefined);
    for (let day = 0; day < 334; day++) { offsetMs += DAY_MS; test.mock.timers.tick(DAY_MS); }
    assert.deepEqual([due, certificateOf('shop.localhost')], [0, first]);
    const rang = new Promise<void>((settle) => (ring = settle));
    for (let day = 0; day < 2; day++) { offsetMs += DAY_MS; test.mock.timers.tick(DAY_MS); }
    await rang;
    assert.equal(due, 1);
    assert.notEqual(certificateOf('shop.localhost')?.certificatePem, first?.certificatePem);
    for (let day = 0; day < 300; day++) { offsetMs += DAY_MS; test.mock.timers.tick(DAY_MS); }
    assert.equal(due, 1);
  });
});
