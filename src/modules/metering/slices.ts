/** The part of records that lies in a period. Of a record that lies partly in it, as much as in proportion to time. Pure. */
import type { MeteredAmount, MeteredClaim, MeteredPod, MeteredRoute, UsageRecord } from '../../api/metering/usage-record.ts';
import { partsOf, type ContainerPart } from './containers.ts';
import type { Filter } from './filter.ts';
import { overlapMs, type Period } from './periods.ts';
import { meteredPeriod } from './record.ts';
import type { Subject } from './subject.ts';

export interface Slice extends Period {
  namespace: string;
  /** Of what claims and routes are, and all pods beside what they are themselves. */
  about: Subject;
  pods: readonly ContainerPart[];
  claims: readonly MeteredClaim[];
  routes: readonly MeteredRoute[];
}

/** `byContainer`: pods as their containers. */
export function slicesIn(records: readonly UsageRecord[], period: Period, { byContainer = false } = {}): Slice[] {
  return records.flatMap((record) => {
    const whole = meteredPeriod(record);
    const lengthMs = overlapMs(whole, period);
    if (lengthMs === 0) return [];
    const part = lengthMs / (whole.endMs - whole.startMs);
    const pods = (record.pods ?? []).map((pod) => (part === 1 ? pod : partOf(pod, part)));
    return [apportioned({
      namespace: record.namespace, about: { namespace: record.namespace, ...(record.namespaceLabels !== undefined && { namespaceLabels: record.namespaceLabels }) }, startMs: Math.max(whole.startMs, period.startMs), endMs: Math.min(whole.endMs, period.endMs),
      pods: byContainer ? pods.flatMap(partsOf) : pods.map((pod) => ({ pod })), claims: (record.claims ?? []).map((claim) => ({ ...claim, gibSeconds: claim.gibSeconds * part })),
      routes: (record.routes ?? []).map((route) => ({ ...route, requests: route.requests * part })),
    })];
  });
}

/**
 * A request counts once: where it is known which pod answered it, as that pod's; the routes keep the rest. Pods may also answer for routes of other namespaces, where these are charged.
 */
function apportioned(slice: Slice): Slice {
  const asked = slice.routes.reduce((sum, { requests }) => sum + requests, 0);
  const answered = slice.pods.reduce((sum, { pod: { requests = 0 } }) => sum + requests, 0);
  if (answered === 0) return slice;
  const [ofPods, ofRoutes] = [Math.min(1, asked / answered), asked === 0 ? 0 : Math.max(0, asked - answered) / asked];
  return { ...slice, pods: slice.pods.map((each) => (each.pod.requests === undefined ? each : { ...each, pod: { ...each.pod, requests: each.pod.requests * ofPods } })), routes: slice.routes.map((route) => ({ ...route, requests: route.requests * ofRoutes })) };
}

/** What of the slice is asked for. */
export function filtered(slice: Slice, filter: Filter): Slice {
  const others = filter(slice.about);
  return { ...slice, pods: slice.pods.filter((part) => filter({ ...slice.about, ...part })), claims: others ? slice.claims : [], routes: others ? slice.routes : [] };
}

function partOf(pod: MeteredPod, part: number): MeteredPod {
  const of = ({ requested, used, charged }: MeteredAmount): MeteredAmount => ({ requested: requested * part, used: used * part, charged: charged * part });
  return {
    ...pod, seconds: pod.seconds * part, cpuCoreSeconds: of(pod.cpuCoreSeconds), memoryGiBSeconds: of(pod.memoryGiBSeconds),
    ...(pod.otherSeconds === undefined ? {} : { otherSeconds: Object.fromEntries(Object.entries(pod.otherSeconds).map(([name, seconds]) => [name, seconds * part])) }),
    networkBytes: { received: pod.networkBytes.received * part, sent: pod.networkBytes.sent * part }, ...(pod.requests !== undefined && { requests: pod.requests * part }),
  };
}
