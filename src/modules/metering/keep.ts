/** Keeps the records: writes those that changed, makes days of hours that are long over, and lets go of the oldest. */
import { isApiError } from '../../api/errors.ts';
import { NAMESPACE_LABEL, PERIOD_LABEL, UsageRecord } from '../../api/metering/usage-record.ts';
import type { Client } from '../../sdk/client.ts';
import { DAY_MS, dayOf } from './periods.ts';
import { periodOf } from './record.ts';
import { rollUp } from './roll-up.ts';
import type { MeteringSettings } from './settings.ts';

export async function writeRecord(client: Client, record: UsageRecord): Promise<void> {
  try {
    await client.update(UsageRecord, record);
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    await client.create(UsageRecord, record);
  }
}

/** The newest record of an hour of each namespace. */
export async function newestHours(client: Client): Promise<UsageRecord[]> {
  const newest = new Map<string, UsageRecord>();
  for (const record of (await client.list(UsageRecord, { labelSelector: `${PERIOD_LABEL}=hour` })).items) {
    if ((newest.get(record.namespace)?.start ?? '') < record.start) newest.set(record.namespace, record);
  }
  return [...newest.values()];
}

/** A day is written in whole before its hours go; what a crash leaves between is made good the next time. */
export async function tidyRecords(client: Client, { hourlyDays, retentionDays }: MeteringSettings, nowMs: number): Promise<void> {
  const { items } = await client.list(UsageRecord, { labelSelector: `${PERIOD_LABEL}=hour` });
  const due = items.filter((record) => dayOf(periodOf(record).startMs).endMs <= nowMs - hourlyDays * DAY_MS);
  for (const hours of Map.groupBy(due, (record) => `${record.namespace} ${dayOf(periodOf(record).startMs).startMs}`).values()) {
    await client.create(UsageRecord, rollUp(hours, dayOf(periodOf(hours[0]!).startMs))).catch((error: unknown) => {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    });
    for (const { metadata } of hours) await client.delete(UsageRecord, metadata.name ?? '');
  }
  const days = (await client.list(UsageRecord, { labelSelector: `${PERIOD_LABEL}=day` })).items;
  for (const record of days) if (periodOf(record).endMs <= nowMs - retentionDays * DAY_MS) await client.delete(UsageRecord, record.metadata.name ?? '');
}

/** Of all namespaces, or one. */
export async function readRecords(client: Client, namespace?: string): Promise<readonly UsageRecord[]> {
  return (await client.list(UsageRecord, namespace === undefined ? {} : { labelSelector: `${NAMESPACE_LABEL}=${namespace}` })).items;
}
