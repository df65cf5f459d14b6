/** DeviceClass (resource.k8s.io/v1): a name for devices, by what they must be, and how they are set up. */
import type { DeviceClass as DeviceClassType } from '../generated/resource-v1.ts';
import { AGE, NAME } from '../columns.ts';
import { invalid, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { configurationErrors, listErrors, selectorErrors } from './claim-validation.ts';
import { RESOURCE } from './resource-claim.ts';

export type DeviceClass = DeviceClassType;

const MOST_CONFIGS = 32;

export const DeviceClass: Kind<DeviceClass> = defineKind<DeviceClass>({
  group: RESOURCE, version: 'v1', kind: 'DeviceClass', plural: 'deviceclasses', namespaced: false,
  schema: () => schemaOf(RESOURCE, 'v1', 'DeviceClass'),
  rules: {
    defaults(each) {
      each.spec ??= {};
    },
    validate: classErrors,
  },
  columns: [NAME, AGE],
});

function classErrors({ spec = {} }: DeviceClass): FieldError[] {
  const { extendedResourceName: name } = spec;
  const errors = [...selectorErrors(spec.selectors, 'spec.selectors'), ...listErrors(spec.config, MOST_CONFIGS, 'spec.config', configurationErrors)];
  const isExtended = name === undefined || (name.includes('/') && !/^([^/]*\.)?kubernetes\.io\//.test(name) && !name.startsWith('requests.'));
  return isExtended ? errors : [...errors, invalid('spec.extendedResourceName', name, 'must be a valid extended resource name')];
}
