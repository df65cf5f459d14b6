/** VolumeAttachment (storage.k8s.io/v1): the wish that a driver attaches a volume to a node, and whether it did. */
import type { VolumeAttachment as VolumeAttachmentType } from '../generated/storage-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, invalid, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';

export type VolumeAttachment = VolumeAttachmentType;

export const VolumeAttachment: Kind<VolumeAttachment> = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io', version: 'v1', kind: 'VolumeAttachment', plural: 'volumeattachments', namespaced: false,
  schema: () => schemaOf('storage.k8s.io', 'v1', 'VolumeAttachment'),
  rules: {
    allowUnconditionalUpdate: false,
    statusKeeps: 'metadata',
    generation: false,
    prepareForCreate(attachment) {
      attachment.status = { attached: false };
    },
    validate: attachmentErrors,
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Attacher', ({ spec }) => spec?.attacher ?? ''),
    column('PV', ({ spec }) => spec?.source?.persistentVolumeName ?? ''),
    column('Node', ({ spec }) => spec?.nodeName ?? ''),
    column('Attached', ({ status }) => status?.attached ?? false, { type: 'boolean' }),
    AGE,
  ],
});

function attachmentErrors({ spec }: VolumeAttachment, old: VolumeAttachment | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec?.attacher) errors.push(required('spec.attacher'));
  if (!spec?.nodeName) errors.push(required('spec.nodeName'));
  const { persistentVolumeName, inlineVolumeSpec } = spec?.source ?? {};
  if (!persistentVolumeName && inlineVolumeSpec === undefined) errors.push(required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'));
  if (persistentVolumeName && inlineVolumeSpec !== undefined) errors.push(forbidden('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'));
  if (old !== undefined && !equalJson(spec, old.spec)) errors.push(invalid('spec', spec, 'field is immutable'));
  return errors;
}
