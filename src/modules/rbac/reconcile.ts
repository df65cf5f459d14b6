/**
 * Keeps default roles and bindings whole at each start: what is missing is added, rules of a newer llmos among it, what somebody added stays. Pure
 * (upstream: component-helpers/auth/rbac/reconciliation, without the removal of extra permissions, as its bootstrap does it).
 */
import type { PolicyRule, Subject } from '../../api/generated/rbac-v1.ts';
import { equalJson } from '../../api/json.ts';
import { allows } from '../../api/rbac/allows.ts';
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../api/rbac/rbac.ts';
import { AUTOUPDATE } from './made.ts';

type AnyRole = Role | ClusterRole;
type AnyBinding = RoleBinding | ClusterRoleBinding;

/** The role as it is to become; undefined when nothing is missing, or its annotation leaves it to its owner. */
export function reconciledRole<T extends AnyRole>(live: T, wanted: T): T | undefined {
  if (isLeftAlone(live)) return undefined;
  const next = withMetadata(live, wanted);
  const missing = (wanted.rules ?? []).flatMap(split).filter((rule) => !isCovered(rule, live.rules));
  if (missing.length > 0) next.rules = [...(live.rules ?? []), ...missing];
  const selectors = aggregationOf(wanted);
  const own = aggregationOf(live);
  const unselected = selectors?.filter((selector) => own?.some((each) => equalJson(each, selector)) !== true) ?? [];
  if (selectors === undefined) delete (next as ClusterRole).aggregationRule;
  else if (unselected.length > 0) (next as ClusterRole).aggregationRule = { clusterRoleSelectors: [...(own ?? []), ...unselected] };
  return equalJson(next, live) ? undefined : next;
}

/** As above; `wanted` itself where the live one binds another role, which cannot be changed: it must be made anew. */
export function reconciledBinding<T extends AnyBinding>(live: T, wanted: T): T | undefined {
  if (isLeftAlone(live)) return undefined;
  if (!equalJson(live.roleRef, wanted.roleRef)) return wanted;
  const next = withMetadata(live, wanted);
  const missing = (wanted.subjects ?? []).filter((subject) => live.subjects?.some((each) => isSame(each, subject)) !== true);
  if (missing.length > 0) next.subjects = [...(live.subjects ?? []), ...missing];
  return equalJson(next, live) ? undefined : next;
}

function isLeftAlone({ metadata }: AnyRole | AnyBinding): boolean {
  return metadata.annotations?.[AUTOUPDATE] === 'false';
}

/** Labels and annotations that are missing come; those that somebody gave another value keep it. */
function withMetadata<T extends AnyRole | AnyBinding>(live: T, { metadata: { labels, annotations } }: T): T {
  return { ...live, metadata: { ...live.metadata, labels: { ...labels, ...live.metadata.labels }, annotations: { ...annotations, ...live.metadata.annotations } } };
}

function aggregationOf(role: AnyRole): NonNullable<ClusterRole['aggregationRule']>['clusterRoleSelectors'] {
  const rule = (role as ClusterRole).aggregationRule;
  return rule === undefined ? undefined : (rule.clusterRoleSelectors ?? []);
}

function isSame(a: Subject, b: Subject): boolean {
  return a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '') && (a.apiGroup ?? '') === (b.apiGroup ?? '');
}

/** Into rules that grant one thing each. */
function split({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule): PolicyRule[] {
  const named = resourceNames.length === 0 ? [{}] : resourceNames.map((name) => ({ resourceNames: [name] }));
  return [
    ...apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.flatMap((verb) => named.map((names) => ({ apiGroups: [group], resources: [resource], verbs: [verb], ...names }))))),
    ...nonResourceURLs.flatMap((path) => verbs.map((verb) => ({ nonResourceURLs: [path], verbs: [verb] }))),
  ];
}

/** Whether one of the rules grants what `rule`, which grants one thing, does. */
function isCovered({ verbs: [verb = ''], apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule, rules: readonly PolicyRule[] | undefined): boolean {
  if (nonResourceURLs !== undefined) return allows(rules, { verb, path: nonResourceURLs[0]! });
  const [resource = '', subresource] = resources![0]!.split('/');
  return allows(rules, { verb, group: apiGroups![0]!, resource, subresource, name: resourceNames?.[0] });
}
