/** ResourceQuota (core/v1): how much a namespace may hold in all. */
import type { ResourceQuota as ResourceQuotaType, ScopedResourceSelectorRequirement } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { compareQuantities, formatQuantity, parseQuantity } from '../quantity.ts';
import { schemaOf } from '../schema/facts.ts';
import { resourceNameErrors } from './resource-names.ts';

export type ResourceQuota = ResourceQuotaType;

export const ResourceQuota: Kind<ResourceQuota> = defineKind<ResourceQuota>({
  group: '', version: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', namespaced: true, shortNames: ['quota'],
  schema: () => schemaOf('', 'v1', 'ResourceQuota'),
  rules: {
    generation: false,
    prepareForCreate(quota) {
      quota.status = {};
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
/** Those that a pod has or has not, by nothing that has values. */
const PLAIN_SCOPES = new Set(['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity']);
const POD_COMPUTE = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];
/** What may be bounded without a prefix that says whose it is; others need one, such as `count/jobs.batch`. */
const STANDARD = new Set([
  ...POD_COMPUTE, 'ephemeral-storage', 'requests.ephemeral-storage', 'limits.ephemeral-storage', 'requests.storage', 'pods', 'services', 'replicationcontrollers', 'resourcequotas',
  'secrets', 'configmaps', 'persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers',
]);
const COUNTS = new Set(['pods', 'services', 'replicationcontrollers', 'resourcequotas', 'secrets', 'configmaps', 'persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers']);

function isStandard(name: string): boolean {
  return STANDARD.has(name) || name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');
}

/** Whether quotas of this scope can bound the resource. */
function fits(scope: string, name: string): boolean {
  if (scope === 'BestEffort') return name === 'pods';
  if (scope === 'VolumeAttributesClass') return name === 'persistentvolumeclaims' || name === 'requests.storage';
  return !SCOPES.includes(scope) || name === 'pods' || POD_COMPUTE.includes(name);
}

function quotaErrors({ spec = {} }: ResourceQuota, old: ResourceQuota | undefined): FieldError[] {
  const { scopes = [], scopeSelector } = spec;
  const errors = [...amountErrors(spec.hard, 'spec.hard'), ...scopeErrors(scopes, spec, { at: 'spec.scopes', unsupportedAt: 'spec.scopes', value: scopes })];
  const expressions = scopeSelector?.matchExpressions ?? [];
  const at = 'spec.scopeSelector.matchExpressions';
  errors.push(...scopeErrors(expressions.map(({ scopeName }) => scopeName), spec, { at, unsupportedAt: `${at}.scopeName`, value: scopeSelector }));
  for (const expression of expressions) errors.push(...expressionErrors(expression, at));
  if (old !== undefined && !equalJson([...(old.spec?.scopes ?? [])].sort(), [...scopes].sort())) errors.push(invalid('spec.scopes', scopes, 'field is immutable'));
  return errors;
}

function scopeErrors(scopes: readonly string[], spec: NonNullable<ResourceQuota['spec']>, { at, unsupportedAt, value }: { at: string; unsupportedAt: string; value: unknown }): FieldError[] {
  const errors: FieldError[] = [];
  for (const scope of scopes) {
    if (!SCOPES.includes(scope)) errors.push(invalid(unsupportedAt, unsupportedAt === at ? value : scope, 'unsupported scope'));
    for (const name of Object.keys(spec.hard ?? {}).sort()) if (isStandard(name) && !fits(scope, name)) errors.push(invalid(at, value, 'unsupported scope applied to resource'));
  }
  for (const [one, other] of OPPOSITES) if (scopes.includes(one) && scopes.includes(other)) errors.push(invalid(at, spec.scopes ?? null, 'conflicting scopes'));
  return errors;
}

function expressionErrors({ scopeName, operator, values = [] }: ScopedResourceSelectorRequirement, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (PLAIN_SCOPES.has(scopeName) && operator !== 'Exists') {
    errors.push(invalid(`${at}.operator`, operator, "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"));
  }
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) errors.push(required(`${at}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) errors.push(invalid(`${at}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"));
  } else errors.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
  return errors;
}

function amountErrors(amounts: Record<string, string> | undefined, path: string): FieldError[] {
  return Object.entries(amounts ?? {}).flatMap(([name, amount]) => {
    const at = `${path}[${name}]`;
    const errors = resourceNameErrors(name, at);
    if (!name.includes('/') && !isStandard(name)) errors.push(invalid(at, name, 'must be a standard resource for quota'));
    if (compareQuantities(amount, 0) < 0) errors.push(invalid(at, formatQuantity(amount), 'must be greater than or equal to 0'));
    if (isCount(name) && parseQuantity(amount).nano % 1_000_000_000n !== 0n) errors.push(invalid(at, formatQuantity(amount), 'must be an integer'));
    return errors;
  });
}

function isCount(name: string): boolean {
  return name.startsWith('count/') || COUNTS.has(name);
}

/** `pods: 1/5, services: 0/2`. */
function shown({ status }: ResourceQuota, wanted: (name: string) => boolean): string {
  const names = Object.keys(status?.hard ?? {}).filter(wanted).sort();
  return names.map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name]}`).join(', ');
}
