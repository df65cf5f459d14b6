/** Makes one record of a day of the records of its hours: pods of one workload on one node with the same labels become one row. Pure. */
import type { MeteredClaim, MeteredContainer, MeteredPod, MeteredRoute, UsageRecord } from '../../api/metering/usage-record.ts';
import { rfc3339 } from '../../base/clock.ts';
import { addAmounts, noAmount } from './amounts.ts';
import { rowOf } from './container-amounts.ts';
import type { Period } from './periods.ts';
import { recordOf } from './record.ts';

export function rollUp(hours: readonly UsageRecord[], day: Period): UsageRecord {
  const pods = new Map<string, MeteredPod>();
  const uids = new Map<string, Set<string>>();
  const claims = new Map<string, MeteredClaim>();
  const routes = new Map<string, MeteredRoute>();
  for (const { pods: rows = [], claims: claimed = [], routes: asked = [] } of hours) {
    for (const route of asked) {
      const sum = routes.get(`${route.kind}/${route.name}`) ?? { ...route, requests: 0 };
      sum.requests += route.requests;
      routes.set(`${route.kind}/${route.name}`, sum);
    }
    for (const row of rows) addRow(pods, uids, row);
    for (const claim of claimed) {
      const sum = claims.get(claim.name) ?? { ...claim, gibSeconds: 0 };
      sum.gibSeconds += claim.gibSeconds;
      claims.set(claim.name, sum);
    }
  }
  for (const [key, row] of pods) row.pods = uids.get(key)!.size;
  const from = hours.find((hour) => hour.from !== undefined)?.from;
  const namespaceLabels = hours.findLast((hour) => hour.namespaceLabels !== undefined)?.namespaceLabels;
  return recordOf(hours[0]!.namespace, day, { ...(namespaceLabels !== undefined && { namespaceLabels }), ...(from !== undefined && { from }), through: rfc3339(day.endMs), pods: [...pods.values()], claims: [...claims.values()], ...(routes.size > 0 && { routes: [...routes.values()] }) });
}

function addRow(pods: Map<string, MeteredPod>, uids: Map<string, Set<string>>, row: MeteredPod): void {
  const name = row.owner?.slice(row.owner.indexOf('/') + 1) ?? row.name;
  const key = JSON.stringify([row.owner ?? row.name, row.node, ...[row.labels, row.annotations].map((texts = {}) => Object.entries(texts).sort(([left], [right]) => (left < right ? -1 : 1)))]);
  const { uid, requests: _requests, containers = [], services = [], claims = {}, ...rest } = row;
  const sum = pods.get(key) ?? { ...rest, name, seconds: 0, cpuCoreSeconds: noAmount(), memoryGiBSeconds: noAmount(), otherSeconds: {}, networkBytes: { received: 0, sent: 0 } };
  pods.set(key, sum);
  const seen = uids.get(key) ?? new Set();
  uids.set(key, seen.add(uid ?? row.name));
  sum.seconds += row.seconds;
  addAmounts(sum.cpuCoreSeconds, row.cpuCoreSeconds);
  addAmounts(sum.memoryGiBSeconds, row.memoryGiBSeconds);
  for (const [other, seconds] of Object.entries(row.otherSeconds ?? {})) sum.otherSeconds![other] = (sum.otherSeconds![other] ?? 0) + seconds;
  sum.networkBytes.received += row.networkBytes.received;
  sum.networkBytes.sent += row.networkBytes.sent;
  if (row.requests !== undefined) sum.requests = (sum.requests ?? 0) + row.requests;
  for (const [claim, gibSeconds] of Object.entries(claims)) (sum.claims ??= {})[claim] = (sum.claims?.[claim] ?? 0) + gibSeconds;
  for (const container of containers) addContainer(rowOf((sum.containers ??= []), container.name), container);
  if (services.length > 0) sum.services = [...new Set([...(sum.services ?? []), ...services])].sort();
}

function addContainer(sum: MeteredContainer, { cpuCoreSeconds, memoryGiBSeconds, otherSeconds = {} }: MeteredContainer): void {
  if (cpuCoreSeconds !== undefined) addAmounts((sum.cpuCoreSeconds ??= noAmount()), cpuCoreSeconds);
  if (memoryGiBSeconds !== undefined) addAmounts((sum.memoryGiBSeconds ??= noAmount()), memoryGiBSeconds);
  for (const [other, seconds] of Object.entries(otherSeconds)) (sum.otherSeconds ??= {})[other] = (sum.otherSeconds?.[other] ?? 0) + seconds;
}
