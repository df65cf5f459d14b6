/** Bills and utilisation: lines of what each group had, used and costs in a period. Pure. */
import type { PriceSheet } from '../../api/metering/price-sheet.ts';
import type { UsageRecord } from '../../api/metering/usage-record.ts';
import { asksForContainers, groupingsOf, keyOf } from './grouping.ts';
import type { Period } from './periods.ts';
import { chargeOfClaim, chargeOfRoute, chargesOfPod, tariffFor, type Charge } from './price.ts';
import { slicesIn } from './slices.ts';

export interface StatementLine {
  name: string;
  currency: string;
  /** Charged. */
  cpuCoreHours: number;
  memoryGiBHours: number;
  storageGiBHours: number;
  networkGiB: number;
  /** By routes of Gateways and Ingresses. */
  requests: number;
  cost: number;
  /** Hours of a core, and GiB times hours: what was asked for, and what of it was used. */
  requested: { cpu: number; memory: number };
  used: { cpu: number; memory: number };
}

export interface Statement {
  /** As far as it was metered. */
  period: Period;
  /** The dearest first. */
  lines: StatementLine[];
}

/** One line a group and currency. Throws RangeError when there is no such grouping. */
export function statementOf(records: readonly UsageRecord[], sheets: readonly PriceSheet[], period: Period, by: string, cluster?: string): Statement {
  const groupings = groupingsOf(by, cluster);
  const lines = new Map<string, StatementLine>();
  const slices = slicesIn(records, period, { byContainer: asksForContainers(groupings), claimsOfPods: true });
  for (const slice of slices) {
    const { about } = slice;
    const { prices, currency } = tariffFor(sheets, slice.namespace, slice.startMs);
    const lineOf = (name: string): StatementLine => {
      const line = lines.get(`${currency} ${name}`) ?? { name, currency, cpuCoreHours: 0, memoryGiBHours: 0, storageGiBHours: 0, networkGiB: 0, requests: 0, cost: 0, requested: { cpu: 0, memory: 0 }, used: { cpu: 0, memory: 0 } };
      lines.set(`${currency} ${name}`, line);
      return line;
    };
    for (const part of slice.pods) {
      const { pod } = part;
      const line = lineOf(keyOf(groupings, { ...about, ...part }));
      for (const { meter, quantity, cost } of chargesOfPod(pod, prices)) {
        line.cost += cost;
        if (meter === 'cpu') line.cpuCoreHours += quantity;
        else if (meter === 'memory') line.memoryGiBHours += quantity;
        else if (meter.startsWith('network-')) line.networkGiB += quantity;
      }
      for (const claim of part.claims ?? []) addClaim(line, chargeOfClaim(claim, prices));
      line.requests += pod.requests ?? 0;
      for (const use of ['requested', 'used'] as const) {
        line[use].cpu += pod.cpuCoreSeconds[use] / 3_600;
        line[use].memory += pod.memoryGiBSeconds[use] / 3_600;
      }
    }
    for (const route of slice.routes) {
      const line = lineOf(keyOf(groupings, about));
      line.requests += route.requests;
      line.cost += chargeOfRoute(route, prices).cost;
    }
    for (const claim of slice.claims) addClaim(lineOf(keyOf(groupings, about)), chargeOfClaim(claim, prices));
  }
  const metered = slices.length === 0 ? period : { startMs: Math.min(...slices.map(({ startMs }) => startMs)), endMs: Math.max(...slices.map(({ endMs }) => endMs)) };
  return { period: metered, lines: [...lines.values()].sort((left, right) => right.cost - left.cost || (left.name < right.name ? -1 : 1)) };
}

function addClaim(line: StatementLine, { quantity, cost }: Charge): void {
  line.storageGiBHours += quantity;
  line.cost += cost;
}
