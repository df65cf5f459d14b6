import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import type { Agent } from '../agent.ts';
import type { NodeParts } from '../parts.ts';
import { rotateLogs, rotationSettings } from './rotate.ts';

test('logs are looked at also after somebody removed their folder, and when it is there again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-logs-'));
  const logs = join(folder, 'logs');
  mkdirSync(logs);
  const stop = new AbortController();
  const looks: boolean[] = [];
  const agent = { workers: () => {
    looks.push(existsSync(logs));
    if (looks.length === 1) rmSync(logs, { recursive: true });
    else if (looks.at(-1) === false) mkdirSync(logs);
    else stop.abort();
    return [];
  } } as unknown as Agent;
  const parts = { context: { clock: realClock, log: silentLog }, paths: { logs } } as unknown as NodeParts;
  await rotateLogs(parts, agent, { ...rotationSettings({}), everyMs: 20 }, stop.signal);
  assert.deepEqual([looks[0], looks.includes(false), looks.at(-1)], [true, true, true]);
  rmSync(folder, { recursive: true });
});
