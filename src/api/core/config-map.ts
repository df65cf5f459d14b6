/** ConfigMap (core/v1). */
import type { ConfigMap as ConfigMapType } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { immutableErrors, keyErrors, sizeErrors } from './key-values.ts';

export type ConfigMap = ConfigMapType;

export const ConfigMap: Kind<ConfigMap> = defineKind<ConfigMap>({
  group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true,
  shortNames: ['cm'],
  schema: () => schemaOf('', 'v1', 'ConfigMap'),
  rules: {
    generation: false,
    validate: (map, old) => [
      ...keyErrors(map.data, 'data'),
      ...keyErrors(map.binaryData, 'binaryData', map.data),
      ...sizeErrors({ plain: map.data, base64: map.binaryData }, '[]'),
      ...immutableErrors(map, old, { names: ['data', 'binaryData'] }),
    ],
  },
  columns: [NAME, column('Data', (map) => Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length), AGE],
});
