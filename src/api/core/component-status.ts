/** ComponentStatus (core/v1): whether the parts that every cluster has are well. Made when asked for, never stored; deprecated upstream. */
import type { ComponentStatus as ComponentStatusType } from '../generated/core-v1.ts';
import { column, NAME } from '../columns.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';

export type ComponentStatus = ComponentStatusType;

type Condition = NonNullable<ComponentStatus['conditions']>[number];

const health = (component: ComponentStatus): Condition | undefined => component.conditions?.find(({ type }) => type === 'Healthy');

export const ComponentStatus: Kind<ComponentStatus> = defineKind<ComponentStatus>({
  group: '', version: 'v1', kind: 'ComponentStatus', plural: 'componentstatuses', namespaced: false, shortNames: ['cs'], verbs: ['get', 'list'],
  schema: () => schemaOf('', 'v1', 'ComponentStatus'),
  rules: { deprecation: 'v1 ComponentStatus is deprecated in v1.19+' },
  columns: [NAME, column('Status', (each) => (health(each)?.status === 'True' ? 'Healthy' : 'Unhealthy')), column('Message', (each) => health(each)?.message ?? ''), column('Error', (each) => health(each)?.error ?? '')],
});
