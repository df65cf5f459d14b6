/** The object of one namespace and period: its name, labels and fields. Pure. */
import { NAMESPACE_LABEL, PERIOD_LABEL, type UsageRecord } from '../../api/metering/usage-record.ts';
import { rfc3339 } from '../../base/clock.ts';
import { DAY_MS, nameOfPeriod, type Period } from './periods.ts';

export function recordName(namespace: string, period: Period): string {
  return `${namespace}.${nameOfPeriod(period)}`;
}

export function recordOf(namespace: string, period: Period, fields: Pick<UsageRecord, 'from' | 'namespaceLabels' | 'through' | 'pods' | 'claims' | 'routes' | 'counters'>): UsageRecord {
  return {
    apiVersion: 'metering.llmos.dev/v1alpha1', kind: 'UsageRecord',
    metadata: { name: recordName(namespace, period), labels: { [NAMESPACE_LABEL]: namespace, [PERIOD_LABEL]: period.endMs - period.startMs >= DAY_MS ? 'day' : 'hour' } },
    namespace, start: rfc3339(period.startMs), end: rfc3339(period.endMs), ...fields,
  };
}

export function periodOf({ start, end }: UsageRecord): Period {
  return { startMs: Date.parse(start), endMs: Date.parse(end) };
}

/** What of the period the record tells of: an hour that is not over has been metered up to `through`, the first one since `from`. */
export function meteredPeriod(record: UsageRecord): Period {
  const period = periodOf(record);
  const [startMs, endMs] = [Math.min(period.endMs, Math.max(period.startMs, Date.parse(record.from ?? record.start))), period.endMs];
  return { startMs, endMs: Math.min(endMs, Math.max(startMs, Date.parse(record.through))) };
}
