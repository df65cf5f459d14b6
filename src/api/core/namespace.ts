/** Namespace (core/v1). */
import type { Namespace as NamespaceType } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { ApiError } from '../errors.ts';
import { invalid, invalidObject, type FieldError } from '../field-error.ts';
import { ALL_VERBS, defineKind, type Kind } from '../kind.ts';
import { bareFinalizerErrors } from '../metadata-validation.ts';
import { dns1123LabelErrors, labelKeyErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type Namespace = NamespaceType;

const NAME_LABEL = 'kubernetes.io/metadata.name';

export const Namespace: Kind<Namespace> = defineKind<Namespace>({
  group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false,
  shortNames: ['ns'],
  verbs: ALL_VERBS.filter((verb) => verb !== 'deletecollection'),
  schema: () => schemaOf('', 'v1', 'Namespace'),
  rules: {
    generation: false,
    nameErrors: dns1123LabelErrors,
    defaults(namespace) {
      // A generated name is not known here yet, but is in prepareForCreate.
      if (namespace.metadata.name) (namespace.metadata.labels ??= {})[NAME_LABEL] = namespace.metadata.name;
      (namespace.status ??= {}).phase ??= 'Active';
    },
    prepareForCreate(namespace) {
      namespace.status = { phase: 'Active' };
      if (namespace.metadata.name) namespace.metadata.labels = { ...namespace.metadata.labels, [NAME_LABEL]: namespace.metadata.name };
      const spec = (namespace.spec ??= {});
      if (!spec.finalizers?.includes('kubernetes')) spec.finalizers = [...(spec.finalizers ?? []), 'kubernetes'];
    },
    prepareForUpdate(namespace, old) {
      namespace.spec = { ...namespace.spec, ...(old.spec?.finalizers === undefined ? {} : { finalizers: old.spec.finalizers }) };
      if (namespace.metadata.deletionTimestamp !== undefined && namespace.status !== undefined) namespace.status.phase = 'Terminating';
    },
    validate: ({ spec }, old) => (old === undefined ? finalizerErrors(spec?.finalizers ?? []) : []),
  },
  subresources: {
    status: true,
    actions: {
      finalize: {
        body: { group: '', version: 'v1', kind: 'Namespace' }, verbs: ['update'],
        apply(namespace, body) {
          const sent = body as Namespace;
          if (sent.metadata.uid !== undefined && sent.metadata.uid !== namespace.metadata.uid) throw new ApiError('Conflict', `the UID in the precondition (${sent.metadata.uid}) does not match the UID in record (${namespace.metadata.uid}). The object might have been deleted and then recreated`);
          const wrong = finalizerErrors(sent.spec?.finalizers ?? []);
          if (wrong.length > 0) throw invalidObject({ group: '', kind: 'Namespace' }, namespace.metadata.name ?? '', wrong);
          namespace.spec = { ...namespace.spec, finalizers: sent.spec?.finalizers ?? [] };
        },
      },
    },
  },
  columns: [NAME, column('Status', (namespace) => namespace.status?.phase ?? ''), AGE],
  selectableFields: { 'status.phase': (namespace) => namespace.status?.phase ?? '' },
});

function finalizerErrors(finalizers: readonly string[]): FieldError[] {
  const unnamed = finalizers.flatMap((finalizer, index) => labelKeyErrors(finalizer).map((text) => invalid(`spec.finalizers[${index}]`, finalizer, text)));
  return [...unnamed, ...bareFinalizerErrors(finalizers, undefined, 'spec')];
}
