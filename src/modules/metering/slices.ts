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

/** `byContainer`: pods as their containers; `claimsOfPods`: what pods have of claims is theirs, and the claims have what is left. */
export function slicesIn(records: readonly UsageRecord[], period: Period, { byContainer = false, claimsOfPods = false } = {}): Slice[] {
  return records.flatMap((record) => {
    const whole = meteredPeriod(record);
    const lengthMs = overlapMs(whole, period);
    if (lengthMs === 0) return [];
    const part = lengthMs / (whole.endMs - whole.startMs);
    const rows = (record.pods ?? []).map((pod) => (part === 1 ? pod : partOf(pod, part)));
    const all = (record.claims ?? []).map((claim) => ({ ...claim, gibSeconds: claim.gibSeconds * part }));
    const { pods, claims } = claimsOfPods ? divided(rows, all) : { pods: rows.map((pod) => ({ pod })), claims: all };
    return [apportioned({
      namespace: record.namespace, about: { namespace: record.namespace, ...(record.namespaceLabels !== undefined && { namespaceLabels: record.namespaceLabels }) }, startMs: Math.max(whole.startMs, period.startMs), endMs: Math.min(whole.endMs, period.endMs),
      pods: byContainer ? pods.flatMap(partsOf) : pods, claims,
      routes: (record.routes ?? []).map((route) => ({ ...route, requests: route.requests * part })),
    })];
  });
}

/** Pods that were there one after the other between two looks may have had more than there is: then each has so much less. */
function divided(rows: readonly MeteredPod[], claims: readonly MeteredClaim[]): { pods: ContainerPart[]; claims: MeteredClaim[] } {
  const had = new Map<string, number>();
  for (const { claims: parts = {} } of rows) for (const [name, gibSeconds] of Object.entries(parts)) had.set(name, (had.get(name) ?? 0) + gibSeconds);
  const scaleOf = ({ name, gibSeconds }: MeteredClaim): number => Math.min(1, gibSeconds / (had.get(name) ?? Infinity));
  const byName = new Map(claims.map((claim) => [claim.name, claim]));
  const pods = rows.map((pod) => {
    const parts = Object.entries(pod.claims ?? {}).flatMap(([name, gibSeconds]) => {
      const claim = byName.get(name);
      return claim === undefined ? [] : [{ ...claim, gibSeconds: gibSeconds * scaleOf(claim) }];
    });
    return parts.length === 0 ? { pod } : { pod, claims: parts };
  });
  return { pods, claims: claims.map((claim) => ({ ...claim, gibSeconds: claim.gibSeconds - (had.get(claim.name) ?? 0) * scaleOf(claim) })).filter(({ gibSeconds }) => gibSeconds > 0) };
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
    ...(pod.claims === undefined ? {} : { claims: Object.fromEntries(Object.entries(pod.claims).map(([name, gibSeconds]) => [name, gibSeconds * part])) }),
    networkBytes: { received: pod.networkBytes.received * part, sent: pod.networkBytes.sent * part }, ...(pod.requests !== undefined && { requests: pod.requests * part }),
  };
}
