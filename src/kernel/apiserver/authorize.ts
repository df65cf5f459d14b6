/** Authorize: who may do what. Masters everything, everyone a look at what is served and at themselves, the rest by rules (RBAC). */
import type { UserInfo } from '../../sdk/module.ts';
import type { Attributes } from './errors.ts';

/** rbac/v1 PolicyRule. */
export interface PolicyRule {
  verbs: readonly string[];
  apiGroups?: readonly string[];
  resources?: readonly string[];
  resourceNames?: readonly string[];
  nonResourceURLs?: readonly string[];
}

export interface Decision {
  allowed: boolean;
  reason: string;
}

export interface Authorizer {
  decide(attributes: Attributes): Decision;
  /** The rules that a user has in a namespace, as far as they are rules (SelfSubjectRulesReview). */
  rulesOf(user: UserInfo, namespace: string): PolicyRule[];
  /** Whether these are all that the user may do. */
  isEnumerable(user: UserInfo): boolean;
}

/** Decides for users that nothing else decided about. */
export interface RuleSource {
  /** undefined, or not allowed with the reason, leaves it to the others. */
  allows(attributes: Attributes): Decision | undefined;
  rulesOf(user: UserInfo, namespace: string): PolicyRule[];
  /** Whether `rulesOf` says all that the user may do; default true. */
  isEnumerable?(user: UserInfo): boolean;
}

const MASTERS = 'system:masters';
const AUTHENTICATED = 'system:authenticated';
const EVERYTHING: PolicyRule[] = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }];
/** What upstream grants to system:discovery, system:public-info-viewer and system:basic-user. */
const EVERYONE: PolicyRule[] = [
  { verbs: ['get'], nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/healthz/*', '/livez', '/livez/*', '/readyz', '/readyz/*', '/openapi', '/openapi/*', '/version', '/version/'] },
  { verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'] },
  { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
];

export function createAuthorizer(sources: readonly RuleSource[]): Authorizer {
  return {
    decide(attributes) {
      const { groups } = attributes.user;
      if (groups.includes(MASTERS)) return { allowed: true, reason: '' };
      if (groups.includes(AUTHENTICATED) && EVERYONE.some((rule) => covers(rule, attributes))) return { allowed: true, reason: '' };
      let reasons = '';
      for (const source of sources) {
        const decision = source.allows(attributes);
        if (decision === undefined) continue;
        if (decision.allowed) return decision;
        if (decision.reason !== '') reasons += reasons === '' ? decision.reason : `\n${decision.reason}`;
      }
      return { allowed: false, reason: reasons };
    },
    rulesOf(user, namespace) {
      if (user.groups.includes(MASTERS)) return EVERYTHING;
      const granted = sources.flatMap((source) => source.rulesOf(user, namespace));
      return user.groups.includes(AUTHENTICATED) ? [...EVERYONE.flatMap((rule) => unsaid(rule, granted, user)), ...granted] : granted;
    },
    isEnumerable: (user) => user.groups.includes(MASTERS) || sources.every((source) => source.isEnumerable?.(user) !== false),
  };
}

/** What of a rule of EVERYONE others do not say, as the roles do that clusters have by default. */
function unsaid(rule: PolicyRule, granted: readonly PolicyRule[], user: UserInfo): PolicyRule[] {
  const verb = rule.verbs[0]!;
  const isNew = (attributes: Attributes): boolean => !granted.some((other) => covers(other, attributes));
  const left = { ...rule };
  if (rule.nonResourceURLs !== undefined) left.nonResourceURLs = rule.nonResourceURLs.filter((path) => isNew({ user, verb, path }));
  if (rule.resources !== undefined) left.resources = rule.resources.filter((plural) => isNew({ user, verb, resource: { group: rule.apiGroups![0]!, plural } }));
  return (left.nonResourceURLs ?? left.resources ?? []).length === 0 ? [] : [left];
}

/** Whether one rule grants what is asked (upstream: rbac/v1 evaluation helpers). */
export function covers(rule: PolicyRule, attributes: Attributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false;
  const { resource } = attributes;
  if (resource === undefined) return (rule.nonResourceURLs ?? []).some((url) => url === '*' || url === attributes.path || (url.endsWith('*') && (attributes.path ?? '').startsWith(url.slice(0, -1))));
  if (!has(rule.apiGroups ?? [], resource.group)) return false;
  const named = resource.subresource === undefined ? resource.plural : `${resource.plural}/${resource.subresource}`;
  const byResource = (rule.resources ?? []).some((each) => each === '*' || each === named || (resource.subresource !== undefined && each === `*/${resource.subresource}`));
  if (!byResource) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || (resource.name !== undefined && names.includes(resource.name));
}

function has(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value);
}
