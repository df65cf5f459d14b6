/** Where a Service or an Ingress is reached from outside, as its status says (core/v1 validation, ValidateLoadBalancerStatus). */
import { forbidden, invalid, notSupported, type FieldError } from '../field-error.ts';
import { ipErrors } from '../ip-validation.ts';
import { isIP } from '../ip.ts';
import { dns1123SubdomainErrors } from '../names.ts';

interface Point { ip?: string; hostname?: string; ipMode?: string }

const MODES = ['Proxy', 'VIP'];

interface Status { loadBalancer?: { ingress?: readonly Point[] } }

export function loadBalancerErrors(status: Status | undefined, old?: Status): FieldError[] {
  const kept = new Set((old?.loadBalancer?.ingress ?? []).map(({ ip }) => ip));
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname, ipMode }, index) => {
    const path = `status.loadBalancer.ingress[${index}]`;
    const errors = ip ? ipErrors(`${path}.ip`, ip, kept) : [];
    if (ipMode !== undefined && !ip) errors.push(forbidden(`${path}.ipMode`, 'may not be specified when `ip` is not set'));
    else if (ipMode !== undefined && !MODES.includes(ipMode)) errors.push(notSupported(`${path}.ipMode`, ipMode, MODES));
    if (hostname) for (const error of dns1123SubdomainErrors(hostname)) errors.push(invalid(`${path}.hostname`, hostname, error));
    if (hostname && isIP(hostname)) errors.push(invalid(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address'));
    return errors;
  });
}
