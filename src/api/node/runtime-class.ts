/** RuntimeClass (node.k8s.io/v1): by which runtime the containers of a pod run, and what that costs. */
import type { RuntimeClass as RuntimeClassType } from '../generated/node-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { resourceErrors } from '../core/resource-validation.ts';
import { tolerationErrors } from '../core/pod-validation.ts';
import { duplicate, invalid, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123LabelErrors, labelKeyErrors, labelValueErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type RuntimeClass = RuntimeClassType;

export const RuntimeClass: Kind<RuntimeClass> = defineKind<RuntimeClass>({
  group: 'node.k8s.io', version: 'v1', kind: 'RuntimeClass', plural: 'runtimeclasses', namespaced: false,
  schema: () => schemaOf('node.k8s.io', 'v1', 'RuntimeClass'),
  rules: { allowUnconditionalUpdate: false, generation: false, allowCreateOnUpdate: true, validate: runtimeClassErrors },
  columns: [NAME, column('Handler', (runtimeClass) => runtimeClass.handler ?? ''), AGE],
});

function runtimeClassErrors(runtimeClass: RuntimeClass, old: RuntimeClass | undefined): FieldError[] {
  const { handler, scheduling } = runtimeClass;
  const errors: FieldError[] = [];
  if (!handler) errors.push(required('handler'));
  else errors.push(...dns1123LabelErrors(handler).map((message) => invalid('handler', handler, message)));
  if (old !== undefined && old.handler !== handler) errors.push(invalid('handler', handler, 'field is immutable'));
  for (const [key, value] of Object.entries(scheduling?.nodeSelector ?? {})) {
    errors.push(...labelKeyErrors(key).map((message) => invalid('scheduling.nodeSelector', key, message)), ...labelValueErrors(value).map((message) => invalid('scheduling.nodeSelector', value, message)));
  }
  if (runtimeClass.overhead !== undefined) errors.push(...resourceErrors({ limits: runtimeClass.overhead.podFixed ?? {} }, 'overhead'));
  const seen = new Set<string>();
  for (const [index, toleration] of (scheduling?.tolerations ?? []).entries()) {
    errors.push(...tolerationErrors(toleration, `scheduling.tolerations[${index}]`));
    const key = JSON.stringify([toleration.key, toleration.operator, toleration.value, toleration.effect]);
    if (seen.has(key)) errors.push(duplicate(`scheduling.tolerations[${index}]`, toleration));
    seen.add(key);
  }
  return errors;
}
