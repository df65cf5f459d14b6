/** How much containers, pods and nodes may ask for or have of resources, in upstream's words (core/v1 validation, ValidateResourceRequirements). */
import type { ResourceRequirements } from '../generated/core-v1.ts';
import { forbidden, invalid, required, type FieldError } from '../field-error.ts';
import { compareQuantities, formatQuantity, isQuantity, parseQuantity, WRONG_FORMAT } from '../quantity.ts';
import { containerResourceNameErrors, mayOvercommit } from './resource-names.ts';

const NANO = 1_000_000_000n;

export function resourceErrors(resources: ResourceRequirements, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { limits = {}, requests = {} } = resources;
  for (const [name, quantity] of Object.entries(limits)) errors.push(...quantityErrors(name, quantity, `${path}.limits[${name}]`));
  for (const [name, quantity] of Object.entries(requests)) {
    const wrong = quantityErrors(name, quantity, `${path}.requests[${name}]`);
    errors.push(...wrong);
    const limit = limits[name];
    const overcommits = mayOvercommit(name);
    if (limit === undefined) {
      if (!overcommits) errors.push(required(`${path}.limits`, 'Limit must be set for non overcommitable resources'));
    } else if (wrong.length === 0 && isQuantity(limit)) {
      const order = compareQuantities(quantity, limit);
      if (order !== 0 && !overcommits) errors.push(invalid(`${path}.requests`, quantity, `must be equal to ${name} limit of ${limit}`));
      else if (order > 0) errors.push(invalid(`${path}.requests`, quantity, `must be less than or equal to ${name} limit of ${limit}`));
    }
  }
  const names = new Set([...Object.keys(limits), ...Object.keys(requests)]);
  if ([...names].some(isHugePages) && !names.has('cpu') && !names.has('memory')) errors.push(forbidden(path, 'HugePages require cpu or memory'));
  return errors;
}

function quantityErrors(name: string, quantity: string | number, path: string): FieldError[] {
  return [...containerResourceNameErrors(name, path), ...amountErrors(name, quantity, path)];
}

/** Of how much of a resource there is or may be, whatever its name. */
export function amountErrors(name: string, quantity: string | number, path: string): FieldError[] {
  if (!isQuantity(quantity)) return [invalid(path, quantity, WRONG_FORMAT)];
  return compareQuantities(quantity, 0) < 0 ? [invalid(path, quantity, 'must be greater than or equal to 0')] : wholeErrors(name, quantity, path);
}

/** Devices are whole, and pages of their size. */
function wholeErrors(name: string, quantity: string | number, path: string): FieldError[] {
  const { nano } = parseQuantity(quantity);
  if (!mayOvercommit(name) && !isHugePages(name) && nano % NANO !== 0n) return [invalid(path, formatQuantity(quantity), 'must be an integer')];
  const size = isHugePages(name) ? name.slice('hugepages-'.length) : undefined;
  if (!isQuantity(size) || compareQuantities(size, 0) <= 0 || nano % parseQuantity(size).nano === 0n) return [];
  return [invalid(path, formatQuantity(quantity), `${formatQuantity(quantity)} is not positive integer multiple of ${name}`)];
}

function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}
