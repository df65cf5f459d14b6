/** The rules of node selectors (core/v1 NodeSelector), wherever they stand. */
import type { NodeSelector, NodeSelectorTerm } from '../generated/core-v1.ts';
import { forbidden, invalid, required, type FieldError } from '../field-error.ts';
import { dns1123SubdomainErrors, labelKeyErrors } from '../names.ts';

export function nodeSelectorErrors({ nodeSelectorTerms: terms = [] }: Partial<NodeSelector>, path: string): FieldError[] {
  const at = `${path}.nodeSelectorTerms`;
  if (terms.length === 0) return [required(at, 'must have at least one node selector term')];
  return terms.flatMap((term, index) => nodeTermErrors(term, `${at}[${index}]`));
}

export function nodeTermErrors(term: NodeSelectorTerm, path: string): FieldError[] {
  return [...expressionErrors(term, path), ...fieldErrors(term, path)];
}

/** The only field there is: `metadata.name`. */
function fieldErrors({ matchFields = [] }: NodeSelectorTerm, path: string): FieldError[] {
  return matchFields.flatMap(({ key, operator, values = [] }, index) => {
    const at = `${path}.matchFields[${index}]`;
    const errors: FieldError[] = [];
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length !== 1) errors.push(required(`${at}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"));
    } else errors.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    if (key !== 'metadata.name') return [...errors, invalid(`${at}.key`, key, 'not a valid field selector key')];
    return [...errors, ...values.flatMap((name, place) => dns1123SubdomainErrors(name).map((error) => invalid(`${at}.values[${place}]`, name, error)))];
  });
}

function expressionErrors(term: NodeSelectorTerm, path: string): FieldError[] {
  return (term.matchExpressions ?? []).flatMap(({ key = '', operator, values = [] }, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    const errors = labelKeyErrors(key).map((error) => invalid(`${at}.key`, key, error));
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else if (operator === 'Gt' || operator === 'Lt') {
      if (values.length !== 1) errors.push(required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
    } else errors.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    return errors;
  });
}
