/** The store against its model: random operations, and every state and every stream of events must be the model's. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { budget, withSeed } from './random.ts';
import { createDriver } from './store-driver.ts';

const OPERATIONS = Number(process.env['LLMOS_OPERATIONS'] ?? budget(100_000, 1_000_000));
/** In memory where that can be: what a disk keeps is proven elsewhere, and 100,000 operations wait for a disk 20,000 times. */
const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

it('the store does what its model does', { timeout: 3_600_000 }, () => withSeed('store model', async (random) => {
  const folder = mkdtempSync(join(SCRATCH, 'llmos-model-'));
  const driver = createDriver(folder, random);
  try {
    while (driver.operations < OPERATIONS) await driver.step();
    await driver.end();
    console.log(`store model: ${driver.operations} operations`, JSON.stringify(driver.counts));
    for (const what of ['create', 'update', 'delete', 'read', 'list', 'watch']) assert.ok((driver.counts[what] ?? 0) > 0, `${what} was never tried`);
  } finally {
    await driver.close();
    rmSync(folder, { recursive: true });
  }
}));
