/** ServiceCIDR (networking.k8s.io/v1, and v1beta1): ranges of which Services get their addresses, one a family (KEP-1880). */
import type { ServiceCIDR as ServiceCIDRType } from '../generated/networking-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, required, tooMany, type FieldError } from '../field-error.ts';
import { cidrErrors } from '../ip-validation.ts';
import { canonicalCidr, rangeValue } from '../ip.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';

export type ServiceCIDR = ServiceCIDRType;

const GROUP = 'networking.k8s.io';
const MOST = 2;

export const ServiceCIDR: Kind<ServiceCIDR> = defineKind<ServiceCIDR>({
  group: GROUP, version: 'v1', storageVersion: 'v1', kind: 'ServiceCIDR', plural: 'servicecidrs', namespaced: false,
  schema: () => schemaOf(GROUP, 'v1', 'ServiceCIDR'),
  rules: {
    generation: false,
    prepareForCreate(range) {
      range.status = {};
    },
    validate: rangeErrors,
  },
  subresources: { status: true },
  columns: [NAME, column('CIDRs', ({ spec }) => (spec?.cidrs ?? []).join(',')), AGE],
});

export const ServiceCIDRV1Beta1: Kind<ServiceCIDR> = { ...ServiceCIDR, version: 'v1beta1', schema: () => schemaOf(GROUP, 'v1beta1', 'ServiceCIDR') };

export function isReady({ metadata, status }: ServiceCIDR): boolean {
  return metadata.deletionTimestamp === undefined && status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') === true;
}

function rangeErrors({ spec }: ServiceCIDR, old: ServiceCIDR | undefined): FieldError[] {
  const [cidrs, before] = [spec?.cidrs ?? [], old?.spec?.cidrs ?? []];
  const at = 'spec.cidrs';
  // The range of a second family may be added; nothing else changes.
  if (old !== undefined && !equalJson(cidrs, before) && !(before.length === 1 && cidrs.length === 2 && cidrs[0] === before[0])) return [invalid(at, cidrs, 'field is immutable')];
  if (cidrs.length === 0) return [required(at, 'at least one CIDR required')];
  if (cidrs.length > MOST) return [tooMany(at, cidrs.length, MOST)];
  if (cidrs.length === MOST && new Set(cidrs.map((each) => rangeValue(each)?.family)).size < MOST) return [invalid(at, spec, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64')];
  return cidrs.flatMap((each, index) => {
    const malformed = cidrErrors(`${at}[${index}]`, each);
    const right = canonicalCidr(each);
    return malformed.length > 0 || right === each ? malformed : [invalid(`${at}[${index}]`, each, `must be in canonical form ("${right}")`)];
  });
}
