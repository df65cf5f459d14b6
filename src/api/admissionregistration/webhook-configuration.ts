/** MutatingWebhookConfiguration and ValidatingWebhookConfiguration (admissionregistration.k8s.io/v1). */
import type { MutatingWebhook, MutatingWebhookConfiguration as MutatingType, ValidatingWebhook, ValidatingWebhookConfiguration as ValidatingType } from '../generated/admissionregistration-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { webhookErrors } from './webhook-validation.ts';

export type MutatingWebhookConfiguration = MutatingType;
export type ValidatingWebhookConfiguration = ValidatingType;

export const GROUP = 'admissionregistration.k8s.io';

export const MutatingWebhookConfiguration: Kind<MutatingWebhookConfiguration> = defineKind<MutatingWebhookConfiguration>({
  group: GROUP, version: 'v1', kind: 'MutatingWebhookConfiguration', plural: 'mutatingwebhookconfigurations', namespaced: false, categories: ['api-extensions'],
  schema: () => schemaOf(GROUP, 'v1', 'MutatingWebhookConfiguration'),
  rules: {
    allowUnconditionalUpdate: false,
    defaults(configuration) {
      for (const webhook of configuration.webhooks ?? []) {
        defaultWebhook(webhook);
        webhook.reinvocationPolicy ??= 'Never';
      }
    },
    validate: webhookErrors,
  },
  columns: [NAME, column('Webhooks', ({ webhooks }) => webhooks?.length ?? 0, { type: 'integer' }), AGE],
});

export const ValidatingWebhookConfiguration: Kind<ValidatingWebhookConfiguration> = defineKind<ValidatingWebhookConfiguration>({
  group: GROUP, version: 'v1', kind: 'ValidatingWebhookConfiguration', plural: 'validatingwebhookconfigurations', namespaced: false, categories: ['api-extensions'],
  schema: () => schemaOf(GROUP, 'v1', 'ValidatingWebhookConfiguration'),
  rules: {
    allowUnconditionalUpdate: false,
    defaults(configuration) {
      for (const webhook of configuration.webhooks ?? []) defaultWebhook(webhook);
    },
    validate: webhookErrors,
  },
  columns: [NAME, column('Webhooks', ({ webhooks }) => webhooks?.length ?? 0, { type: 'integer' }), AGE],
});

function defaultWebhook(webhook: MutatingWebhook | ValidatingWebhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
}
