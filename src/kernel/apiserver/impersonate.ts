/** Impersonation: a request made in the name of somebody else (upstream: endpoints/filters/impersonation.go). */
import type { IncomingMessage } from 'node:http';
import type { UserInfo } from '../../sdk/module.ts';
import type { Authorizer } from './authorize.ts';
import { badRequest, forbidden, type Attributes } from './errors.ts';

const EXTRA = 'impersonate-extra-';
const AUTHENTICATED = 'system:authenticated';
const UNAUTHENTICATED = 'system:unauthenticated';

/** The user that the request is made for: the asking one, unless headers name another. Throws Forbidden. */
export function impersonated(http: IncomingMessage, user: UserInfo, authorizer: Authorizer): UserInfo {
  const { headers } = http;
  const name = textOf(headers['impersonate-user']);
  const groups = listOf(http, 'impersonate-group');
  const uid = textOf(headers['impersonate-uid']);
  const extraKeys = Object.keys(headers).filter((key) => key.startsWith(EXTRA));
  if (name === undefined) {
    if (groups.length > 0 || uid !== undefined || extraKeys.length > 0) throw badRequest('requested impersonation without impersonating a user: set Impersonate-User');
    return user;
  }
  const may = (resource: NonNullable<Attributes['resource']>): void => {
    const attributes: Attributes = { user, verb: 'impersonate', resource };
    if (!authorizer.decide(attributes).allowed) throw forbidden(attributes);
  };
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  if (account === null) may({ group: '', plural: 'users', name });
  else may({ group: '', plural: 'serviceaccounts', namespace: account[1], name: account[2] });
  for (const group of groups) may({ group: '', plural: 'groups', name: group });
  if (uid !== undefined) may({ group: 'authentication.k8s.io', plural: 'uids', name: uid });
  const extra: Record<string, string[]> = {};
  for (const header of extraKeys) {
    const key = decodeURIComponentSafely(header.slice(EXTRA.length));
    extra[key] = listOf(http, header);
    for (const value of extra[key]) may({ group: 'authentication.k8s.io', plural: 'userextras', subresource: key, name: value });
  }
  const own = account === null ? [] : ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`];
  const all = [...(groups.length === 0 ? own : groups)];
  if (!groups.some((each) => each === AUTHENTICATED || each === UNAUTHENTICATED)) all.push(name === 'system:anonymous' ? UNAUTHENTICATED : AUTHENTICATED);
  return { name, groups: [...new Set(all)], ...(uid === undefined ? {} : { uid }), ...(extraKeys.length === 0 ? {} : { extra }) };
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** Each header line is one value; commas belong to it. */
function listOf(http: IncomingMessage, header: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < http.rawHeaders.length; at += 2) if (http.rawHeaders[at]!.toLowerCase() === header) values.push(http.rawHeaders[at + 1]!);
  return values;
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
