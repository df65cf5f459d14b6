/** ControllerRevision (apps/v1). */
import type { ControllerRevision as ControllerRevisionType } from '../generated/apps-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { parseApiVersion } from '../meta.ts';
import { controllerOf } from '../owner.ts';
import { schemaOf } from '../schema/facts.ts';

export type ControllerRevision = ControllerRevisionType;

export const ControllerRevision: Kind<ControllerRevision> = defineKind<ControllerRevision>({
  group: 'apps', version: 'v1', kind: 'ControllerRevision', plural: 'controllerrevisions', namespaced: true,
  schema: () => schemaOf('apps', 'v1', 'ControllerRevision'),
  rules: { generation: false, validate: revisionErrors },
  columns: [NAME, column('Controller', showController), column('Revision', (revision) => revision.revision ?? 0), AGE],
});

function showController(revision: ControllerRevision): string {
  const owner = controllerOf(revision);
  if (owner === undefined) return '<none>';
  const { group } = parseApiVersion(owner.apiVersion ?? '');
  return `${(group === '' ? `${owner.kind}` : `${owner.kind}.${group}`).toLowerCase()}/${owner.name}`;
}

function revisionErrors(revision: ControllerRevision, old: ControllerRevision | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if ((revision.revision ?? 0) < 0) errors.push(invalid('revision', revision.revision, 'must be greater than or equal to 0'));
  if (revision.data === undefined || revision.data === null) errors.push(required('data', 'data is mandatory'));
  if (old !== undefined && !equalJson(revision.data, old.data)) errors.push(invalid('data', revision.data, 'field is immutable'));
  return errors;
}
