/** CustomResourceDefinition (apiextensions.k8s.io/v1): the definition itself; the kind that it makes is src/api/custom. */
import type { CustomResourceDefinition as CustomResourceDefinitionType } from '../generated/apiextensions-v1.ts';
import { CREATED_AT, NAME } from '../columns.ts';
import { defaultDefinition, validateDefinition } from '../custom/definition.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';

export type CustomResourceDefinition = CustomResourceDefinitionType;

export const CustomResourceDefinition: Kind<CustomResourceDefinition> = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', plural: 'customresourcedefinitions', namespaced: false,
  shortNames: ['crd', 'crds'], categories: ['api-extensions'],
  schema: () => schemaOf('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition'),
  rules: {
    allowUnconditionalUpdate: false,
    statusKeeps: 'metadata',
    defaults: defaultDefinition,
    prepareForCreate(definition) {
      definition.status = { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: (definition.spec?.versions ?? []).filter(({ storage }) => storage).map(({ name }) => name) };
    },
    prepareForUpdate(definition) {
      const storage = (definition.spec?.versions ?? []).find((version) => version.storage)?.name;
      const { status } = definition;
      if (status === undefined || storage === undefined || status.storedVersions?.includes(storage) === true) return;
      status.storedVersions = [...(status.storedVersions ?? []), storage];
    },
    validate: validateDefinition,
    anyFinalizers: true,
  },
  subresources: { status: true },
  columns: [NAME, CREATED_AT],
});
