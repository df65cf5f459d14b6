/** PriorityClass (scheduling.k8s.io/v1). */
import type { PriorityClass as PriorityClassType } from '../generated/scheduling-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, invalid, notSupported, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';

export type PriorityClass = PriorityClassType;

const HIGHEST_USER_PRIORITY = 1_000_000_000;
/** The values of the classes that upstream makes by itself. */
export const SYSTEM_PRIORITIES: Readonly<Record<string, number>> = { 'system-node-critical': 2_000_001_000, 'system-cluster-critical': 2_000_000_000 };
const POLICIES = ['Never', 'PreemptLowerPriority'];

export const PriorityClass: Kind<PriorityClass> = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io', version: 'v1', kind: 'PriorityClass', plural: 'priorityclasses', namespaced: false,
  shortNames: ['pc'],
  schema: () => schemaOf('scheduling.k8s.io', 'v1', 'PriorityClass'),
  rules: {
    defaults(priority) {
      priority.value ??= 0;
      priority.preemptionPolicy ??= 'PreemptLowerPriority';
    },
    validate: priorityErrors,
  },
  columns: [
    NAME,
    column('Value', (priority) => priority.value ?? 0, { type: 'integer' }),
    column('Global-Default', (priority) => priority.globalDefault ?? false, { type: 'boolean' }),
    AGE,
    column('PreemptionPolicy', (priority) => priority.preemptionPolicy ?? ''),
  ],
});

function priorityErrors(priority: PriorityClass, old: PriorityClass | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const name = priority.metadata.name ?? '';
  const value = priority.value ?? 0;
  if (old !== undefined && (old.value ?? 0) !== value) errors.push(forbidden('value', 'may not be changed in an update.'));
  if (old !== undefined && old.preemptionPolicy !== priority.preemptionPolicy) errors.push(invalid('preemptionPolicy', priority.preemptionPolicy, 'field is immutable'));
  if (name.startsWith('system-')) {
    if (SYSTEM_PRIORITIES[name] !== value) errors.push(forbidden('metadata.name', "priority class names with 'system-' prefix are reserved for system use only. error: ".concat(SYSTEM_PRIORITIES[name] === undefined ? `${name} is not a known system priority class` : `value of ${name} PriorityClass must be ${SYSTEM_PRIORITIES[name]}`)));
  } else if (value > HIGHEST_USER_PRIORITY) errors.push(forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`));
  if (priority.preemptionPolicy !== undefined && !POLICIES.includes(priority.preemptionPolicy)) errors.push(notSupported('preemptionPolicy', priority.preemptionPolicy, POLICIES));
  return errors;
}
