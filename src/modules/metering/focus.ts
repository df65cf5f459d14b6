/**
 * Charges in the columns of FOCUS 1.3 (FinOps Open Cost and Usage Specification): a row a resource, meter and period. A namespace is the sub account;
 * nothing is discounted, so billed, effective, contracted and list cost are one. Pure.
 */
import type { MeteredPod, UsageRecord } from '../../api/metering/usage-record.ts';
import type { PriceSheet } from '../../api/metering/price-sheet.ts';
import { rfc3339 } from '../../base/clock.ts';
import { monthOf, type Period } from './periods.ts';
import { chargeOfClaim, chargeOfRoute, chargesOfPod, tariffFor, type Charge, type Tariff } from './price.ts';
import { slicesIn, type Slice } from './slices.ts';

export const FOCUS_COLUMNS = [
  'AvailabilityZone', 'BilledCost', 'BillingAccountId', 'BillingAccountName', 'BillingAccountType', 'BillingCurrency', 'BillingPeriodEnd', 'BillingPeriodStart', 'CapacityReservationId', 'CapacityReservationStatus', 'ChargeCategory', 'ChargeClass',
  'ChargeDescription', 'ChargeFrequency', 'ChargePeriodEnd', 'ChargePeriodStart', 'CommitmentDiscountCategory', 'CommitmentDiscountId', 'CommitmentDiscountName', 'CommitmentDiscountQuantity', 'CommitmentDiscountStatus',
  'CommitmentDiscountType', 'CommitmentDiscountUnit', 'ConsumedQuantity', 'ConsumedUnit', 'ContractedCost', 'ContractedUnitPrice', 'EffectiveCost', 'HostProviderName', 'InvoiceId', 'InvoiceIssuerName', 'ListCost', 'ListUnitPrice', 'PricingCategory', 'PricingCurrency', 'PricingCurrencyContractedUnitPrice', 'PricingCurrencyEffectiveCost', 'PricingCurrencyListUnitPrice',
  'PricingQuantity', 'PricingUnit', 'ProviderName', 'PublisherName', 'RegionId', 'RegionName', 'ResourceId', 'ResourceName', 'ResourceType', 'ServiceCategory', 'ServiceName', 'ServiceProviderName', 'ServiceSubcategory', 'SkuId', 'SkuMeter', 'SkuPriceDetails',
  'SkuPriceId', 'SubAccountId', 'SubAccountName', 'SubAccountType', 'Tags',
] as const;

export type FocusRow = Record<(typeof FOCUS_COLUMNS)[number], string | number | null>;

/** Who sends the bill. */
export interface Issuer {
  /** The name of the cluster: the billing account. */
  cluster: string;
  /** Default llmos. */
  provider?: string;
}

export function focusRows(records: readonly UsageRecord[], sheets: readonly PriceSheet[], period: Period, issuer: Issuer): FocusRow[] {
  return slicesIn(records, period).flatMap((slice) => {
    const tariff = tariffFor(sheets, slice.namespace, slice.startMs);
    return [
      ...slice.pods.flatMap(({ pod }) => chargesOfPod(pod, tariff.prices).map((charge) => rowOf(charge, slice, tariff, issuer, podResource(slice.namespace, pod)))),
      ...slice.claims.map((claim) => rowOf(chargeOfClaim(claim, tariff.prices), slice, tariff, issuer, { id: `${slice.namespace}/${claim.name}`, name: claim.name, type: 'PersistentVolumeClaim', node: null, tags: claim.storageClassName === undefined ? {} : { storageClassName: claim.storageClassName } })),
      ...slice.routes.map((route) => rowOf(chargeOfRoute(route, tariff.prices), slice, tariff, issuer, { id: `${slice.namespace}/${route.kind}/${route.name}`, name: route.name, type: route.kind, node: null, tags: {} })),
    ];
  });
}

interface Resource { id: string; name: string; type: string; node: string | null; tags: Readonly<Record<string, string>> }

/** One pod, or a workload where the pods of a day are one row. */
function podResource(namespace: string, pod: MeteredPod): Resource {
  return { id: pod.uid ?? `${namespace}/${pod.owner ?? pod.name}`, name: pod.name, type: pod.uid === undefined && pod.owner !== undefined ? pod.owner.slice(0, pod.owner.indexOf('/')) : 'Pod', node: pod.node ?? null, tags: pod.labels ?? {} };
}

const SERVICES: Readonly<Record<string, readonly [category: string, subcategory: string, service: string]>> = {
  storage: ['Storage', 'File Storage', 'Persistent volumes'],
  'network-received': ['Networking', 'Other (Networking)', 'Pod network'], 'network-sent': ['Networking', 'Other (Networking)', 'Pod network'],
  requests: ['Networking', 'Application Networking', 'Routes'],
};

function rowOf(charge: Charge, slice: Slice, tariff: Tariff, issuer: Issuer, resource: Resource): FocusRow {
  const [category, subcategory, service] = SERVICES[charge.meter] ?? ['Compute', 'Containers', 'Pods'];
  const billing = monthOf(slice.startMs);
  const provider = issuer.provider ?? 'llmos';
  return {
    AvailabilityZone: null, BilledCost: charge.cost, BillingAccountId: issuer.cluster, BillingAccountName: issuer.cluster, BillingAccountType: 'Cluster', BillingCurrency: tariff.currency, BillingPeriodEnd: rfc3339(billing.endMs), BillingPeriodStart: rfc3339(billing.startMs),
    CapacityReservationId: null, CapacityReservationStatus: null, ChargeCategory: 'Usage', ChargeClass: null, ChargeDescription: `${charge.meter} of ${resource.type} ${slice.namespace}/${resource.name}`, ChargeFrequency: 'Usage-Based',
    ChargePeriodEnd: rfc3339(slice.endMs), ChargePeriodStart: rfc3339(slice.startMs), CommitmentDiscountCategory: null, CommitmentDiscountId: null, CommitmentDiscountName: null, CommitmentDiscountQuantity: null, CommitmentDiscountStatus: null,
    CommitmentDiscountType: null, CommitmentDiscountUnit: null, ConsumedQuantity: charge.consumed?.quantity ?? charge.quantity, ConsumedUnit: charge.consumed?.unit ?? charge.unit, ContractedCost: charge.cost, ContractedUnitPrice: charge.unitPrice, EffectiveCost: charge.cost, HostProviderName: provider, InvoiceId: null,
    InvoiceIssuerName: provider, ListCost: charge.cost, ListUnitPrice: charge.unitPrice, PricingCategory: 'Standard', PricingCurrency: tariff.currency, PricingCurrencyContractedUnitPrice: charge.unitPrice, PricingCurrencyEffectiveCost: charge.cost, PricingCurrencyListUnitPrice: charge.unitPrice, PricingQuantity: charge.quantity, PricingUnit: charge.unit, ProviderName: provider, PublisherName: provider,
    RegionId: issuer.cluster, RegionName: issuer.cluster, ResourceId: resource.id, ResourceName: resource.name, ResourceType: resource.type, ServiceCategory: category, ServiceName: service, ServiceProviderName: provider, ServiceSubcategory: subcategory,
    SkuId: charge.meter, SkuMeter: charge.meter, SkuPriceDetails: resource.node === null ? null : JSON.stringify({ x_Node: resource.node }), SkuPriceId: `${tariff.name}/${charge.meter}`, SubAccountId: slice.namespace, SubAccountName: slice.namespace, SubAccountType: 'Namespace',
    Tags: JSON.stringify(resource.tags),
  };
}
