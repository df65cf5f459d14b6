/**
 * Impersonation: a request made in the name of somebody else (upstream: endpoints/filters/impersonation). Rights are of two sorts:
 * `impersonate` lets somebody be another in all they do; constrained impersonation (KEP 5284) needs two rights, one on who
 * (`impersonate:MODE`) and one on what is done so (`impersonate-on:MODE:VERB`). The narrower sort is tried first.
 */
import type { IncomingMessage } from 'node:http';
import { dns1123SubdomainErrors } from '../../api/names.ts';
import type { UserInfo } from '../../sdk/module.ts';
import type { Authorizer } from './authorize.ts';
import { badRequest, forbidden, type Attributes } from './errors.ts';

/** Who the headers name; nothing is filled in. */
interface Wanted { name: string; uid?: string; groups: readonly string[]; extra: Readonly<Record<string, readonly string[]>> }

type Mode = 'associated-node' | 'arbitrary-node' | 'serviceaccount' | 'user-info';

export interface Impersonated {
  user: UserInfo;
  /** The right that allowed it where it was a constrained one, such as `impersonate:serviceaccount`. */
  constraint?: string;
}

const EXTRA = 'impersonate-extra-';
const AUTHENTICATED = 'system:authenticated';
const UNAUTHENTICATED = 'system:unauthenticated';
const MASTERS = 'system:masters';
const NODE = 'system:node:';
const NODES = 'system:nodes';
const AUTHENTICATION = 'authentication.k8s.io';
const NODE_NAME = 'authentication.kubernetes.io/node-name';
const ASSOCIATED_KEYS = 'authentication.kubernetes.io/associated-node-keys';

/** The user that the request is made for, when its headers name one; `attributesOf` says what it wants to do. Throws Forbidden and BadRequest. */
export function impersonated(http: IncomingMessage, authorizer: Authorizer, attributesOf: () => Attributes): Impersonated | undefined {
  const wanted = wantedOf(http);
  if (wanted === undefined) return undefined;
  const asked = attributesOf();
  let refusal: unknown;
  for (const mode of modesFor(wanted, asked.user)) {
    const attributes = mode === 'associated-node' ? { ...asked, user: onItsNode(asked.user) } : asked;
    if (!authorizer.decide({ ...attributes, verb: `impersonate-on:${mode}:${asked.verb}` }).allowed) continue;
    try {
      return constrained(mode, wanted, attributes.user, authorizer);
    } catch (error) {
      refusal ??= error;
    }
  }
  try {
    return unconstrained(wanted, asked.user, authorizer);
  } catch (error) {
    throw refusal ?? error;
  }
}

function wantedOf(http: IncomingMessage): Wanted | undefined {
  const { headers } = http;
  const name = textOf(headers['impersonate-user']);
  const uid = textOf(headers['impersonate-uid']);
  const groups = listOf(http, 'impersonate-group');
  const extra = Object.fromEntries(Object.keys(headers).filter((key) => key.startsWith(EXTRA)).map((key) => [decodeURIComponentSafely(key.slice(EXTRA.length)), listOf(http, key)]));
  if (name !== undefined) return { name, ...(uid === undefined ? {} : { uid }), groups, extra };
  if (groups.length > 0 || uid !== undefined || Object.keys(extra).length > 0) throw badRequest('requested impersonation without impersonating a user: set Impersonate-User');
  return undefined;
}

/** Of nodes and service accounts only the name may be said: the rest follows from it. */
function modesFor({ name, uid, groups, extra }: Wanted, requestor: UserInfo): Mode[] {
  const onlyName = uid === undefined && groups.length === 0 && Object.keys(extra).length === 0;
  const node = nodeOf(name);
  if (node !== undefined) {
    const itsNode = requestor.extra?.[NODE_NAME];
    const isItsNode = accountOf(requestor.name) !== undefined && itsNode?.length === 1 && itsNode[0] === node;
    return !onlyName ? [] : isItsNode ? ['associated-node', 'arbitrary-node'] : ['arbitrary-node'];
  }
  if (accountOf(name) !== undefined) return onlyName ? ['serviceaccount'] : [];
  return ['user-info'];
}

/** What decides of a service account on its own node does not depend on which node that is. */
function onItsNode(requestor: UserInfo): UserInfo {
  return { ...requestor, extra: { [ASSOCIATED_KEYS]: Object.keys(requestor.extra ?? {}).sort() } };
}

function constrained(mode: Mode, wanted: Wanted, requestor: UserInfo, authorizer: Authorizer): Impersonated {
  const verb = `impersonate:${mode}`;
  const may = (resource: NonNullable<Attributes['resource']>): void => demand(authorizer, { user: requestor, verb, resource });
  const node = nodeOf(wanted.name);
  const account = accountOf(wanted.name);
  if (node !== undefined) may({ group: AUTHENTICATION, plural: 'nodes', name: mode === 'associated-node' ? '*' : node });
  else if (account !== undefined) may({ group: AUTHENTICATION, plural: 'serviceaccounts', ...account });
  else may({ group: AUTHENTICATION, plural: 'users', name: wanted.name });
  const refuse = (plural: string, why: string): never => { throw forbidden({ user: requestor, verb, resource: { group: AUTHENTICATION, plural } }, why); };
  if (wanted.groups.includes('')) refuse('groups', 'impersonating the empty string group is not allowed');
  if (wanted.groups.includes(MASTERS)) refuse('groups', 'impersonating the system:masters group is not allowed');
  for (const [key, values] of Object.entries(wanted.extra)) {
    if (!isDomainPrefixedPath(key)) refuse('userextras', `impersonating an invalid key in extra is not allowed: ${JSON.stringify(key)} must be a lowercase path with a domain, such as example.com/team`);
    if (values.includes('')) refuse('userextras', 'impersonating the empty string value in extra is not allowed');
  }
  rightsOnTheRest(AUTHENTICATION, wanted, may);
  return { user: complete(wanted, node !== undefined ? [NODES] : account !== undefined ? groupsOf(account) : wanted.groups), constraint: verb };
}

function unconstrained(wanted: Wanted, requestor: UserInfo, authorizer: Authorizer): Impersonated {
  const may = (resource: NonNullable<Attributes['resource']>): void => demand(authorizer, { user: requestor, verb: 'impersonate', resource });
  const account = accountOf(wanted.name);
  if (account === undefined) may({ group: '', plural: 'users', name: wanted.name });
  else may({ group: '', plural: 'serviceaccounts', ...account });
  rightsOnTheRest('', wanted, may);
  return { user: complete(wanted, wanted.groups.length === 0 && account !== undefined ? groupsOf(account) : wanted.groups) };
}

function rightsOnTheRest(group: string, wanted: Wanted, may: (resource: NonNullable<Attributes['resource']>) => void): void {
  for (const name of wanted.groups) may({ group, plural: 'groups', name });
  if (wanted.uid !== undefined) may({ group: AUTHENTICATION, plural: 'uids', name: wanted.uid });
  for (const [key, values] of Object.entries(wanted.extra)) for (const name of values) may({ group: AUTHENTICATION, plural: 'userextras', subresource: key, name });
}

function demand(authorizer: Authorizer, attributes: Attributes): void {
  const { allowed, reason } = authorizer.decide(attributes);
  if (!allowed) throw forbidden(attributes, reason);
}

function complete({ name, uid, extra }: Wanted, groups: readonly string[]): UserInfo {
  const told = groups.some((each) => each === AUTHENTICATED || each === UNAUTHENTICATED);
  const all = told ? groups : [...groups, name === 'system:anonymous' ? UNAUTHENTICATED : AUTHENTICATED];
  return { name, groups: [...new Set(all)], ...(uid === undefined ? {} : { uid }), ...(Object.keys(extra).length === 0 ? {} : { extra: extra as Record<string, string[]> }) };
}

function nodeOf(name: string): string | undefined {
  const node = name.startsWith(NODE) ? name.slice(NODE.length) : '';
  return node !== '' && dns1123SubdomainErrors(node).length === 0 ? node : undefined;
}

function accountOf(name: string): { namespace: string; name: string } | undefined {
  const match = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  return match === null ? undefined : { namespace: match[1]!, name: match[2]! };
}

function groupsOf({ namespace }: { namespace: string }): string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

function isDomainPrefixedPath(key: string): boolean {
  const slash = key.indexOf('/');
  return slash > 0 && slash < key.length - 1 && key === key.toLowerCase() && dns1123SubdomainErrors(key.slice(0, slash)).length === 0 && /^[a-z0-9/\-._~%!$&'()*+,;=:]+$/.test(key.slice(slash + 1));
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
