/** CustomResourceDefinition (apiextensions.k8s.io/v1): the definition itself; the kind that it makes is src/api/custom. */
import type { CustomResourceDefinition as CustomResourceDefinitionType } from '../generated/apiextensions-v1.ts';
import { CREATED_AT, NAME } from '../columns.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1035LabelErrors, dns1123SubdomainErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type CustomResourceDefinition = CustomResourceDefinitionType;

export const CustomResourceDefinition: Kind<CustomResourceDefinition> = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', plural: 'customresourcedefinitions', namespaced: false,
  shortNames: ['crd', 'crds'], categories: ['api-extensions'],
  schema: () => schemaOf('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition'),
  rules: {
    defaults(definition) {
      const names = definition.spec?.names;
      if (names === undefined) return;
      if (names.kind) {
        names.singular ||= names.kind.toLowerCase();
        names.listKind ||= `${names.kind}List`;
      }
      definition.spec.conversion ??= { strategy: 'None' };
    },
    prepareForCreate(definition) {
      definition.status = { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: definition.spec.versions.filter(({ storage }) => storage).map(({ name }) => name) };
    },
    validate: definitionErrors,
  },
  subresources: { status: true },
  columns: [NAME, CREATED_AT],
});

function definitionErrors(definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldError[] {
  const { group, names, scope, versions } = definition.spec;
  const errors: FieldError[] = [];
  const wanted = `${names.plural}.${group}`;
  if (definition.metadata.name !== wanted) errors.push(invalid('metadata.name', definition.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  if (!group) errors.push(required('spec.group'));
  else {
    for (const error of dns1123SubdomainErrors(group)) errors.push(invalid('spec.group', group, error));
    if (!group.includes('.')) errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  }
  if (!scope) errors.push(required('spec.scope'));
  else if (scope !== 'Namespaced' && scope !== 'Cluster') errors.push(notSupported('spec.scope', scope, ['Cluster', 'Namespaced']));
  errors.push(...nameErrors(definition), ...versionErrors(versions));
  if (old !== undefined && isEstablished(old)) errors.push(...immutableErrors(definition, old));
  return errors;
}

function nameErrors({ spec: { names } }: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['plural', 'singular', 'kind', 'listKind'] as const) {
    const name = names[field] ?? '';
    if (name === '') errors.push(required(`spec.names.${field}`));
    else for (const error of dns1035LabelErrors(name.toLowerCase())) errors.push(invalid(`spec.names.${field}`, name, field === 'kind' || field === 'listKind' ? `may have mixed case, but should otherwise match: ${error}` : error));
  }
  if (names.kind !== '' && names.kind === names.listKind) errors.push(invalid('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'));
  for (const list of ['shortNames', 'categories'] as const) {
    for (const [index, name] of (names[list] ?? []).entries()) for (const error of dns1035LabelErrors(name)) errors.push(invalid(`spec.names.${list}[${index}]`, name, error));
  }
  return errors;
}

function versionErrors(versions: CustomResourceDefinition['spec']['versions']): FieldError[] {
  if (versions === undefined || versions.length === 0) return [required('spec.versions', 'must have at least one version')];
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  let stored = 0;
  for (const [index, version] of versions.entries()) {
    for (const error of dns1035LabelErrors(version.name)) errors.push(invalid(`spec.versions[${index}].name`, version.name, error));
    if (seen.has(version.name)) errors.push(invalid('spec.versions', versions.map(({ name }) => name), 'must contain unique version names'));
    seen.add(version.name);
    if (version.storage) stored++;
    if (version.schema?.openAPIV3Schema === undefined) errors.push(required(`spec.versions[${index}].schema.openAPIV3Schema`, 'schemas are required'));
  }
  if (stored !== 1) errors.push(invalid('spec.versions', versions.map(({ name }) => name), 'must have exactly one version marked as storage version'));
  return errors;
}

function isEstablished(definition: CustomResourceDefinition): boolean {
  return definition.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') === true;
}

function immutableErrors(definition: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  const check = (path: string, value: unknown, before: unknown): void => {
    if (value !== before) errors.push(invalid(path, value, 'field is immutable'));
  };
  check('spec.group', definition.spec.group, old.spec.group);
  check('spec.scope', definition.spec.scope, old.spec.scope);
  check('spec.names.kind', definition.spec.names.kind, old.spec.names.kind);
  check('spec.names.plural', definition.spec.names.plural, old.spec.names.plural);
  return errors;
}
