/** The addresses of a Service and their families: what they must be like, and how they may change (upstream: ValidateServiceClusterIPsRelatedFields and its neighbours). */
import { duplicate, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { ServiceSpec } from '../generated/core-v1.ts';
import { ipErrors } from '../ip-validation.ts';
import { isIP } from '../ip.ts';

const FAMILIES = ['IPv4', 'IPv6'];
const FAMILY_POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const FIXED = 'may not change once set';
const [IPS, IP_FAMILIES, POLICY] = ['spec.clusterIPs', 'spec.ipFamilies', 'spec.ipFamilyPolicy'];

export function isHeadless({ clusterIPs }: ServiceSpec): boolean {
  return clusterIPs?.length === 1 && clusterIPs[0] === 'None';
}

/** `old`: what is kept, whatever it is like. */
export function addressErrors(spec: ServiceSpec, old?: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const errors = [...pairErrors(spec), ...familyErrors(spec)];
  const { clusterIPs = [], ipFamilies = [] } = spec;
  const malformed = eachErrors(clusterIPs, old?.clusterIPs);
  errors.push(...malformed);
  if (clusterIPs.length > 2) errors.push(invalid(IPS, clusterIPs, 'may only hold up to 2 values'));
  if (malformed.length > 0) return errors;
  if (clusterIPs.length > 1 && new Set(clusterIPs.map(isIP)).size < 2) errors.push(invalid(IPS, clusterIPs, 'may specify no more than one IP for each IP family'));
  if (!isHeadless(spec)) clusterIPs.forEach((ip, index) => {
    const family: string | undefined = ipFamilies[index];
    if (family !== undefined && FAMILIES.includes(family) && family !== `IPv${isIP(ip)}`) errors.push(invalid(`${IPS}[${index}]`, ip, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``));
  });
  return errors;
}

/** `clusterIP` is the first of `clusterIPs`. */
function pairErrors({ clusterIP = '', clusterIPs = [] }: ServiceSpec): FieldError[] {
  if (clusterIP === '') return clusterIPs.length > 0 ? [invalid(IPS, clusterIPs, 'must be empty when `clusterIP` is not specified')] : [];
  if (clusterIPs.length === 0) return [required(IPS)];
  return clusterIPs[0] === clusterIP ? [] : [invalid(IPS, clusterIPs, 'first value must match `clusterIP`')];
}

function familyErrors({ ipFamilies = [], ipFamilyPolicy }: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, family] of ipFamilies.entries()) {
    if (!FAMILIES.includes(family)) errors.push(notSupported(`${IP_FAMILIES}[${index}]`, family, FAMILIES));
    if (seen.has(family)) errors.push(duplicate(`${IP_FAMILIES}[${index}]`, family));
    seen.add(family);
  }
  if (ipFamilyPolicy !== undefined && !FAMILY_POLICIES.includes(ipFamilyPolicy)) errors.push(notSupported(POLICY, ipFamilyPolicy, FAMILY_POLICIES));
  return errors;
}

function eachErrors(clusterIPs: readonly string[], before: readonly string[] = []): FieldError[] {
  const kept = new Set(before);
  return clusterIPs.flatMap((ip, index) => {
    if (index > 0 || ip !== 'None') return ipErrors(`${IPS}[${index}]`, ip, kept);
    return clusterIPs.length > 1 ? [invalid(IPS, clusterIPs, "'None' must be the first and only value")] : [];
  });
}

/** The first address and the first family stay for the life of the Service, unless its type leaves or enters ExternalName; the second ones go when that is asked for. */
export function addressChangeErrors(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return [];
  const [before, now] = [isHeadless(old), isHeadless(spec)];
  return [...(before && now ? [] : clusterIPChanges(spec, old)), ...(before || now ? [] : familyChanges(spec, old))];
}

function clusterIPChanges({ clusterIPs = [], ipFamilyPolicy }: ServiceSpec, { clusterIPs: before = [] }: ServiceSpec): FieldError[] {
  if (clusterIPs.length === before.length) return clusterIPs.flatMap((ip, index) => (ip === before[index] ? [] : [invalid(`${IPS}[${index}]`, clusterIPs, FIXED)]));
  const errors: FieldError[] = [];
  if (clusterIPs.length === 0) errors.push(invalid(`${IPS}[0]`, clusterIPs, 'primary clusterIP can not be unset'));
  else if (before.length > 0 && clusterIPs[0] !== before[0]) errors.push(invalid(`${IPS}[0]`, clusterIPs, FIXED));
  if (before.length > 1 && clusterIPs.length === 1 && ipFamilyPolicy !== 'SingleStack') errors.push(invalid(POLICY, ipFamilyPolicy ?? null, "must be set to 'SingleStack' when releasing the secondary clusterIP"));
  return errors;
}

function familyChanges({ ipFamilies = [], ipFamilyPolicy }: ServiceSpec, { ipFamilies: before = [] }: ServiceSpec): FieldError[] {
  if (ipFamilies.length === before.length) return ipFamilies.flatMap((family, index) => (family === before[index] ? [] : [invalid(`${IP_FAMILIES}[0]`, ipFamilies, FIXED)]));
  const errors: FieldError[] = [];
  if (before.length > 0 && ipFamilies.length > 0 && ipFamilies[0] !== before[0]) errors.push(invalid(`${IP_FAMILIES}[0]`, ipFamilies, FIXED));
  if (before.length > 1 && ipFamilies.length === 1 && ipFamilyPolicy !== 'SingleStack') errors.push(invalid(POLICY, ipFamilyPolicy ?? null, "must be set to 'SingleStack' when releasing the secondary ipFamily"));
  return errors;
}
