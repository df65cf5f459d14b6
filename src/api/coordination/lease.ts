/** Lease (coordination.k8s.io/v1). */
import type { Lease as LeaseType } from '../generated/coordination-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, notSupported, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { labelKeyErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type Lease = LeaseType;

export const Lease: Kind<Lease> = defineKind<Lease>({
  group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', namespaced: true,
  schema: () => schemaOf('coordination.k8s.io', 'v1', 'Lease'),
  rules: { allowUnconditionalUpdate: false, generation: false, allowCreateOnUpdate: true, validate: leaseErrors },
  columns: [NAME, column('Holder', (lease) => lease.spec?.holderIdentity ?? ''), AGE],
});

function leaseErrors(lease: Lease): FieldError[] {
  const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder } = lease.spec ?? {};
  const errors: FieldError[] = [];
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) errors.push(invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0'));
  if (leaseTransitions !== undefined && leaseTransitions < 0) errors.push(invalid('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0'));
  if (strategy !== undefined) errors.push(...strategyErrors(strategy));
  if (preferredHolder && !strategy) errors.push(invalid('spec.preferredHolder', preferredHolder, 'may only be specified if `strategy` is defined'));
  return errors;
}

const STRATEGIES = ['OldestEmulationVersion'];

/** How the holder is chosen: a name that Kubernetes gives, or one with a domain. The path is upstream's. */
function strategyErrors(strategy: string): FieldError[] {
  const path = 'spec.strategy.strategy';
  if (!strategy.includes('/')) return STRATEGIES.includes(strategy) ? [] : [notSupported(path, strategy, STRATEGIES)];
  return labelKeyErrors(strategy).map((error) => invalid(path, strategy, error));
}
