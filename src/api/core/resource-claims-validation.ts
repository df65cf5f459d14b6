/** The rules of the claims that a pod names, and of those that its containers use (core/v1 PodResourceClaim, ResourceClaim). */
import type { Container, EphemeralContainer, PodSpec } from '../generated/core-v1.ts';
import { duplicate, invalid, notFoundField, required, type FieldError } from '../field-error.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../names.ts';

export function resourceClaimErrors({ resourceClaims = [], containers = [], initContainers = [] }: PodSpec, path: string): FieldError[] {
  const names = new Set<string>();
  const errors = resourceClaims.flatMap(({ name = '', resourceClaimName, resourceClaimTemplateName }, index) => {
    const at = `${path}.resourceClaims[${index}]`;
    const found = name === '' ? [required(`${at}.name`)] : dns1123LabelErrors(name).map((error) => invalid(`${at}.name`, name, error));
    if (names.has(name)) found.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) found.push(invalid(at, '<value omitted>', 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'));
    if ((resourceClaimName ?? resourceClaimTemplateName) === undefined) found.push(invalid(at, '<value omitted>', 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
    for (const [field, value] of Object.entries({ resourceClaimName, resourceClaimTemplateName })) if (value !== undefined) found.push(...dns1123SubdomainErrors(value).map((error) => invalid(`${at}.${field}`, value, error)));
    return found;
  });
  const used = (list: readonly (Container | EphemeralContainer)[], field: string): FieldError[] => list.flatMap((container, index) => useErrors(container, `${path}.${field}[${index}].resources.claims`, names));
  return [...errors, ...used(initContainers, 'initContainers'), ...used(containers, 'containers')];
}

function useErrors({ resources }: Container | EphemeralContainer, path: string, names: ReadonlySet<string>): FieldError[] {
  const seen = new Set<string>();
  return (resources?.claims ?? []).flatMap(({ name, request = '' }, index) => {
    const found: FieldError[] = [];
    if (!name) found.push(required(`${path}[${index}]`));
    else if (!names.has(name)) found.push(notFoundField(`${path}[${index}]`, name));
    if (seen.has(`${name} ${request}`) || (request !== '' && seen.has(`${name} `))) found.push(duplicate(`${path}[${index}]`, request === '' ? name : `${name}/${request}`));
    seen.add(`${name} ${request}`);
    return found;
  });
}
