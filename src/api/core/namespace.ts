/** Namespace (core/v1). */
import type { Namespace as NamespaceType } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { ApiError } from '../errors.ts';
import { ALL_VERBS, defineKind, type Kind } from '../kind.ts';
import { dns1123LabelErrors } from '../names.ts';
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
      // A generated name is not known here yet; the label is then set by the update that follows or by prepareForUpdate.
      if (namespace.metadata.name) (namespace.metadata.labels ??= {})[NAME_LABEL] = namespace.metadata.name;
      (namespace.status ??= {}).phase ??= 'Active';
    },
    prepareForCreate(namespace) {
      namespace.status = { phase: 'Active' };
      const spec = (namespace.spec ??= {});
      if (!spec.finalizers?.includes('kubernetes')) spec.finalizers = [...(spec.finalizers ?? []), 'kubernetes'];
    },
    prepareForUpdate(namespace, old) {
      namespace.spec = { ...namespace.spec, ...(old.spec?.finalizers === undefined ? {} : { finalizers: old.spec.finalizers }) };
      if (namespace.metadata.deletionTimestamp !== undefined && namespace.status !== undefined) namespace.status.phase = 'Terminating';
    },
  },
  subresources: {
    status: true,
    actions: {
      finalize: {
        body: { group: '', version: 'v1', kind: 'Namespace' }, verbs: ['update'],
        apply(namespace, body) {
          const sent = body as Namespace;
          if (sent.metadata.uid !== undefined && sent.metadata.uid !== namespace.metadata.uid) throw new ApiError('Conflict', `the UID in the precondition (${sent.metadata.uid}) does not match the UID in record (${namespace.metadata.uid}). The object might have been deleted and then recreated`);
          namespace.spec = { ...namespace.spec, finalizers: sent.spec?.finalizers ?? [] };
        },
      },
    },
  },
  columns: [NAME, column('Status', (namespace) => namespace.status?.phase ?? ''), AGE],
  selectableFields: { 'status.phase': (namespace) => namespace.status?.phase ?? '' },
});
