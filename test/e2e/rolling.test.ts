/** All pods of a Service are replaced while it is asked: no request fails, by the kernel or by the proxy. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { deployForRolling } from '../fixtures/rolling.ts';
import { bootInstance, type Instance } from '../fixtures/instance.ts';
import { PATIENCE } from '../fixtures/patience.ts';

describe('a rolling update under load', { timeout: 240_000 * PATIENCE, skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  let llmos: Instance;
  before(async () => void (llmos = await bootInstance()));
  after(async () => llmos?.destroy());

  it('fails no request', async () => {
    const roll = await deployForRolling(llmos);
    const { sent, failed, failures } = await roll(Math.round(300 / PATIENCE), 1);
    assert.ok(sent > 200, `${sent} requests`);
    assert.deepEqual([failed, failures], [0, {}]);
  });
});
