/** Which FlowSchema a request falls under, and which flow of it (upstream: apiserver util/flowcontrol, matching). Pure. */
import type { FlowSchema, PolicyRulesWithSubjects, Subject } from '../../../api/generated/flowcontrol-v1.ts';
import type { UserInfo } from '../../../sdk/module.ts';
import type { RequestInfo } from '../request-info.ts';

type Asked = Pick<RequestInfo, 'method' | 'path' | 'resource'>;

/** In the order in which they are tried. */
export function inOrder(schemas: readonly FlowSchema[]): FlowSchema[] {
  const precedence = ({ spec }: FlowSchema): number => spec?.matchingPrecedence ?? 1_000;
  return schemas.toSorted((a, b) => precedence(a) - precedence(b) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
}

/** Whether any request of the user can fall under it. */
export function mayConcern({ spec }: FlowSchema, user: UserInfo): boolean {
  return (spec?.rules ?? []).some((rule) => hasSubject(rule, user));
}

export function schemaFor(ordered: readonly FlowSchema[], user: UserInfo, asked: Asked): FlowSchema | undefined {
  for (const schema of ordered) for (const rule of schema.spec?.rules ?? []) if (hasSubject(rule, user) && speaksOf(rule, asked)) return schema;
  return undefined;
}

/** Requests of one flow wait for each other, not for those of another. */
export function flowOf({ metadata, spec }: FlowSchema, user: UserInfo, { resource }: Asked): string {
  switch (spec?.distinguisherMethod?.type) {
    case 'ByUser': return `${metadata.name}/${user.name}`;
    case 'ByNamespace': return `${metadata.name}/${(resource && namespaceOf(resource)) ?? ''}`;
    default: return metadata.name ?? '';
  }
}

/** A namespace is also the place that it is itself in. */
function namespaceOf({ namespace, group, plural, name }: NonNullable<Asked['resource']>): string | undefined {
  return namespace ?? (group === '' && plural === 'namespaces' ? name : undefined);
}

function hasSubject({ subjects }: PolicyRulesWithSubjects, user: UserInfo): boolean {
  for (const subject of subjects) if (isSubject(subject, user)) return true;
  return false;
}

function isSubject({ kind, user: named, group, serviceAccount }: Subject, user: UserInfo): boolean {
  switch (kind) {
    case 'User': return named?.name === '*' || named?.name === user.name;
    case 'Group': return group?.name === '*' || user.groups.includes(group?.name ?? '');
    case 'ServiceAccount': return serviceAccount?.name === '*' ? user.name.startsWith(`system:serviceaccount:${serviceAccount.namespace}:`) : user.name === `system:serviceaccount:${serviceAccount?.namespace}:${serviceAccount?.name}`;
    default: return false;
  }
}

function has(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(value));
}

function speaksOf({ resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects, { method, path, resource }: Asked): boolean {
  if (resource === undefined) {
    return nonResourceRules.some((rule) => has(rule.verbs, method.toLowerCase()) && rule.nonResourceURLs.some((url) => url === '*' || url === path || (url.endsWith('/*') && path.startsWith(url.slice(0, -1)))));
  }
  const named = resource.subresource === undefined ? resource.plural : `${resource.plural}/${resource.subresource}`;
  const namespace = namespaceOf(resource);
  return resourceRules.some((rule) => has(rule.verbs, resource.verb) && has(rule.apiGroups, resource.group) && has(rule.resources, named)
    && (namespace === undefined ? rule.clusterScope === true : has(rule.namespaces, namespace)));
}
