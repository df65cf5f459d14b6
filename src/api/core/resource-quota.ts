/** ResourceQuota (core/v1): how much a namespace may hold in all. */
import type { ResourceQuota as ResourceQuotaType } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, notSupported, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { compareQuantities, formatQuantity, parseQuantity } from '../quantity.ts';
import { schemaOf } from '../schema/facts.ts';

export type ResourceQuota = ResourceQuotaType;

export const ResourceQuota: Kind<ResourceQuota> = defineKind<ResourceQuota>({
  group: '', version: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', namespaced: true, shortNames: ['quota'],
  schema: () => schemaOf('', 'v1', 'ResourceQuota'),
  rules: {
    generation: false,
    prepareForCreate(quota) {
      delete quota.status;
    },
    validate: quotaErrors,
    validateStatus: ({ status }) => [...amountErrors(status?.hard, 'status.hard'), ...amountErrors(status?.used, 'status.used')],
  },
  subresources: { status: true },
  columns: [NAME, column('Request', (quota) => shown(quota, (name) => !name.startsWith('limits.'))), column('Limit', (quota) => shown(quota, (name) => name.startsWith('limits.'))), AGE],
});

const SCOPES = ['BestEffort', 'CrossNamespacePodAffinity', 'NotBestEffort', 'NotTerminating', 'PriorityClass', 'Terminating', 'VolumeAttributesClass'];
/** Two that no pod has both. */
const OPPOSITES: readonly [string, string][] = [['BestEffort', 'NotBestEffort'], ['Terminating', 'NotTerminating']];
/** Resources that are counted without a prefix; others need one, such as `count/jobs.batch`. */
const PLAIN = new Set([
  'pods', 'services', 'replicationcontrollers', 'resourcequotas', 'secrets', 'configmaps', 'persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers',
  'cpu', 'memory', 'storage', 'ephemeral-storage',
]);
const POD_RESOURCES = new Set(['pods', 'cpu', 'memory', 'ephemeral-storage', 'requests.cpu', 'requests.memory', 'requests.ephemeral-storage', 'limits.cpu', 'limits.memory', 'limits.ephemeral-storage']);

function quotaErrors({ spec = {} }: ResourceQuota, old: ResourceQuota | undefined): FieldError[] {
  const errors = amountErrors(spec.hard, 'spec.hard');
  const scopes = new Set([...(spec.scopes ?? []), ...(spec.scopeSelector?.matchExpressions ?? []).map(({ scopeName }) => scopeName)]);
  for (const scope of scopes) if (!SCOPES.includes(scope)) errors.push(notSupported('spec.scopes', scope, SCOPES));
  for (const [one, other] of OPPOSITES) if (scopes.has(one as never) && scopes.has(other as never)) errors.push(invalid('spec.scopes', spec.scopes, 'conflicting scopes'));
  const takesAny = !scopes.has('BestEffort');
  for (const name of scopes.size === 0 ? [] : Object.keys(spec.hard ?? {})) {
    const counts = takesAny ? POD_RESOURCES.has(name) || name.includes('/') || name.startsWith('requests.') || name.startsWith('limits.') : name === 'pods' || name === 'count/pods';
    if (!counts) errors.push(invalid('spec.scopes', spec.scopes, `unsupported scope applied to resource`));
  }
  if (old !== undefined && !equalJson([...(old.spec?.scopes ?? [])].sort(), [...(spec.scopes ?? [])].sort())) errors.push(invalid('spec.scopes', spec.scopes, 'field is immutable'));
  return errors;
}

function amountErrors(amounts: Record<string, string> | undefined, path: string): FieldError[] {
  return Object.entries(amounts ?? {}).flatMap(([name, amount]) => {
    const at = `${path}[${name}]`;
    if (!PLAIN.has(name) && !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(\/|\.)[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?(\/[-A-Za-z0-9_.]+)?$/.test(name)) return [invalid(at, name, 'must be a standard resource for quota')];
    if (compareQuantities(amount, 0) < 0) return [invalid(at, formatQuantity(amount), 'must be greater than or equal to 0')];
    return isCount(name) && parseQuantity(amount).nano % 1_000_000_000n !== 0n ? [invalid(at, formatQuantity(amount), 'must be an integer')] : [];
  });
}

function isCount(name: string): boolean {
  return name.startsWith('count/') || (PLAIN.has(name) && !['cpu', 'memory', 'storage', 'ephemeral-storage'].includes(name));
}

/** `pods: 1/5, services: 0/2`. */
function shown({ status }: ResourceQuota, wanted: (name: string) => boolean): string {
  const names = Object.keys(status?.hard ?? {}).filter(wanted).sort();
  return names.map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name]}`).join(', ');
}
