/**
 * Which families a Service has (upstream: registry/core/service/storage/alloc.go, initIPFamilyFields; KEP-563). Fills in what the client left out, and
 * gives what it may not have, as an Invalid ApiError.
 */
import { addressErrors } from '../../api/core/service-addresses.ts';
import { pairAddresses } from '../../api/core/service-update.ts';
import { invalid, invalidObject, type FieldError } from '../../api/field-error.ts';
import type { ApiError } from '../../api/errors.ts';
import type { IPFamily, Service, ServiceSpec } from '../../api/generated/core-v1.ts';

export type FamilyName = 'IPv4' | 'IPv6';

const SERVICE = { group: '', kind: 'Service' };

export function refusal(service: Service, errors: readonly FieldError[]): ApiError {
  return invalidObject(SERVICE, service.metadata.name ?? '', errors);
}

/** `configured`: the families of this cluster, the default one first. Throws Invalid. */
export function settleFamilies(service: Service, spec: ServiceSpec, old: Service | undefined, configured: readonly FamilyName[]): void {
  if (old === undefined) pairAddresses(spec);
  if (keepsPreferred(spec, old?.spec)) return;
  const loose = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= old?.spec?.ipFamilyPolicy ?? (loose ? 'RequireDualStack' : 'SingleStack');
  const single = spec.ipFamilyPolicy === 'SingleStack';
  const errors = addressErrors(spec, old?.spec);
  const refuse = (): void => {
    if (errors.length > 0) throw refusal(service, errors);
  };
  refuse();
  if (old?.spec !== undefined) errors.push(...reduce(spec, old.spec, single));
  if (single && (spec.clusterIPs?.length ?? 0) > 1) errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified"));
  if (single && (spec.ipFamilies?.length ?? 0) > 1) errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"));
  errors.push(...inferFamilies(spec, configured));
  refuse();
  const families = (spec.ipFamilies ?? []) as readonly string[] as FamilyName[];
  if (loose) {
    const all = families.length === 0 ? [configured[0] as FamilyName] : families;
    spec.ipFamilies = (single || all.length > 1 ? all : [...all, otherOf(all[0])]) as readonly string[] as IPFamily[];
    if (spec.clusterIPs === undefined || spec.clusterIPs.length === 0) spec.clusterIPs = ['None'];
    return;
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && configured.length < 2) errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'));
  families.forEach((family, index) => {
    if (!configured.includes(family)) errors.push(invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
  });
  refuse();
  const all = families.length === 0 ? [configured[0] as FamilyName] : families;
  spec.ipFamilies = (!single && all.length === 1 && configured.length > 1 ? [...all, otherOf(all[0])] : all) as readonly string[] as IPFamily[];
}

/** A Service that prefers two families keeps what it has while the cluster changes under it. */
function keepsPreferred(spec: ServiceSpec, old: ServiceSpec | undefined): boolean {
  return old !== undefined && old.type === spec.type && spec.ipFamilyPolicy === 'PreferDualStack' && old.ipFamilyPolicy === 'PreferDualStack' && same(spec.clusterIPs, old.clusterIPs) && same(spec.ipFamilies, old.ipFamilies) && (spec.ipFamilies ?? []).length > 0;
}

/** Who asks for one family alone gives the second one back; otherwise it must be said. */
function reduce(spec: ServiceSpec, old: ServiceSpec, single: boolean): FieldError[] {
  if (single) {
    if (same(spec.clusterIPs, old.clusterIPs) && (spec.clusterIPs?.length ?? 0) > 1) spec.clusterIPs = spec.clusterIPs!.slice(0, 1);
    if (same(spec.ipFamilies, old.ipFamilies) && (spec.ipFamilies?.length ?? 0) > 1) spec.ipFamilies = spec.ipFamilies!.slice(0, 1);
    return [];
  }
  const fewer = (now: readonly string[] = [], before: readonly string[] = []): boolean => now.length > 0 && now.length < before.length;
  const errors: FieldError[] = [];
  if (fewer(spec.clusterIPs, old.clusterIPs)) errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP"));
  if (fewer(spec.ipFamilies as readonly string[] | undefined, old.ipFamilies as readonly string[] | undefined)) errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family"));
  return errors;
}

/** The families of addresses that are asked for, where they are not said. */
function inferFamilies(spec: ServiceSpec, configured: readonly FamilyName[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, address] of (spec.clusterIPs ?? []).entries()) {
    if (address === 'None') break;
    const family: FamilyName = address.includes(':') ? 'IPv6' : 'IPv4';
    if (address === '' || index < (spec.ipFamilies?.length ?? 0)) continue;
    if (configured.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family as IPFamily];
    else errors.push(invalid(`spec.clusterIPs[${index}]`, spec.clusterIPs, `${family} is not configured on this cluster`));
  }
  return errors;
}

function otherOf(family: FamilyName | undefined): FamilyName {
  return family === 'IPv4' ? 'IPv6' : 'IPv4';
}

function same(a: readonly unknown[] | undefined, b: readonly unknown[] | undefined): boolean {
  return (a?.length ?? 0) === (b?.length ?? 0) && (a ?? []).every((each, index) => each === b?.[index]);
}
