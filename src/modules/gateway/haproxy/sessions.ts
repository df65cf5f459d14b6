/** Requests of a session go to who answered the first of them (SessionPersistence, GEP-1619), known by a cookie or a header. Neither is kept here, so that sessions outlive HAProxy. Pure. */
import { createHash } from 'node:crypto';
import type { SessionPersistence } from '../../../api/gateway/types.ts';
import { parseDuration } from '../../../api/times.ts';
import { argument } from './words.ts';

/** Lines of the backend of a rule; `id` names the rule. */
export function sessionLines(session: SessionPersistence, id: string): string[] {
  const { sessionName = 'llmos-session', type = 'Cookie' } = session;
  const name = argument(sessionName);
  return type === 'Header' ? headerLines(name, session) : cookieLines(name, session, id);
}

const secondsOf = (duration: string): number => Math.max(1, Math.round(parseDuration(duration) / 1_000_000_000));

function cookieLines(name: string, { absoluteTimeout, idleTimeout, cookieConfig }: SessionPersistence, id: string): string[] {
  const kept = cookieConfig?.lifetimeType === 'Permanent' && absoluteTimeout !== undefined ? ` attr Max-Age=${secondsOf(absoluteTimeout)}` : '';
  const ends = `${idleTimeout === undefined ? '' : ` maxidle ${secondsOf(idleTimeout)}s`}${absoluteTimeout === undefined ? '' : ` maxlife ${secondsOf(absoluteTimeout)}s`}`;
  return [`dynamic-cookie-key ${createHash('sha256').update(id).digest('hex').slice(0, 32)}`, `cookie ${name} insert indirect nocache httponly dynamic${ends}${kept}`];
}

/** The header holds the slot of who answered, when the session began, and when it was last seen, in seconds. What is none of ours begins a session. */
function headerLines(name: string, { absoluteTimeout, idleTimeout }: SessionPersistence): string[] {
  const said = `req.fhdr(${name}),b64dec`;
  const endsAfter = (duration: string | undefined, since: string): string[] => (duration === undefined ? [] : [`http-request unset-var(txn.session) if { date,sub(${since}) -m int ge ${secondsOf(duration)} }`]);
  return [
    `http-request set-var(txn.session) ${said} if { ${said} -m reg ^s[0-9]+[.][0-9]+[.][0-9]+$ }`,
    'http-request set-var(txn.begun) var(txn.session),word(2,.)', 'http-request set-var(txn.seen) var(txn.session),word(3,.)',
    ...endsAfter(absoluteTimeout, 'txn.begun'), ...endsAfter(idleTimeout, 'txn.seen'),
    'http-request set-var(txn.begun) date if !{ var(txn.session) -m found }',
    'use-server %[var(txn.session),word(1,.)] if { var(txn.session) -m found }',
    'http-response set-var(txn.seen) date', `http-response set-header ${name} %[srv_name,concat(.,txn.begun),concat(.,txn.seen),base64]`,
  ];
}
