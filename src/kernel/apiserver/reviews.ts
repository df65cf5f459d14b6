/** Reviews: what a client may ask about itself and others (authentication.k8s.io and authorization.k8s.io v1). */
import { isJsonObject } from '../../api/json.ts';
import type { KubeObject } from '../../api/meta.ts';
import { rfc3339, type Clock } from '../../base/clock.ts';
import type { UserInfo } from '../../sdk/module.ts';
import type { Authenticator } from './authenticate.ts';
import type { Authorizer } from './authorize.ts';
import { badRequest, type Attributes } from './errors.ts';
import { checkReview } from './review-validation.ts';
import type { VirtualResource } from './virtual.ts';

interface AccessSpec {
  resourceAttributes?: { namespace?: string; verb?: string; group?: string; version?: string; resource?: string; subresource?: string; name?: string; fieldSelector?: { rawSelector?: string; requirements?: { key?: string; operator?: string; values?: string[] }[] } };
  nonResourceAttributes?: { path?: string; verb?: string };
  user?: string;
  groups?: string[];
  uid?: string;
  extra?: Record<string, string[]>;
}

export function reviewResources(options: { authorizer: Authorizer; authenticator: Authenticator; clock: Clock; audiences: readonly string[] }): VirtualResource[] {
  const { authorizer } = options;
  const access = (user: UserInfo, spec: AccessSpec): object => {
    const { allowed, reason } = authorizer.decide(attributesOf(user, spec));
    return reason === '' ? { allowed } : { allowed, reason };
  };
  const authorization = { group: 'authorization.k8s.io', version: 'v1' };
  const authentication = { group: 'authentication.k8s.io', version: 'v1' };
  return [
    {
      ...authentication, kind: 'SelfSubjectReview', plural: 'selfsubjectreviews', namespaced: false,
      create: (body, { user }) => answer(body, { userInfo: userInfoOf(user) }, rfc3339(options.clock.nowMs())),
    },
    {
      ...authentication, kind: 'TokenReview', plural: 'tokenreviews', namespaced: false,
      create: async (body) => answer(body, await tokenStatus(specOf(body), options)),
    },
    {
      ...authorization, kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', namespaced: false,
      create(body, { user }) {
        checkReview(body, { kind: 'SelfSubjectAccessReview', ofUser: false });
        return answer(body, access(user, specOf(body)));
      },
    },
    {
      ...authorization, kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', namespaced: false,
      create: (body, { user }) => answer(body, rulesStatus(authorizer, user, specOf(body) as { namespace?: string })),
    },
    {
      ...authorization, kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', namespaced: false,
      create(body) {
        checkReview(body, { kind: 'SubjectAccessReview', ofUser: true });
        return answer(body, access(otherUser(specOf(body)), specOf(body)));
      },
    },
    {
      ...authorization, kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews', namespaced: true,
      create(body, { namespace }) {
        const spec = specOf<AccessSpec>(body);
        if (body.metadata?.namespace && body.metadata.namespace !== namespace) throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
        checkReview(body, { kind: 'LocalSubjectAccessReview', ofUser: true, namespace });
        return answer(body, access(otherUser(spec), spec));
      },
    },
  ];
}

function answer(body: KubeObject, status: object, creationTimestamp?: string): KubeObject {
  const metadata = creationTimestamp === undefined ? {} : { creationTimestamp };
  return { ...body, metadata: { ...metadata, ...(isJsonObject(body.metadata) ? body.metadata : {}) }, status } as KubeObject;
}

function specOf<T = AccessSpec>(body: KubeObject): T {
  const { spec } = body as { spec?: unknown };
  return (isJsonObject(spec) ? spec : {}) as T;
}

function attributesOf(user: UserInfo, spec: AccessSpec): Attributes {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  if (!resource) return { user, verb: path!.verb ?? '', path: path!.path ?? '' };
  const named = { group: resource.group ?? '', plural: resource.resource ?? '', ...optional('subresource', resource.subresource), ...optional('namespace', resource.namespace), ...optional('name', resource.name), ...optional('fieldSelector', fieldSelectorOf(resource.fieldSelector)) };
  return { user, verb: resource.verb ?? '', resource: named };
}

type FieldSelectorAttributes = NonNullable<AccessSpec['resourceAttributes']>['fieldSelector'];

/** As a request would have it. What has no such form restricts nothing. */
function fieldSelectorOf(selector: FieldSelectorAttributes): string {
  if (typeof selector?.rawSelector === 'string' && selector.rawSelector !== '') return selector.rawSelector;
  const terms = (selector?.requirements ?? []).filter(({ operator, values }) => values?.length === 1 && (operator === 'In' || operator === 'NotIn'));
  return terms.map(({ key = '', operator, values }) => `${key}${operator === 'In' ? '=' : '!='}${values![0]!.replace(/[\\,=]/g, '\\$&')}`).join(',');
}

function optional(key: string, value: string | undefined): Record<string, string> {
  return value === undefined || value === '' ? {} : { [key]: value };
}

function otherUser(spec: AccessSpec): UserInfo {
  const name = typeof spec.user === 'string' ? spec.user : '';
  const groups = Array.isArray(spec.groups) ? spec.groups : [];
  return { name, groups };
}

function userInfoOf(user: UserInfo): object {
  return { username: user.name, ...(user.uid === undefined ? {} : { uid: user.uid }), groups: user.groups, ...(user.extra === undefined ? {} : { extra: user.extra }) };
}

async function tokenStatus(spec: { token?: string; audiences?: string[] } | AccessSpec, options: { authenticator: Authenticator; audiences: readonly string[] }): Promise<object> {
  const { token, audiences } = spec as { token?: string; audiences?: string[] };
  const wanted = audiences === undefined || audiences.length === 0 ? options.audiences : audiences;
  if (typeof token !== 'string' || token === '') throw badRequest('token is required for TokenReview in authentication');
  const { authenticator } = options;
  const user = authenticator.ofToken(token, wanted) ?? (await authenticator.outside?.ofToken(token, wanted));
  if (user === undefined) return { user: {}, error: 'the token is not one of this cluster, has ended, or is for another audience' };
  return { authenticated: true, user: userInfoOf(user), audiences: authenticator.audiencesOf(token, wanted) };
}

function rulesStatus(authorizer: Authorizer, user: UserInfo, spec: { namespace?: string }): object {
  if (!spec.namespace) throw badRequest('no namespace on request');
  const rules = authorizer.rulesOf(user, spec.namespace);
  const resourceRules = rules.filter((rule) => rule.resources !== undefined).map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, ...(resourceNames === undefined ? {} : { resourceNames }) }));
  const nonResourceRules = rules.filter((rule) => rule.nonResourceURLs !== undefined).map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs }));
  if (authorizer.isEnumerable(user)) return { resourceRules, nonResourceRules, incomplete: false };
  return { resourceRules, nonResourceRules, incomplete: true, evaluationError: 'node authorizer does not support user rule resolution' };
}
