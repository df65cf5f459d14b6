/** Role, RoleBinding, ClusterRole, ClusterRoleBinding (rbac.authorization.k8s.io/v1). What they allow is in allows.ts. */
import type { ClusterRole as ClusterRoleType, ClusterRoleBinding as ClusterRoleBindingType, PolicyRule, Role as RoleType, RoleBinding as RoleBindingType, Subject } from '../generated/rbac-v1.ts';
import { AGE, column, CREATED_AT, NAME } from '../columns.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Column, type Kind } from '../kind.ts';
import { validateLabelSelector } from '../metadata-validation.ts';
import { dns1123SubdomainErrors, pathSegmentErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type Role = RoleType;
export type RoleBinding = RoleBindingType;
export type ClusterRole = ClusterRoleType;
export type ClusterRoleBinding = ClusterRoleBindingType;

export const RBAC = 'rbac.authorization.k8s.io';
type Binding = RoleBinding | ClusterRoleBinding;

export const Role: Kind<Role> = defineKind<Role>({
  group: RBAC, version: 'v1', kind: 'Role', plural: 'roles', namespaced: true,
  schema: () => schemaOf(RBAC, 'v1', 'Role'),
  rules: { generation: false, allowCreateOnUpdate: true, nameErrors: pathSegmentErrors, validate: (role) => ruleErrors(role.rules, { namespaced: true }) },
  columns: [NAME, CREATED_AT],
});

export const ClusterRole: Kind<ClusterRole> = defineKind<ClusterRole>({
  group: RBAC, version: 'v1', kind: 'ClusterRole', plural: 'clusterroles', namespaced: false,
  schema: () => schemaOf(RBAC, 'v1', 'ClusterRole'),
  rules: { generation: false, allowCreateOnUpdate: true, nameErrors: pathSegmentErrors, validate: (role) => [...ruleErrors(role.rules, { namespaced: false }), ...aggregationErrors(role)] },
  columns: [NAME, CREATED_AT],
});

export const RoleBinding: Kind<RoleBinding> = defineKind<RoleBinding>({
  group: RBAC, version: 'v1', kind: 'RoleBinding', plural: 'rolebindings', namespaced: true,
  schema: () => schemaOf(RBAC, 'v1', 'RoleBinding'),
  rules: {
    generation: false, allowCreateOnUpdate: true, nameErrors: pathSegmentErrors, defaults: defaultBinding,
    validate: (binding, old) => bindingErrors(binding, old, { namespaced: true }),
  },
  columns: bindingColumns(),
});

export const ClusterRoleBinding: Kind<ClusterRoleBinding> = defineKind<ClusterRoleBinding>({
  group: RBAC, version: 'v1', kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', namespaced: false,
  schema: () => schemaOf(RBAC, 'v1', 'ClusterRoleBinding'),
  rules: {
    generation: false, allowCreateOnUpdate: true, nameErrors: pathSegmentErrors, defaults: defaultBinding,
    validate: (binding, old) => bindingErrors(binding, old, { namespaced: false }),
  },
  columns: bindingColumns(),
});

function defaultBinding(binding: Binding): void {
  if (binding.roleRef !== undefined) binding.roleRef.apiGroup ||= RBAC;
  // A service account is of the group without a name, which Go leaves out.
  for (const subject of binding.subjects ?? []) if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= RBAC;
}

function bindingColumns(): Column<Binding>[] {
  const named = (kind: string, show: (subject: Subject) => string) => (binding: Binding): string => (binding.subjects ?? []).filter((subject) => subject.kind === kind).map(show).join(', ');
  return [
    NAME,
    column('Role', (binding) => `${binding.roleRef?.kind ?? ''}/${binding.roleRef?.name ?? ''}`),
    AGE,
    column('Users', named('User', ({ name }) => name), { wide: true }),
    column('Groups', named('Group', ({ name }) => name), { wide: true }),
    column('ServiceAccounts', named('ServiceAccount', ({ namespace, name }) => `${namespace ?? ''}/${name}`), { wide: true }),
  ];
}

function ruleErrors(rules: readonly PolicyRule[] | undefined, how: { namespaced: boolean }): FieldError[] {
  return (rules ?? []).flatMap((rule, index) => {
    const path = `rules[${index}]`;
    const errors: FieldError[] = [];
    if ((rule.verbs ?? []).length === 0) errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
    const urls = rule.nonResourceURLs ?? [];
    const { apiGroups = [], resources = [], resourceNames = [] } = rule;
    if (urls.length > 0) {
      if (how.namespaced) errors.push(invalid(`${path}.nonResourceURLs`, urls, 'namespaced rules cannot apply to non-resource URLs'));
      if (apiGroups.length + resources.length + resourceNames.length > 0) errors.push(invalid(`${path}.nonResourceURLs`, urls, 'rules cannot apply to both regular resources and non-resource URLs'));
      return errors;
    }
    if (apiGroups.length === 0) errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
    if (resources.length === 0) errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
    return errors;
  });
}

function aggregationErrors({ aggregationRule }: ClusterRole): FieldError[] {
  if (aggregationRule === undefined) return [];
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) return [required('aggregationRule.clusterRoleSelectors', 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return selectors.flatMap((selector, index) => validateLabelSelector(selector, `aggregationRule.clusterRoleSelectors[${index}]`));
}

function bindingErrors(binding: Binding, old: Binding | undefined, how: { namespaced: boolean }): FieldError[] {
  const errors: FieldError[] = [];
  const { apiGroup = '', kind = '', name = '' } = (binding.roleRef as Partial<Binding['roleRef']> | undefined) ?? {};
  if (apiGroup !== RBAC) errors.push(notSupported('roleRef.apiGroup', apiGroup, [RBAC]));
  const kinds = how.namespaced ? ['ClusterRole', 'Role'] : ['ClusterRole'];
  if (!kinds.includes(kind)) errors.push(notSupported('roleRef.kind', kind, kinds));
  if (!name) errors.push(required('roleRef.name'));
  else for (const error of pathSegmentErrors(name)) errors.push(invalid('roleRef.name', name, error));
  if (old !== undefined && !equalJson(old.roleRef, binding.roleRef)) errors.push(invalid('roleRef', binding.roleRef, 'cannot change roleRef'));
  for (const [index, subject] of (binding.subjects ?? []).entries()) errors.push(...subjectErrors(subject, `subjects[${index}]`, how));
  return errors;
}

function subjectErrors(subject: Subject, path: string, how: { namespaced: boolean }): FieldError[] {
  const errors: FieldError[] = [];
  if (!subject.name) errors.push(required(`${path}.name`));
  if (subject.kind === 'ServiceAccount') {
    if (subject.name) for (const error of dns1123SubdomainErrors(subject.name)) errors.push(invalid(`${path}.name`, subject.name, error));
    if (subject.apiGroup) errors.push(notSupported(`${path}.apiGroup`, subject.apiGroup, ['']));
    if (!how.namespaced && !subject.namespace) errors.push(required(`${path}.namespace`));
  } else if (subject.kind === 'User' || subject.kind === 'Group') {
    if (subject.apiGroup !== RBAC) errors.push(notSupported(`${path}.apiGroup`, subject.apiGroup ?? '', [RBAC]));
  } else errors.push(notSupported(`${path}.kind`, subject.kind, ['Group', 'ServiceAccount', 'User']));
  return errors;
}
