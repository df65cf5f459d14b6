/** Who a request is for, told to the server that answers it (upstream: transport.SetAuthProxyHeaders). */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { UserInfo } from '../../sdk/module.ts';
import { onwardHeaders } from '../../sdk/proxy/headers.ts';

/** As the other server gets it: without what says who asks, with what we found out about it. */
export function forwardedHeaders(http: IncomingMessage, user: UserInfo, host: string): OutgoingHttpHeaders {
  return { ...onwardHeaders(http), ...userHeaders(user), host };
}

/** Who a request is for, in the headers that extension-apiserver-authentication names. */
export function userHeaders({ name, uid, groups, extra = {} }: UserInfo): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { 'x-remote-user': bytes(name) };
  if (uid) headers['x-remote-uid'] = bytes(uid);
  if (groups.length > 0) headers['x-remote-group'] = groups.map(bytes);
  for (const [key, values] of Object.entries(extra)) if (values.length > 0) headers[`x-remote-extra-${escapeKey(key)}`] = values.map(bytes);
  return headers;
}

/** UTF-8 as the bytes of a header. */
function bytes(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return Buffer.from(text.replace(/[\r\n\0]/g, ' ')).toString('latin1');
}

/** What may not stand in the name of a header is escaped by percent signs. */
function escapeKey(key: string): string {
  return key.replace(/[^!#$&'*+\-.^_`|~0-9A-Za-z]/gu, (each) => [...Buffer.from(each)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''));
}
