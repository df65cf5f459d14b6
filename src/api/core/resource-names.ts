/** The names of what can be asked for and bounded (core/v1 validation of upstream). */
import { invalid, type FieldError } from '../field-error.ts';
import { labelKeyErrors } from '../names.ts';

/** What has no prefix that says whose it is. */
const STANDARD = new Set([
  'cpu', 'memory', 'ephemeral-storage', 'storage', 'requests.cpu', 'requests.memory', 'requests.ephemeral-storage', 'requests.storage', 'limits.cpu', 'limits.memory', 'limits.ephemeral-storage',
  'pods', 'services', 'replicationcontrollers', 'resourcequotas', 'secrets', 'configmaps', 'persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers',
]);
const OF_CONTAINERS = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** A qualified name, or a word that everyone knows. */
export function resourceNameErrors(name: string, path: string): FieldError[] {
  const errors = labelKeyErrors(name).map((error) => invalid(path, name, error));
  if (errors.length > 0) return errors;
  return name.includes('/') || STANDARD.has(name) || isHugePages(name) ? [] : [invalid(path, name, 'must be a standard resource type or fully qualified')];
}

/** Of what a container can use. */
export function containerResourceNameErrors(name: string, path: string): FieldError[] {
  const errors = resourceNameErrors(name, path);
  return name.includes('/') || OF_CONTAINERS.has(name) || isHugePages(name) ? errors : [...errors, invalid(path, name, 'must be a standard resource for containers')];
}

/** Whether more of it may be promised than there is: not of devices and huge pages. */
export function mayOvercommit(name: string): boolean {
  return !isHugePages(name) && (!name.includes('/') || /(^|\.)kubernetes\.io\//.test(name));
}

function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');
}
