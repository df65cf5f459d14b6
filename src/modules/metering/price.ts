/** What things cost: a price sheet and amounts. Pure. */
import { DEFAULT_CURRENCY, DEFAULT_PRICES, type PriceSheet, type Prices } from '../../api/metering/price-sheet.ts';
import type { MeteredClaim, MeteredPod, MeteredRoute } from '../../api/metering/usage-record.ts';
import { GIB } from './amounts.ts';

export interface Tariff {
  /** Of the sheet; `default` where there is none. */
  name: string;
  currency: string;
  prices: Prices;
}

const NO_SHEET: Tariff = { name: 'default', currency: DEFAULT_CURRENCY, prices: DEFAULT_PRICES };

/** The sheet that holds for a namespace at a time: one that names it before one for all, then the one that began last, then by name. */
export function tariffFor(sheets: readonly PriceSheet[], namespace: string, atMs: number): Tariff {
  const begun = ({ spec }: PriceSheet): number => (spec.effectiveFrom === undefined ? -Infinity : Date.parse(spec.effectiveFrom));
  const names = ({ spec }: PriceSheet): number => ((spec.namespaces?.length ?? 0) > 0 ? 1 : 0);
  const [best] = sheets
    .filter((sheet) => begun(sheet) <= atMs && (names(sheet) === 0 || sheet.spec.namespaces!.includes(namespace)))
    .sort((left, right) => names(right) - names(left) || begun(right) - begun(left) || ((left.metadata.name ?? '') < (right.metadata.name ?? '') ? -1 : 1));
  return best === undefined ? NO_SHEET : { name: best.metadata.name ?? '', currency: best.spec.currency, prices: best.spec.prices };
}

/** One thing that is charged for. */
export interface Charge {
  /** `cpu`, `memory`, `storage`, `network-received`, `network-sent`, `requests`, or the name of an extended resource. */
  meter: string;
  quantity: number;
  unit: 'Core-Hours' | 'GiB-Hours' | 'GiB' | 'Unit-Hours' | '1000000 Requests';
  /** Where it is priced in other pieces than it is used. */
  consumed?: { quantity: number; unit: 'Requests' };
  unitPrice: number;
  cost: number;
}

/** What the pod had, as far as there was any. */
export function chargesOfPod(pod: MeteredPod, prices: Prices): Charge[] {
  const hours = (seconds: number): number => seconds / 3_600;
  return [
    charge('cpu', hours(pod.cpuCoreSeconds.charged), 'Core-Hours', prices.cpuCoreHour),
    charge('memory', hours(pod.memoryGiBSeconds.charged), 'GiB-Hours', prices.memoryGiBHour),
    ...Object.entries(pod.otherSeconds ?? {}).map(([name, seconds]) => charge(name, hours(seconds), 'Unit-Hours', prices.otherHours?.[name])),
    charge('network-received', pod.networkBytes.received / GIB, 'GiB', prices.networkReceivedGiB),
    charge('network-sent', pod.networkBytes.sent / GIB, 'GiB', prices.networkSentGiB),
    chargeOfRequests(pod.requests ?? 0, prices),
  ].filter(({ quantity }) => quantity > 0);
}

export function chargeOfClaim(claim: MeteredClaim, prices: Prices): Charge {
  return charge('storage', claim.gibSeconds / 3_600, 'GiB-Hours', prices.storageClasses?.[claim.storageClassName ?? ''] ?? prices.storageGiBHour);
}

export function chargeOfRoute(route: MeteredRoute, prices: Prices): Charge {
  return chargeOfRequests(route.requests, prices);
}

function chargeOfRequests(requests: number, prices: Prices): Charge {
  return { ...charge('requests', requests / 1e6, '1000000 Requests', prices.millionRequests), consumed: { quantity: requests, unit: 'Requests' } };
}

function charge(meter: string, quantity: number, unit: Charge['unit'], unitPrice = 0): Charge {
  return { meter, quantity, unit, unitPrice, cost: quantity * unitPrice };
}
