/** Requests of a session go to who answered the first of them (SessionPersistence, GEP-1619), known by a cookie or a header. Neither is kept here, so that sessions outlive HAProxy. Pure. */
import { createHash } from 'node:crypto';
import type { SessionPersistence } from '../../../api/gateway/types.ts';
import { parseDuration } from '../../../api/times.ts';
import type { Target } from '../rules.ts';
import { argument, literal, quoted } from './words.ts';

const DEFAULT_NAME = 'llmos-session';

/** Of cookies that have none each rule has its own: one that rules shared would be lost to the next of them that a client asks. */
function nameOf({ sessionName, type }: SessionPersistence, id: string): string {
  return sessionName ?? (type === 'Header' ? DEFAULT_NAME : `${DEFAULT_NAME}-${createHash('sha256').update(id).digest('hex').slice(0, 8)}`);
}

/** Lines of the backend of a rule; `id` names the rule. With `mark` its sessions say which of several Services they are at. */
export function sessionLines(session: SessionPersistence, id: string, mark?: string): string[] {
  const name = nameOf(session, id);
  return session.type === 'Header' ? headerLines(argument(name), session, mark) : [...cookieLines(argument(name), session, id), ...(mark === undefined ? [] : markLines(name, session, mark))];
}

/** By which sessions know the Service that they are at. */
export function markOf({ serviceKey, portName }: NonNullable<Target['backend']>): string {
  return createHash('sha256').update(`${serviceKey}:${portName}`).digest('hex').slice(0, 8);
}

/** Whether a request is of a session at the Service of that mark, which has not ended: it goes there whatever the weights are (GEP-1619, "Traffic Splitting"). */
export function isAtService(session: SessionPersistence, id: string, mark: string): string {
  const name = argument(nameOf(session, id));
  const isHeader = session.type === 'Header';
  const value = isHeader ? `req.fhdr(${name}),b64dec` : `req.cook(${name})`;
  const lasts = endsOf(session).map(({ word, variable, seconds }) => `{ ${value},word(${word},.),set-var(${variable}) -m found } { date,sub(${variable}) -m int lt ${seconds} }`);
  return [isHeader ? `{ ${value},word(4,.) -m str ${mark} }` : `{ ${value} -m beg ${mark}. }`, ...lasts].join(' ');
}

/** By what a session ends: since when it counts, and where that stands in what a client sends, in words between dots. */
function endsOf({ absoluteTimeout, idleTimeout }: SessionPersistence): { word: number; variable: string; seconds: number }[] {
  return [{ word: 2, variable: 'txn.begun', timeout: absoluteTimeout }, { word: 3, variable: 'txn.seen', timeout: idleTimeout }].flatMap(({ timeout, ...rest }) => (timeout === undefined ? [] : [{ ...rest, seconds: secondsOf(timeout) }]));
}

/** Before what HAProxy itself puts into the cookie and looks for in it stand the mark, when the session began, and when it was last seen, in seconds. */
function markLines(name: string, session: SessionPersistence, mark: string): string[] {
  const cookie = `req.cook(${argument(name)})`;
  const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return [
    ...['txn.begun', 'txn.seen'].map((variable, index) => `http-request set-var(${variable}) ${cookie},word(${index + 2},.) if { ${cookie} -m beg ${mark}. }`),
    ...endsOf(session).map(({ variable, seconds }) => `http-request unset-var(txn.begun) if { date,sub(${variable}) -m int ge ${seconds} }`),
    'http-request set-var(txn.begun) date if !{ var(txn.begun) -m found }',
    `http-request replace-header Cookie ${quoted(`^(.*; *)?${pattern}=${mark}[.][0-9]+[.][0-9]+[.](.*)$`)} ${quoted(`\\1${literal(name)}=\\2`)}`,
    `http-after-response replace-header Set-Cookie ${quoted(`^${pattern}=(.*)$`)} ${quoted(`${literal(name)}=${mark}.%[var(txn.begun)].%[date].\\1`)}`,
  ];
}

const secondsOf = (duration: string): number => Math.max(1, Math.round(parseDuration(duration) / 1_000_000_000));

function cookieLines(name: string, { absoluteTimeout, idleTimeout, cookieConfig }: SessionPersistence, id: string): string[] {
  const kept = cookieConfig?.lifetimeType === 'Permanent' && absoluteTimeout !== undefined ? ` attr Max-Age=${secondsOf(absoluteTimeout)}` : '';
  const ends = `${idleTimeout === undefined ? '' : ` maxidle ${secondsOf(idleTimeout)}s`}${absoluteTimeout === undefined ? '' : ` maxlife ${secondsOf(absoluteTimeout)}s`}`;
  return [`dynamic-cookie-key ${createHash('sha256').update(id).digest('hex').slice(0, 32)}`, `cookie ${name} insert indirect nocache httponly dynamic${ends}${kept}`];
}

/** The header holds the slot of who answered, when the session began, and when it was last seen, in seconds. What is none of ours begins a session. */
function headerLines(name: string, { absoluteTimeout, idleTimeout }: SessionPersistence, mark?: string): string[] {
  const said = `req.fhdr(${name}),b64dec`;
  const endsAfter = (duration: string | undefined, since: string): string[] => (duration === undefined ? [] : [`http-request unset-var(txn.session) if { date,sub(${since}) -m int ge ${secondsOf(duration)} }`]);
  return [
    `http-request set-var(txn.session) ${said} if { ${said} -m reg ^s[0-9]+[.][0-9]+[.][0-9]+${mark === undefined ? '' : `[.]${mark}`}$ }`,
    'http-request set-var(txn.begun) var(txn.session),word(2,.)', 'http-request set-var(txn.seen) var(txn.session),word(3,.)',
    ...endsAfter(absoluteTimeout, 'txn.begun'), ...endsAfter(idleTimeout, 'txn.seen'),
    'http-request set-var(txn.begun) date if !{ var(txn.session) -m found }',
    'use-server %[var(txn.session),word(1,.)] if { var(txn.session) -m found }',
    'http-response set-var(txn.seen) date', `http-response set-header ${name} %[srv_name,concat(.,txn.begun),concat(.,txn.seen)${mark === undefined ? '' : `,concat(.${mark})`},base64]`,
  ];
}
