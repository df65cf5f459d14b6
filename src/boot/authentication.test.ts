import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { realClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { startOutsideIssuer } from '../kernel/apiserver/testing/outside-issuer.ts';
import { eventually } from '../sdk/testing/eventually.ts';
import { openAuthentication } from './authentication.ts';

test('the file is read again when it changes, and the one before counts on while it is wrong', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-authentication-'));
  const file = join(folder, 'authentication.yaml');
  const issuer = await startOutsideIssuer();
  const write = (prefix: string): void => writeFileSync(file, `apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n- issuer:\n    url: ${issuer.url}\n    audiences: [app]\n    certificateAuthority: ${JSON.stringify(issuer.caPem)}\n  claimMappings:\n    username: { claim: sub, prefix: "${prefix}" }\n`);
  const told: string[] = [];
  const log = { ...silentLog, error: (_text: string, more?: Record<string, unknown>) => void told.push(String(more?.['error'])) } as typeof silentLog;
  /** Each look at the file is let go by hand. */
  let look: () => void = () => {};
  const clock = { ...realClock, sleep: (_ms: number, signal?: AbortSignal) => new Promise<void>((resolve) => ((look = resolve), signal?.addEventListener('abort', () => resolve()))) };
  const facts = { ownIssuer: 'https://own.example', clock, log };
  try {
    await assert.rejects(openAuthentication(file, facts), /the authentication configuration .* cannot be used: ENOENT/);
    writeFileSync(file, 'kind: Pod');
    await assert.rejects(openAuthentication(file, facts), /must be of apiVersion apiserver.config.k8s.io\/v1/);
    write('one:');
    const { outside, close } = await openAuthentication(file, facts);
    const name = async (): Promise<string | undefined> => (await outside.ofToken(issuer.token({ sub: 'ann' })))?.user.name;
    assert.equal(await name(), 'one:ann');
    writeFileSync(file, '{');
    look();
    await eventually(async () => told.length === 1);
    assert.equal(await name(), 'one:ann');
    write('two:');
    look();
    await eventually(async () => (await name()) === 'two:ann');
    close();
  } finally {
    await issuer.close();
    rmSync(folder, { recursive: true });
  }
});
