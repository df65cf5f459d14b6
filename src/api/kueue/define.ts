/** One kind of Kueue in all of its versions. */
import { CUSTOM_RULES } from '../custom/custom-rules.ts';
import { defineKind, type Column, type Kind, type KindInput, type Rules } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import type { Schema } from '../schema/schema.ts';
import { conversion, convertKueue, V1BETA1 } from './conversion.ts';
import { GROUP } from './schema.ts';

interface KueueKind<T extends KubeObject> extends Pick<KindInput<T>, 'kind' | 'plural' | 'namespaced' | 'shortNames' | 'subresources' | 'selectableFields'> {
  schema: () => Schema;
  /** The schema of v1beta2, where it differs. */
  newSchema?: () => Schema;
  /** Written for v1beta1, and asked of v1beta2 after a conversion; so those that change an object (defaults, prepare) are not among them. */
  rules?: Pick<Rules<T>, 'validate' | 'validateStatus'>;
  /** Also in v1alpha1, with the fields of v1beta1. */
  alpha?: boolean;
  /** The same: they see v1beta1. */
  columns?: readonly Column<T>[];
}

/** The Kind of v1beta1, that of v1beta2 and, where there is one, that of v1alpha1. */
export function defineKueueKind<T extends KubeObject>(kind: KueueKind<T> & { alpha: true }): readonly [Kind<T>, Kind<T>, Kind<T>];
export function defineKueueKind<T extends KubeObject>(kind: KueueKind<T>): readonly [Kind<T>, Kind<T>];
export function defineKueueKind<T extends KubeObject>({ newSchema, rules = {}, columns = [], alpha, ...input }: KueueKind<T>): readonly Kind<T>[] {
  const older = (object: T): T => convertKueue(object, V1BETA1) as T;
  const { validate, validateStatus } = rules;
  const prepareForCreate = (object: T): void => {
    if (input.subresources?.status === true) delete (object as { status?: unknown }).status;
  };
  const ofVersion = (version: string): Kind<T> => defineKind<T>({ ...input, group: GROUP, version, conversion, columns, rules: { ...CUSTOM_RULES, prepareForCreate, ...rules } });
  const v1beta1 = ofVersion('v1beta1');
  const v1beta2 = defineKind<T>({
    ...input, group: GROUP, version: 'v1beta2', conversion, schema: newSchema ?? input.schema,
    columns: columns.map((each) => ({ ...each, cell: (object, nowMs) => each.cell(older(object), nowMs) })),
    rules: {
      ...CUSTOM_RULES, prepareForCreate,
      ...(validate !== undefined && { validate: (object, old) => validate(older(object), old === undefined ? undefined : older(old)) }),
      ...(validateStatus !== undefined && { validateStatus: (object, old) => validateStatus(older(object), older(old)) }),
    },
  });
  return alpha === true ? [v1beta1, v1beta2, ofVersion('v1alpha1')] : [v1beta1, v1beta2];
}
