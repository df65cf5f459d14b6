/** ServiceAccount (core/v1). Its token subresource is the door's. */
import type { ServiceAccount as ServiceAccountType } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';

export type ServiceAccount = ServiceAccountType;

export const ServiceAccount: Kind<ServiceAccount> = defineKind<ServiceAccount>({
  group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true,
  shortNames: ['sa'],
  schema: () => schemaOf('', 'v1', 'ServiceAccount'),
  rules: { generation: false, warnings: annotationWarnings },
  columns: [NAME, column('Secrets', (account) => account.secrets?.length ?? 0), AGE],
});

/** Upstream: registry/core/serviceaccount/strategy.go. */
const ENFORCE = 'kubernetes.io/enforce-mountable-secrets';

function annotationWarnings({ metadata: { annotations = {} } }: ServiceAccount, old?: ServiceAccount): string[] {
  const isNew = annotations[ENFORCE] !== undefined && old?.metadata.annotations?.[ENFORCE] === undefined;
  return isNew ? [`metadata.annotations[${ENFORCE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`] : [];
}
