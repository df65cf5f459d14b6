/** The part of records that lies in a period. Of a record that lies partly in it, as much as in proportion to time. Pure. */
import type { MeteredAmount, MeteredClaim, MeteredPod, MeteredRoute, UsageRecord } from '../../api/metering/usage-record.ts';
import { overlapMs, type Period } from './periods.ts';
import { meteredPeriod } from './record.ts';

export interface Slice extends Period {
  namespace: string;
  pods: readonly MeteredPod[];
  claims: readonly MeteredClaim[];
  routes: readonly MeteredRoute[];
}

export function slicesIn(records: readonly UsageRecord[], period: Period): Slice[] {
  return records.flatMap((record) => {
    const whole = meteredPeriod(record);
    const lengthMs = overlapMs(whole, period);
    if (lengthMs === 0) return [];
    const part = lengthMs / (whole.endMs - whole.startMs);
    return [{
      namespace: record.namespace, startMs: Math.max(whole.startMs, period.startMs), endMs: Math.min(whole.endMs, period.endMs),
      pods: part === 1 ? (record.pods ?? []) : (record.pods ?? []).map((pod) => partOf(pod, part)), claims: (record.claims ?? []).map((claim) => ({ ...claim, gibSeconds: claim.gibSeconds * part })),
      routes: (record.routes ?? []).map((route) => ({ ...route, requests: route.requests * part })),
    }];
  });
}

function partOf(pod: MeteredPod, part: number): MeteredPod {
  const of = ({ requested, used, charged }: MeteredAmount): MeteredAmount => ({ requested: requested * part, used: used * part, charged: charged * part });
  return {
    ...pod, seconds: pod.seconds * part, cpuCoreSeconds: of(pod.cpuCoreSeconds), memoryGiBSeconds: of(pod.memoryGiBSeconds),
    ...(pod.otherSeconds === undefined ? {} : { otherSeconds: Object.fromEntries(Object.entries(pod.otherSeconds).map(([name, seconds]) => [name, seconds * part])) }),
    networkBytes: { received: pod.networkBytes.received * part, sent: pod.networkBytes.sent * part },
  };
}
