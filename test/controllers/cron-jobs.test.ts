import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CronJob, Job, Pod } from '../../src/api/kinds.ts';
import type { CronJobSpec } from '../../src/api/generated/batch-v1.ts';
import { rfc3339 } from '../../src/base/clock.ts';
import type { Client } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import garbageCollector from '../../src/modules/garbage-collector/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;
const NS = { namespace: 'default' };

beforeEach(async () => {
  world = await startWorld([core, workloads, garbageCollector]);
  client = world.client;
});

afterEach(() => world.stop());

function tick(spec: Partial<CronJobSpec> = {}): CronJob {
  const jobTemplate = { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1' }] } } } };
  return { metadata: { name: 'tick', ...NS }, spec: { schedule: '* * * * *', timeZone: 'Etc/UTC', jobTemplate, ...spec } } as CronJob;
}

const jobs = async (): Promise<readonly Job[]> => (await client.list(Job, NS)).items;
const cron = (): Promise<CronJob> => client.get(CronJob, 'tick', NS);

/** Makes it due: its last time was so many minutes ago. */
async function lastMinutesAgo(minutes: number): Promise<void> {
  const { status, ...rest } = await cron();
  await client.update(CronJob, { ...rest, status: { ...status, lastScheduleTime: rfc3339(Math.floor(Date.now() / 60_000 - minutes) * 60_000) } }, { subresource: 'status' });
}

/** Plays the node: every pod succeeds. */
async function playNode(): Promise<void> {
  for (const pod of (await client.list(Pod, NS)).items) {
    if (pod.status?.phase === 'Pending') await client.update(Pod, { ...pod, status: { ...pod.status, phase: 'Succeeded' } }, { subresource: 'status' }).catch(() => {});
  }
}

test('a job is made once for the time that is due, and noted', async () => {
  await client.create(CronJob, tick({ suspend: true }));
  await lastMinutesAgo(3);
  assert.equal((await jobs()).length, 0);
  await client.patch(CronJob, 'tick', { type: 'merge', body: { spec: { suspend: false } } }, NS);
  await eventually('one job', async () => (await jobs()).length === 1 && (await cron()).status?.active?.length === 1);
  const [job] = await jobs();
  assert.match(job?.metadata.name ?? '', /^tick-\d{8}$/);
  assert.equal(job?.metadata.ownerReferences?.[0]?.kind, 'CronJob');
  await eventually('it is active no more', async () => {
    await playNode();
    return (await cron()).status?.active === undefined && (await cron()).status?.lastSuccessfulTime !== undefined;
  });
});

test('Forbid waits, Replace replaces', async () => {
  await client.create(CronJob, tick({ concurrencyPolicy: 'Forbid', suspend: true }));
  await lastMinutesAgo(2);
  await client.patch(CronJob, 'tick', { type: 'merge', body: { spec: { suspend: false } } }, NS);
  await eventually('one job', async () => (await cron()).status?.active?.length === 1);
  const [first] = await jobs();
  // Another time: the first job bears an older name.
  await client.patch(CronJob, 'tick', { type: 'merge', body: { spec: { schedule: '@every 61s', suspend: true } } }, NS);
  await lastMinutesAgo(2);
  await client.patch(CronJob, 'tick', { type: 'merge', body: { spec: { suspend: false } } }, NS);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal((await jobs()).length, 1);
  await client.patch(CronJob, 'tick', { type: 'merge', body: { spec: { concurrencyPolicy: 'Replace', schedule: '* * * * *', suspend: true } } }, NS);
  await client.delete(Job, first?.metadata.name ?? '', { ...NS, propagationPolicy: 'Background' });
  await eventually('the missing job is noticed', async () => (await cron()).status?.active === undefined);
});

test('what no CronJob may be', async () => {
  await assert.rejects(client.create(CronJob, tick({ schedule: 'soon' })), /spec.schedule: Invalid value: "soon": expected exactly 5 fields, found 1: \[soon\]/);
  await assert.rejects(client.create(CronJob, tick({ timeZone: 'Moon/Base' })), /spec.timeZone: Invalid value: "Moon\/Base": unknown time zone Moon\/Base/);
  await assert.rejects(client.create(CronJob, tick({ schedule: 'TZ=UTC * * * * *' })), /cannot use TZ or CRON_TZ in schedule, use timeZone field instead/);
  await assert.rejects(client.create(CronJob, { ...tick(), metadata: { name: 'x'.repeat(53), ...NS } }), /must be no more than 52 characters/);
});
