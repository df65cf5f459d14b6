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
  rules: { generation: false },
  columns: [NAME, column('Secrets', (account) => account.secrets?.length ?? 0), AGE],
});
