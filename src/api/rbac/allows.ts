/** What RBAC rules allow (rbac.authorization.k8s.io/v1, "Using RBAC Authorization"). */
import type { PolicyRule, Subject } from '../generated/rbac-v1.ts';

/** What a request asks for. Either a resource or a path. */
export type RequestAttributes =
  | { verb: string; group: string; resource: string; subresource?: string; name?: string }
  | { verb: string; path: string };

/** Whether one of the rules allows the request. */
export function allows(rules: readonly PolicyRule[] | undefined, request: RequestAttributes): boolean {
  return rules?.some((rule) => ruleAllows(rule, request)) ?? false;
}

function ruleAllows(rule: PolicyRule, request: RequestAttributes): boolean {
  if (!includes(rule.verbs, request.verb)) return false;
  if ('path' in request) return (rule.nonResourceURLs ?? []).some((pattern) => matchesPath(pattern, request.path));
  return includes(rule.apiGroups, request.group) && matchesResource(rule.resources ?? [], request) && matchesName(rule.resourceNames, request.name);
}

function includes(list: readonly string[] | undefined, item: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(item));
}

function matchesPath(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  if (!pattern.endsWith('*')) return false;
  // Stars at the end are looked at from there: of a long row of them within a pattern an expression would take time by its square.
  let end = pattern.length;
  while (pattern[end - 1] === '*') end -= 1;
  return path.startsWith(pattern.slice(0, end));
}

/** `pods`, `pods/log`, `*` and `*` + `/scale` all name resources. */
function matchesResource(resources: readonly string[], { resource, subresource }: { resource: string; subresource?: string }): boolean {
  const full = subresource ? `${resource}/${subresource}` : resource;
  return resources.some((each) => each === '*' || each === full || (subresource !== undefined && subresource !== '' && each === `*/${subresource}`));
}

function matchesName(names: readonly string[] | undefined, name: string | undefined): boolean {
  return names === undefined || names.length === 0 || (name !== undefined && names.includes(name));
}

/** Who asks. */
export interface User { name: string; groups: readonly string[] }

/** Whether a binding's subject is the user; `namespace` is the binding's, for service accounts that name none. */
export function isSubject(subject: Subject, user: User, namespace: string): boolean {
  switch (subject.kind) {
    case 'User': return subject.name === user.name;
    case 'Group': return user.groups.includes(subject.name);
    case 'ServiceAccount': return user.name === `system:serviceaccount:${subject.namespace ?? namespace}:${subject.name}`;
    default: return false;
  }
}
