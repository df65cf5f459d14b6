/** The audit policy: which requests are told of, and how much (audit.k8s.io/v1 Policy; upstream: apiserver/pkg/audit/policy). */
import { dns1123SubdomainErrors } from '../../../api/names.ts';
import { isJsonObject } from '../../../api/json.ts';
import type { Attributes } from '../errors.ts';

export type Level = 'None' | 'Metadata' | 'Request' | 'RequestResponse';
export type Stage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic';

export interface AuditRule {
  level: Level;
  users?: readonly string[];
  userGroups?: readonly string[];
  verbs?: readonly string[];
  resources?: readonly { group?: string; resources?: readonly string[]; resourceNames?: readonly string[] }[];
  namespaces?: readonly string[];
  nonResourceURLs?: readonly string[];
  omitStages?: readonly Stage[];
  omitManagedFields?: boolean;
}

export interface AuditPolicy {
  rules: readonly AuditRule[];
  omitStages?: readonly Stage[];
  omitManagedFields?: boolean;
}

export interface Verdict {
  level: Level;
  omitStages: ReadonlySet<Stage>;
  omitManagedFields: boolean;
}

const LEVELS: readonly string[] = ['None', 'Metadata', 'Request', 'RequestResponse'];
const STAGES: readonly string[] = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'];
const TEXT_LISTS = ['users', 'userGroups', 'verbs', 'namespaces', 'nonResourceURLs', 'omitStages'] as const;

/**
 * What an audit log has where nobody says otherwise: who did what to what, and how it ended; never a body, so that nothing secret comes into
 * it. Probes of health and documents that say what is served are left out.
 */
export const DEFAULT_POLICY: AuditPolicy = {
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', verbs: ['get', 'head'], nonResourceURLs: ['/healthz*', '/livez*', '/readyz*', '/version', '/openapi/*', '/api', '/api/*', '/apis', '/apis/*', '/metrics'] },
    { level: 'None', verbs: ['get', 'list', 'watch', 'update', 'patch'], resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }] },
    { level: 'None', resources: [{ group: '', resources: ['events'] }, { group: 'events.k8s.io', resources: ['events'] }] },
    // Modules look at what they keep all the time.
    { level: 'None', verbs: ['get', 'list', 'watch'], userGroups: ['system:llmos'] },
    { level: 'Metadata' },
  ],
};

/** A parsed document to a policy. Throws an Error that names what is wrong. */
export function checkPolicy(document: unknown): AuditPolicy {
  if (!isJsonObject(document)) throw new Error('an audit policy is a mapping with apiVersion, kind and rules');
  const { apiVersion, kind, rules } = document as { apiVersion?: unknown; kind?: unknown; rules?: unknown };
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy') throw new Error(`an audit policy is of apiVersion audit.k8s.io/v1 and kind Policy, not ${String(apiVersion)} ${String(kind)}`);
  known(document, ['apiVersion', 'kind', 'metadata', 'rules', 'omitStages', 'omitManagedFields'], '');
  if (!Array.isArray(rules) || rules.length === 0) throw new Error('rules must have at least one rule');
  stages((document as { omitStages?: unknown }).omitStages, 'omitStages');
  flag((document as { omitManagedFields?: unknown }).omitManagedFields, 'omitManagedFields');
  rules.forEach((rule, index) => checkRule(rule, `rules[${index}]`));
  return document as unknown as AuditPolicy;
}

function checkRule(rule: unknown, at: string): void {
  if (!isJsonObject(rule)) throw new Error(`${at} must be a mapping`);
  known(rule, ['level', 'resources', 'omitManagedFields', ...TEXT_LISTS], at);
  const { level, resources, nonResourceURLs, namespaces, omitStages, omitManagedFields } = rule as unknown as AuditRule;
  if (!LEVELS.includes(level)) throw new Error(`${at}.level must be one of ${LEVELS.join(', ')}, not ${String(level)}`);
  for (const key of TEXT_LISTS) texts((rule as Record<string, unknown>)[key], `${at}.${key}`);
  stages(omitStages, `${at}.omitStages`);
  flag(omitManagedFields, `${at}.omitManagedFields`);
  for (const url of nonResourceURLs ?? []) {
    if (url !== '*' && !url.startsWith('/')) throw new Error(`${at}.nonResourceURLs: ${url} must begin with a '/' character`);
    if (url.slice(0, -1).includes('*')) throw new Error(`${at}.nonResourceURLs: a '*' must be the final character of ${url}`);
  }
  if (resources !== undefined && !Array.isArray(resources)) throw new Error(`${at}.resources must be a list`);
  for (const [index, each] of (resources ?? []).entries()) checkResources(each, `${at}.resources[${index}]`);
  if ((nonResourceURLs ?? []).length > 0 && ((resources ?? []).length > 0 || (namespaces ?? []).length > 0)) throw new Error(`${at}: rules cannot apply to both regular resources and non-resource URLs`);
}

function checkResources(value: unknown, at: string): void {
  if (!isJsonObject(value)) throw new Error(`${at} must be a mapping`);
  known(value, ['group', 'resources', 'resourceNames'], at);
  const { group, resources, resourceNames } = value as { group?: unknown; resources?: unknown; resourceNames?: unknown };
  if (group !== undefined && (typeof group !== 'string' || (group !== '' && group !== '*' && dns1123SubdomainErrors(group).length > 0))) throw new Error(`${at}.group must be the name of a group without a version, not ${String(group)}`);
  texts(resources, `${at}.resources`);
  texts(resourceNames, `${at}.resourceNames`);
  if (Array.isArray(resourceNames) && resourceNames.length > 0 && !(Array.isArray(resources) && resources.length > 0)) throw new Error(`${at}: using resourceNames requires at least one resource`);
}

function known(value: object, keys: readonly string[], at: string): void {
  for (const key of Object.keys(value)) if (!keys.includes(key)) throw new Error(`unknown field ${at === '' ? '' : `${at}.`}${key}; known here: ${keys.join(', ')}`);
}

function texts(value: unknown, at: string): void {
  if (value !== undefined && !(Array.isArray(value) && value.every((each) => typeof each === 'string'))) throw new Error(`${at} must be a list of texts`);
}

function stages(value: unknown, at: string): void {
  texts(value, at);
  for (const each of (value ?? []) as string[]) if (!STAGES.includes(each)) throw new Error(`${at}: allowed stages are ${STAGES.join(', ')}, not ${each}`);
}

function flag(value: unknown, at: string): void {
  if (value !== undefined && typeof value !== 'boolean') throw new Error(`${at} must be true or false`);
}

const NONE: Verdict = { level: 'None', omitStages: new Set(), omitManagedFields: false };

/** The first rule that matches decides; where none does nothing is told. `user` is absent when nobody was known. */
export function evaluator(policy: AuditPolicy): (attributes: Omit<Attributes, 'user'> & Partial<Pick<Attributes, 'user'>>) => Verdict {
  const rules = policy.rules.map((rule) => ({
    rule,
    verdict: { level: rule.level, omitStages: new Set([...(policy.omitStages ?? []), ...(rule.omitStages ?? [])]), omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields ?? false },
  }));
  return (attributes) => rules.find(({ rule }) => matches(rule, attributes))?.verdict ?? NONE;
}

function matches(rule: AuditRule, { user, verb, resource, path }: Parameters<ReturnType<typeof evaluator>>[0]): boolean {
  if (isSome(rule.users) && (user === undefined || !rule.users.includes(user.name))) return false;
  if (isSome(rule.userGroups) && !(user?.groups ?? []).some((group) => rule.userGroups!.includes(group))) return false;
  if (isSome(rule.verbs) && !rule.verbs.includes(verb)) return false;
  if (isSome(rule.namespaces) || isSome(rule.resources)) return resource !== undefined && matchesResource(rule, resource);
  if (isSome(rule.nonResourceURLs)) return resource === undefined && rule.nonResourceURLs.some((url) => url === '*' || url === path || (url.endsWith('*') && (path ?? '').startsWith(url.slice(0, -1))));
  return true;
}

function isSome<T>(list: readonly T[] | undefined): list is readonly T[] {
  return list !== undefined && list.length > 0;
}

function matchesResource(rule: AuditRule, resource: NonNullable<Attributes['resource']>): boolean {
  if (isSome(rule.namespaces) && !rule.namespaces.includes(resource.namespace ?? '')) return false;
  if (!isSome(rule.resources)) return true;
  const { plural, subresource = '' } = resource;
  const whole = subresource === '' ? plural : `${plural}/${subresource}`;
  return rule.resources.some(({ group = '', resources, resourceNames }) => {
    if (group !== '*' && group !== resource.group) return false;
    if (!isSome(resources)) return true;
    if (isSome(resourceNames) && !resourceNames.includes(resource.name ?? '')) return false;
    return resources.some((each) => each === '*' || each === whole || each === `${plural}/*` || (subresource !== '' && each === `*/${subresource}`));
  });
}
