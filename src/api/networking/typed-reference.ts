/** What an object by whose group, kind and name another one is found must be like (networking validation of upstream, validateIngressTypedLocalObjectReference). */
import { invalid, required, type FieldError } from '../field-error.ts';
import { dns1123SubdomainErrors, pathSegmentErrors } from '../names.ts';

export function referenceErrors(reference: { apiGroup?: string; kind?: string; name?: string }, path: string): FieldError[] {
  const { apiGroup } = reference;
  const named = (field: 'kind' | 'name'): FieldError[] => {
    const text = reference[field];
    return text ? pathSegmentErrors(text).map((error) => invalid(`${path}.${field}`, text, error)) : [required(`${path}.${field}`, `${field} is required`)];
  };
  return [...(apiGroup === undefined ? [] : dns1123SubdomainErrors(apiGroup).map((error) => invalid(`${path}.apiGroup`, apiGroup, error))), ...named('kind'), ...named('name')];
}
