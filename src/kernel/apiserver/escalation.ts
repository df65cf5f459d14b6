/**
 * Nobody may give away more rights than he has: roles need `escalate` or rights that cover theirs, bindings need `bind` or the same
 * (upstream: registry/rbac/escalation_check.go, policybased storage).
 */
import type { PolicyRule } from '../../api/generated/rbac-v1.ts';
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../api/rbac/rbac.ts';
import { notFound } from '../../api/errors.ts';
import { equalJson } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Admission, UserInfo } from '../../sdk/module.ts';
import { covers, type Authorizer, type PolicyRule as Rule } from './authorize.ts';
import type { Door } from './door.ts';
import { forbiddenObject } from './errors.ts';

const GROUP = 'rbac.authorization.k8s.io';
/** The modules of this process: what they may write is declared and checked. No certificate or token bears such a name. */
const MODULES = 'system:llmos:';

/** The check as a step of admission. */
export function escalationAdmission(door: Door, authorizer: Authorizer): Admission {
  return {
    name: 'rbac-escalation',
    kinds: [Role, ClusterRole, RoleBinding, ClusterRoleBinding] as readonly unknown[] as readonly Kind[],
    operations: ['CREATE', 'UPDATE'],
    validate: ({ kind, object, oldObject, user }) => checkEscalation(door, authorizer, kind, object!, oldObject, user),
  };
}

/** Throws Forbidden, and NotFound for a binding of a role that is not there. `old` is undefined on create. */
function checkEscalation(door: Door, authorizer: Authorizer, kind: Kind, object: KubeObject, old: KubeObject | undefined, user: UserInfo): void {
  if (user.name.startsWith(MODULES) || user.groups.includes('system:masters')) return;
  const binding = kind.plural.endsWith('bindings');
  const granted = binding ? rulesOfBinding(door, object as RoleBinding, old as RoleBinding | undefined) : rulesOfRole(object as ClusterRole, old as ClusterRole | undefined);
  if (granted.length === 0) return;
  const { namespace } = object.metadata;
  const { roleRef } = object as RoleBinding;
  const wanted = binding
    ? { verb: 'bind', resource: { group: GROUP, plural: roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles', namespace, name: roleRef.name } }
    : { verb: 'escalate', resource: { group: GROUP, plural: kind.plural, namespace, name: object.metadata.name } };
  if (authorizer.decide({ user, ...wanted }).allowed) return;
  const own = authorizer.rulesOf(user, namespace ?? '');
  const missing = granted.flatMap(split).filter((rule) => !isCovered(rule, own, user));
  if (missing.length === 0) return;
  const list = [...new Set(compact(missing).map(shown))].sort().slice(0, MOST_SHOWN).join('\n');
  throw forbiddenObject(kind, object.metadata.name, `user ${JSON.stringify(user.name)} (groups=${quoted(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${list}`);
}

const MOST_SHOWN = 50;

/** Rules that differ in their verbs alone become one. */
function compact(rules: readonly Rule[]): Rule[] {
  const found = new Map<string, { rule: Rule; verbs: string[] }>();
  for (const { verbs, ...rest } of rules) {
    const key = JSON.stringify([rest.apiGroups, rest.resources, rest.resourceNames, rest.nonResourceURLs]);
    const same = found.get(key);
    if (same === undefined) found.set(key, { rule: { verbs, ...rest }, verbs: [...verbs] });
    else same.verbs.push(...verbs);
  }
  return [...found.values()].map(({ rule, verbs }) => ({ ...rule, verbs }));
}

/** As upstream words it: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`. */
function shown({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: Rule): string {
  const parts = { APIGroups: apiGroups, Resources: resources, NonResourceURLs: nonResourceURLs, ResourceNames: resourceNames, Verbs: verbs };
  return `{${Object.entries(parts).filter(([, list]) => (list ?? []).length > 0).map(([name, list]) => `${name}:${quoted(list!)}`).join(', ')}}`;
}

function quoted(list: readonly string[]): string {
  return `[${list.map((each) => JSON.stringify(each)).join(' ')}]`;
}

function rulesOfRole(role: ClusterRole, old: ClusterRole | undefined): readonly PolicyRule[] {
  const unchanged = old !== undefined && equalJson(role.rules ?? [], old.rules ?? []) && equalJson(role.aggregationRule, old.aggregationRule);
  if (unchanged) return [];
  // Whoever aggregates may get any rule in the end.
  return role.aggregationRule === undefined ? (role.rules ?? []) : [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }];
}

function rulesOfBinding(door: Door, binding: RoleBinding | ClusterRoleBinding, old: RoleBinding | ClusterRoleBinding | undefined): readonly PolicyRule[] {
  if (old !== undefined && equalJson(binding.roleRef, old.roleRef) && equalJson(binding.subjects, old.subjects)) return [];
  const { kind, name } = binding.roleRef;
  const key = kind === 'ClusterRole' ? `/${GROUP}/clusterroles/${name}` : `/${GROUP}/roles/${binding.metadata.namespace ?? ''}/${name}`;
  const role = door.store.newest(key)?.object as ClusterRole | undefined;
  // A role that is not there yet could be made with any rule later: only who may bind it anyhow may bind it now.
  if (role === undefined) throw notFound(kind === 'ClusterRole' ? ClusterRole : Role, name);
  return role.rules ?? [];
}

/** Into rules of one verb and one resource each. */
function split(rule: PolicyRule): Rule[] {
  const urls = rule.nonResourceURLs ?? [];
  if (urls.length > 0) return rule.verbs.flatMap((verb) => urls.map((url) => ({ verbs: [verb], nonResourceURLs: [url] })));
  const names = rule.resourceNames ?? [];
  const each = (verb: string, group: string, resource: string): Rule[] =>
    names.length === 0 ? [{ verbs: [verb], apiGroups: [group], resources: [resource] }] : names.map((name) => ({ verbs: [verb], apiGroups: [group], resources: [resource], resourceNames: [name] }));
  return rule.verbs.flatMap((verb) => (rule.apiGroups ?? []).flatMap((group) => (rule.resources ?? []).flatMap((resource) => each(verb, group, resource))));
}

function isCovered(rule: Rule, own: readonly Rule[], user: UserInfo): boolean {
  const verb = rule.verbs[0]!;
  const [url] = rule.nonResourceURLs ?? [];
  if (url !== undefined) return own.some((each) => covers(each, { user, verb, path: url }));
  const [plural = '', subresource] = rule.resources![0]!.split('/');
  const resource = { group: rule.apiGroups![0]!, plural, ...(subresource === undefined ? {} : { subresource }), ...(rule.resourceNames === undefined ? {} : { name: rule.resourceNames[0]! }) };
  return own.some((each) => covers(each, { user, verb, resource }));
}
