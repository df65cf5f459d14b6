/** What a request wants, and whether who asks may have it. */
import type { UserInfo } from '../../sdk/module.ts';
import { forbidden, type Attributes } from './errors.ts';
import type { Asked } from './parts.ts';
import type { RequestInfo, ResourceRequest } from './request-info.ts';

/** A list or watch of one name asks for rights on that name only (upstream: requestinfo.go). */
function named(resource: ResourceRequest, info: RequestInfo): ResourceRequest {
  if (resource.name !== undefined || (resource.verb !== 'list' && resource.verb !== 'watch')) return resource;
  const name = /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(info.query.get('fieldSelector') ?? '')?.[1];
  return name === undefined ? resource : { ...resource, name };
}

/** What authorization may look at of a list or watch. */
function selectedOf({ verb }: ResourceRequest, { query }: RequestInfo): string | undefined {
  return verb === 'list' || verb === 'watch' || verb === 'deletecollection' ? query.get('fieldSelector') || undefined : undefined;
}

/** What a request wants, before it is known whether there is such a thing. */
export function attributesOfRequest(user: UserInfo, info: RequestInfo): Attributes {
  if (info.resource === undefined) return { user, verb: info.method.toLowerCase(), path: info.path };
  return attributesOf(user, named(info.resource, info), info.resource.verb, selectedOf(info.resource, info));
}

/** Of one verb, whatever the method of the request. */
export function attributesOf(user: UserInfo, resource: ResourceRequest, verb: string, fieldSelector?: string): Attributes {
  const { group, version, plural, subresource, namespace, name } = resource;
  // A namespace is also the place that it is itself in, as upstream sees it.
  return { user, verb, resource: { group, version, plural, subresource, namespace: namespace ?? (group === '' && plural === 'namespaces' ? name : undefined), name, ...(fieldSelector === undefined ? {} : { fieldSelector }) } };
}

/** Throws Forbidden where the user may not. The audit log is told of the decision. */
export function authorize({ parts, incoming: { audit } }: Asked, attributes: Attributes): void {
  const { allowed, reason } = parts.authorizer.decide(attributes);
  audit?.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
  audit?.annotate('authorization.k8s.io/reason', reason);
  if (!allowed) throw forbidden(attributes, reason);
}

/** The same of what the request turns out to want as well: its decision in the audit log is the one on the request itself. */
export function authorizeFurther({ parts }: Asked, attributes: Attributes): void {
  const { allowed, reason } = parts.authorizer.decide(attributes);
  if (!allowed) throw forbidden(attributes, reason);
}
