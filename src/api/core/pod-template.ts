/** PodTemplate (core/v1): a template that is kept for its own sake. */
import type { PodTemplate as PodTemplateType } from '../generated/core-v1.ts';
import { column, NAME, showLabels } from '../columns.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { defaultPodTemplate } from './pod-defaults.ts';
import { podTemplateErrors } from './pod-validation.ts';
import { podWarnings } from './pod-warnings.ts';

export type PodTemplate = PodTemplateType;

export const PodTemplate: Kind<PodTemplate> = defineKind<PodTemplate>({
  group: '', version: 'v1', kind: 'PodTemplate', plural: 'podtemplates', namespaced: true,
  schema: () => schemaOf('', 'v1', 'PodTemplate'),
  rules: {
    defaults({ template }) {
      if (template !== undefined) defaultPodTemplate(template);
    },
    validate: ({ template }) => podTemplateErrors(template ?? {}, 'template'),
    warnings: ({ template }) => podWarnings(template, 'template'),
  },
  columns: [
    NAME,
    column('Containers', ({ template }) => (template?.spec?.containers ?? []).map(({ name }) => name).join(',')),
    column('Images', ({ template }) => (template?.spec?.containers ?? []).map(({ image }) => image ?? '').join(',')),
    column('Pod Labels', ({ template }) => showLabels(template?.metadata?.labels)),
  ],
});
