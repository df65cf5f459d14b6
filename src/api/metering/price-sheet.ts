/** PriceSheet (metering.llmos.dev/v1alpha1): what an hour of a resource costs, for some namespaces or all, from some day on. */
import { AGE, column, NAME } from '../columns.ts';
import { withObjectMeta } from '../custom/custom-schema.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { float64 } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';

/** In the sheet's currency; what has no price is free. */
export interface Prices {
  cpuCoreHour?: number;
  memoryGiBHour?: number;
  storageGiBHour?: number;
  /** Per storage class, instead of `storageGiBHour`. */
  storageClasses?: Record<string, number>;
  networkReceivedGiB?: number;
  networkSentGiB?: number;
  /** A million requests by routes of Gateways and Ingresses. */
  millionRequests?: number;
  /** A piece of an extended resource for an hour, such as `nvidia.com/gpu`. */
  otherHours?: Record<string, number>;
}

export interface PriceSheet extends KubeObject {
  spec: {
    /** ISO 4217, for instance USD, EUR, CNY. */
    currency: string;
    /** Whom it is for; default everyone. A sheet that names the namespace goes before one that does not. */
    namespaces?: string[];
    /** RFC 3339; default always. Of several the latest that has begun holds. */
    effectiveFrom?: string;
    prices: Prices;
  };
}

/** OpenCost's default prices for clusters without a cloud's price list (its configs/default.json, after us-central1 of GCP; network: egress to the internet is not told from other). */
export const DEFAULT_PRICES: Readonly<Prices> = { cpuCoreHour: 0.031611, memoryGiBHour: 0.004237, storageGiBHour: 0.00005479452, otherHours: { 'nvidia.com/gpu': 0.95 } };
export const DEFAULT_CURRENCY = 'USD';

const price: Schema = { ...float64, minimum: 0 };
const prices: Schema = { type: 'object', additionalProperties: price };

function schema(): Schema {
  return {
    type: 'object', required: ['spec'],
    properties: {
      spec: {
        type: 'object', required: ['currency', 'prices'],
        properties: {
          currency: { type: 'string', pattern: '^[A-Z]{3}$' }, namespaces: { type: 'array', items: { type: 'string', maxLength: 63 }, maxItems: 1_000, xListType: 'set' }, effectiveFrom: { type: 'string', format: 'date-time' },
          prices: {
            type: 'object',
            properties: { cpuCoreHour: price, memoryGiBHour: price, storageGiBHour: price, storageClasses: prices, networkReceivedGiB: price, networkSentGiB: price, millionRequests: price, otherHours: prices },
          },
        },
      },
    },
  };
}

export const PriceSheet: Kind<PriceSheet> = defineKind<PriceSheet>({
  group: 'metering.llmos.dev', version: 'v1alpha1', kind: 'PriceSheet', plural: 'pricesheets', namespaced: false, schema: () => withObjectMeta(schema()),
  columns: [NAME, column('Currency', ({ spec }: Partial<PriceSheet>) => spec?.currency ?? ''), column('CPU Hour', ({ spec }: Partial<PriceSheet>) => spec?.prices?.cpuCoreHour ?? 0, { type: 'number' }), column('GiB Hour', ({ spec }: Partial<PriceSheet>) => spec?.prices?.memoryGiBHour ?? 0, { type: 'number' }), AGE],
});
