/** ResourceClaim and ResourceClaimTemplate (resource.k8s.io/v1): devices that pods ask for, and what they were given. */
import type { DeviceClaim, ResourceClaim as ClaimType, ResourceClaimTemplate as TemplateType } from '../generated/resource-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { claimSpecErrors, claimStatusErrors } from './claim-validation.ts';

export const RESOURCE = 'resource.k8s.io';

export type ResourceClaim = ClaimType;
export type ResourceClaimTemplate = TemplateType;

export const ResourceClaim: Kind<ResourceClaim> = defineKind<ResourceClaim>({
  group: RESOURCE, version: 'v1', kind: 'ResourceClaim', plural: 'resourceclaims', namespaced: true,
  schema: () => schemaOf(RESOURCE, 'v1', 'ResourceClaim'),
  rules: {
    statusKeeps: 'metadata',
    generation: false,
    defaults(claim) {
      claim.spec ??= {};
      requestDefaults(claim.spec.devices);
    },
    prepareForCreate(claim) {
      claim.status = {};
    },
    validate: (claim, old) => specErrors(claim.spec, old?.spec, (spec) => claimSpecErrors(spec ?? {}, 'spec')),
    validateStatus: claimStatusErrors,
  },
  subresources: { status: true },
  columns: [NAME, column('State', stateOf), AGE],
});

export const ResourceClaimTemplate: Kind<ResourceClaimTemplate> = defineKind<ResourceClaimTemplate>({
  group: RESOURCE, version: 'v1', kind: 'ResourceClaimTemplate', plural: 'resourceclaimtemplates', namespaced: true,
  schema: () => schemaOf(RESOURCE, 'v1', 'ResourceClaimTemplate'),
  rules: {
    generation: false,
    defaults(template) {
      template.spec ??= { spec: {} };
      template.spec.spec ??= {};
      requestDefaults(template.spec.spec.devices);
    },
    validate: (template, old) => specErrors(template.spec, old?.spec, (spec) => claimSpecErrors(spec?.spec ?? {}, 'spec.spec')),
  },
  columns: [NAME, AGE],
});

/** One device where nothing else is said. */
function requestDefaults(devices: DeviceClaim | undefined): void {
  for (const { exactly, firstAvailable = [] } of devices?.requests ?? []) {
    for (const asked of [...(exactly === undefined ? [] : [exactly]), ...firstAvailable]) {
      asked.allocationMode ??= 'ExactCount';
      if (asked.allocationMode === 'ExactCount') asked.count ??= 1;
      for (const toleration of asked.tolerations ?? []) toleration.operator ??= 'Equal';
    }
  }
}

function specErrors<T>(spec: T, old: T | undefined, errorsOf: (spec: T) => FieldError[]): FieldError[] {
  if (old === undefined) return errorsOf(spec);
  return equalJson(spec, old) ? [] : [invalid('spec', '<value omitted>', 'field is immutable')];
}

/** As kubectl shows it: `pending`, `allocated`, `allocated,reserved`, with `deleted` before. */
function stateOf({ metadata, status }: ResourceClaim): string {
  const states = metadata.deletionTimestamp === undefined ? [] : ['deleted'];
  if (status?.allocation !== undefined) states.push('allocated');
  else if (states.length === 0) states.push('pending');
  if ((status?.reservedFor ?? []).length > 0) states.push('reserved');
  return states.join(',');
}
