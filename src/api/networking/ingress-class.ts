/** IngressClass (networking.k8s.io/v1). */
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, invalid, notSupported, required, tooLong, type FieldError } from '../field-error.ts';
import type { IngressClass as IngressClassType } from '../generated/networking-v1.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';
import { referenceErrors } from './typed-reference.ts';

export type IngressClass = IngressClassType;

const IS_DEFAULT = 'ingressclass.kubernetes.io/is-default-class';
const MAX_CONTROLLER_BYTES = 250;

export const IngressClass: Kind<IngressClass> = defineKind<IngressClass>({
  group: 'networking.k8s.io', version: 'v1', kind: 'IngressClass', plural: 'ingressclasses', namespaced: false,
  schema: () => schemaOf('networking.k8s.io', 'v1', 'IngressClass'),
  rules: {
    defaults({ spec }) {
      if (spec?.parameters !== undefined) spec.parameters.scope ??= 'Cluster';
    },
    validate: classErrors,
  },
  columns: [
    NAME,
    column('Controller', ({ spec }) => spec?.controller ?? ''),
    column('Parameters', ({ spec }) => (spec?.parameters === undefined ? '<none>' : `${spec.parameters.kind}${spec.parameters.apiGroup ? `.${spec.parameters.apiGroup}` : ''}/${spec.parameters.name}`)),
    AGE,
  ],
});

export function isDefaultClass({ metadata }: IngressClass): boolean {
  return metadata.annotations?.[IS_DEFAULT] === 'true';
}

function classErrors({ spec = {} }: IngressClass, old: IngressClass | undefined): FieldError[] {
  const { controller = '', parameters } = spec;
  const errors: FieldError[] = [];
  if (old !== undefined && controller !== old.spec?.controller) errors.push(invalid('spec.controller', controller, 'field is immutable'));
  if (Buffer.byteLength(controller) > MAX_CONTROLLER_BYTES) errors.push(tooLong('spec.controller', MAX_CONTROLLER_BYTES));
  const [domain = '', ...rest] = controller.split('/');
  if (controller === '') errors.push(required('spec.controller'));
  else if (rest.join('/') === '') errors.push(invalid('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")'));
  else errors.push(...dns1123SubdomainErrors(domain).map((error) => invalid('spec.controller', domain, error)));
  if (parameters === undefined) return errors;
  errors.push(...referenceErrors(parameters, 'spec.parameters'));
  if (parameters.scope === 'Namespace') {
    if (parameters.namespace === undefined) errors.push(required('spec.parameters.namespace', '`parameters.scope` is set to \'Namespace\''));
    else errors.push(...dns1123LabelErrors(parameters.namespace).map((error) => invalid('spec.parameters.namespace', parameters.namespace, error)));
  }
  if (parameters.scope === 'Cluster' && parameters.namespace !== undefined) errors.push(forbidden('spec.parameters.namespace', '`parameters.scope` is set to \'Cluster\''));
  if (parameters.scope !== 'Namespace' && parameters.scope !== 'Cluster') errors.push(notSupported('spec.parameters.scope', parameters.scope ?? '', ['Cluster', 'Namespace']));
  return errors;
}
