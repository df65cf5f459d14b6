/** The backends of a rule: its filters, its retries, its sessions, its servers. */
import { createHash } from 'node:crypto';
import type { Door } from '../plan.ts';
import type { Action, ResolvedFilter, Target } from '../rules.ts';
import { toService } from '../access.ts';
import { METHOD_HEADER } from './actions.ts';
import { authorizerLines } from './authorize.ts';
import { balanced } from './balanced.ts';
import { filterLines } from './filters.ts';
import { doorName, type Line, type Page } from './page.ts';
import { markOf, sessionLines } from './sessions.ts';
import { innerLines, needsStages, outerLines, TRIES_TABLE } from './stages.ts';
import { serverOptions } from './tls.ts';
import { Unsayable } from './words.ts';

export const DEFAULT_RETRIES = 3;
/** Requests that may be sent again to another endpoint (RFC 9110, section 9.2.2). */
const IDEMPOTENT = 'GET HEAD OPTIONS PUT DELETE';
/** For what they are: no byte of an answer was seen. */
export const RETRY_ON = 'conn-failure empty-response';

/** The backend of a target, written when first asked for. One that redirects, or shows the Gateway's certificate, is of the one door that it does so for. */
export function backendOf(page: Page, door: Door, action: Action, target: Target, index: number): string {
  const filters = [...action.filters, ...target.filters];
  const redirects = filters.some(({ type }) => type === 'RequestRedirect');
  const showsOwn = [target.backend, ...filters.flatMap(({ authorizer, mirrorBy }) => [authorizer, mirrorBy])].some((each) => each?.tls !== undefined) && door.clientCertificate !== undefined;
  const service = target.backend === undefined || redirects ? '' : toService(target.backend.serviceKey);
  const name = `${action.id}:${index}${service}${redirects || showsOwn ? `:via:${doorName(door)}` : ''}`;
  if (target.backend === undefined && !redirects) {
    page.section(name, () => answerLines(target.status ?? 500, 14).map((text) => ({ text })), undefined);
    return name;
  }
  const lines = (texts: readonly string[]): Line[] => texts.map((text) => ({ text: `  ${text}`, owner: action.id }));
  const filtered = (): string[] => filterLines(filters, { prefix: action.prefix, port: door.port, secure: door.secure, streams: action.grpc, mirrorSocket: (to, by) => mirrorSocket(page, to, by, door), authorizerSocket: (filter) => authorizerSocket(page, filter, door) });
  const sessions = action.persistence === undefined ? [] : sessionLines(action.persistence, action.id, action.targets.length > 1 && target.backend !== undefined ? markOf(target.backend) : undefined);
  const staged = needsStages(action);
  const servers = target.backend === undefined || redirects ? undefined : balanced(target.backend, serverOptions(page, target.backend, door.clientCertificate), { isHttp: true, source: staged ? 'hash req.hdr(x-forwarded-for,-1)' : 'source' });
  const attemptTimeoutMs = action.attemptTimeoutMs ?? target.backend?.balancing?.settings.responseTimeoutMs;
  if (servers === undefined || !staged) page.section(name, () => lines([...filtered(), ...retryLines({ ...action, ...(attemptTimeoutMs === undefined ? {} : { attemptTimeoutMs }) }), ...sessions]), servers);
  else {
    const socket = page.socketOf(`tries:${name}`);
    page.section(name, () => lines([...filtered(), ...outerLines(action, socket)]), undefined);
    page.section(`${name}:tries`, () => lines([...innerLines(action, socket), ...sessions]), servers, 'listen');
    page.sections.set('tries', TRIES_TABLE.map((text) => ({ text })));
  }
  return name;
}

/** Copies come by HTTP/1.1, as one of five methods, and go on as what they are. */
function mirrorSocket(page: Page, to: string, by: ResolvedFilter['mirrorBy'], { clientCertificate }: Door): string {
  const { options } = by === undefined ? { options: '' } : serverOptions(page, by, clientCertificate);
  const name = `mirror:${to}${options === '' ? '' : `:${createHash('sha256').update(options).digest('hex').slice(0, 12)}`}`;
  const socket = page.socketOf(name);
  page.sections.set(name, [
    `listen ${name}`, `  bind unix@${socket} mode 600`, '  no log', `  http-request set-method %[req.hdr(${METHOD_HEADER})] if { req.hdr(${METHOD_HEADER}) -m found }`, `  http-request del-header ${METHOD_HEADER}`, `  server s ${to}${options}`, '',
  ].map((text) => ({ text })));
  return `unix@${socket}`;
}

/** One for all rules that ask the same. */
function authorizerSocket(page: Page, { authorizer, externalAuth }: ResolvedFilter, door: Door): string {
  if (authorizer === undefined || externalAuth === undefined) throw new Unsayable('nobody can be asked about its requests');
  page.mostBodyBytes = Math.max(page.mostBodyBytes, externalAuth.forwardBody?.maxSize ?? 0);
  const name = `auth:${authorizer.serviceKey.replace('/', ':')}:${authorizer.portName}:${externalAuth.protocol}${authorizer.tls === undefined ? '' : `:via:${doorName(door)}`}`;
  const socket = page.socketOf(name);
  page.section(name, () => authorizerLines(externalAuth.protocol, socket).map((text) => ({ text: `  ${text}` })), { backend: authorizer, ...serverOptions(page, authorizer, door.clientCertificate) }, 'listen');
  return socket;
}

function retryLines({ timeoutMs, requestTimeoutMs, attemptTimeoutMs, retry }: Action): string[] {
  const lines: string[] = [];
  if (timeoutMs !== undefined) lines.push(`timeout server ${timeoutMs}ms`, `timeout tunnel ${timeoutMs}ms`);
  else if (attemptTimeoutMs !== undefined) lines.push(`timeout server ${attemptTimeoutMs}ms`);
  // An endpoint that keeps silent is given up for another, as often as the time of the whole request allows.
  const onTime = attemptTimeoutMs === undefined ? [] : ['response-timeout'];
  if (retry !== undefined) return [...lines, `retries ${Math.max(0, retry.attempts)}`, `retry-on ${[RETRY_ON, ...onTime, ...retry.codes].join(' ')}`];
  if (attemptTimeoutMs !== undefined) lines.push(`retries ${Math.min(DEFAULT_RETRIES, Math.max(0, Math.floor((requestTimeoutMs ?? Infinity) / attemptTimeoutMs) - 1))}`, `retry-on ${[RETRY_ON, ...onTime].join(' ')}`);
  return [...lines, `http-request disable-l7-retry if !{ method ${IDEMPOTENT} }`];
}

export function answerLines(status: number, grpcStatus: number): string[] {
  return [
    `  http-request return status 200 hdr grpc-status ${grpcStatus} if { req.hdr(content-type) -m beg -- application/grpc }`,
    // An answer without a body has no type of its own.
    '  http-after-response set-header content-type application/grpc if { res.hdr(grpc-status) -m found }',
    `  http-request return status ${status} content-type text/plain string "${status === 404 ? 'no route for this request' : 'the route of this request leads nowhere'}"`,
  ];
}
