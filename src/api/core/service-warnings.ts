/** What of a Service is let through, and told in Warning headers, in upstream's words (pkg/api/service/warnings.go). */
import type { Service } from '../generated/core-v1.ts';
import { cidrWarnings, ipWarnings } from '../ip-validation.ts';
import { isIP } from '../ip.ts';
import { OLD_HINTS, TOPOLOGY_MODE } from './service-validation.ts';

export function serviceWarnings({ metadata, spec = {} }: Service): string[] {
  const { clusterIP, clusterIPs = [], externalIPs = [], loadBalancerIP, type } = spec;
  const [headless, external] = [type === 'ClusterIP' && clusterIP === 'None', type === 'ExternalName'];
  const warnings = metadata.annotations?.[OLD_HINTS] === undefined ? [] : [`annotation ${OLD_HINTS} is deprecated, please use ${TOPOLOGY_MODE} instead`];
  clusterIPs.forEach((ip, index) => warnings.push(...ipWarnings(`spec.clusterIPs[${index}]`, ip)));
  if (headless) {
    if (loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored for headless services');
    if (externalIPs.length > 0) warnings.push('spec.externalIPs is ignored for headless services');
    if (spec.sessionAffinity !== undefined && spec.sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  externalIPs.forEach((ip, index) => warnings.push(...ipWarnings(`spec.externalIPs[${index}]`, ip)));
  if (externalIPs.length > 0 && !headless && !external) warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters');
  if (loadBalancerIP && isIP(loadBalancerIP)) warnings.push(...ipWarnings('spec.loadBalancerIP', loadBalancerIP));
  spec.loadBalancerSourceRanges?.forEach((range, index) => warnings.push(...cidrWarnings(`spec.loadBalancerSourceRanges[${index}]`, range)));
  if (external && externalIPs.length > 0) warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (!external && spec.externalName) warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === 'PreferClose') warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}
