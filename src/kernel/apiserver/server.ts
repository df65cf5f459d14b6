/** The handler of requests: who asks, and which part of the door answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { UserInfo } from '../../sdk/module.ts';
import { ApiError } from '../../api/errors.ts';
import { encodeValue } from './encode.ts';
import { badRequest, methodNotAllowed, resourceUnknown, toApiError, tooManyRequests, unauthorized } from './errors.ts';
import { auditIdOf, type Audit } from './audit/audit.ts';
import { deadlineOf } from './deadline.ts';
import { createFairQueue, type FairQueue } from './flow-control/fair-queue.ts';
import type { Turn } from './flow-control/flow-control.ts';
import { takeTurn, workedFor, workFor } from './flow-control/turns.ts';
import { attributesOfRequest, authorize } from './authorize-request.ts';
import { impersonated } from './impersonate.ts';
import { shareOf } from './limits.ts';
import type { Handler } from './listen.ts';
import type { Asked, Incoming, Parts } from './parts.ts';
import { bodyDone } from './read-body.ts';
import { parseRequest, type RequestInfo } from './request-info.ts';
import { respond, respondError } from './respond.ts';
import { countAnswer, countAsking } from './metrics/count.ts';
import { serveOther } from './serve-other.ts';
import { serveResource } from './serve-resource.ts';
import { serveRoute } from './serve-route.ts';

export function createHandler(parts: Parts): Handler {
  const { maxRequestsInFlight, maxWatches } = parts.limits;
  const under: Under = { way: createFairQueue({ seats: maxRequestsInFlight, perFlow: shareOf(maxRequestsInFlight), waiting: 0 }), watch: createFairQueue({ seats: maxWatches, perFlow: shareOf(maxWatches), waiting: 0 }) };
  return {
    request(http, response) {
      const incoming: Incoming = { http, response, auditId: auditIdOf(http), warnings: [], leave: [] };
      response.setHeader('Audit-Id', incoming.auditId);
      const fromMs = performance.now();
      let counted = true;
      parts.metrics.requests.came(http.method);
      const answered = (): void => {
        if (!counted) return;
        counted = false;
        parts.metrics.requests.over(http.method);
        incoming.over = true;
        for (const leave of incoming.leave) leave();
        countAnswer(parts, incoming, { code: response.statusCode, bytes: lengthOf(response), seconds: (performance.now() - fromMs) / 1_000 });
      };
      incoming.longRunning = answered;
      response.on('error', () => {}); // a client that went away is no fault of ours
      response.on('close', () => {
        answered();
        ended(incoming, response.statusCode);
        bodyDone(http);
        workedFor(http);
      });
      timely(parts, incoming, under).catch((error: unknown) => {
        const apiError = known(parts, http, error);
        tellOf(incoming, apiError, error);
        respondError(http, response, apiError, { warnings: incoming.warnings });
      });
    },
    upgrade(http, socket, head) {
      socket.on('error', () => {});
      const incoming: Incoming = { http, auditId: auditIdOf(http), upgrade: { socket, head }, warnings: [], leave: [] };
      const fromMs = performance.now();
      const counted = (code: number): void => countAnswer(parts, incoming, { code, seconds: (performance.now() - fromMs) / 1_000 });
      incoming.longRunning = () => counted(101);
      socket.on('close', () => ended(incoming, 101));
      serve(parts, incoming, under).catch((error: unknown) => {
        const apiError = known(parts, http, error);
        counted(apiError.code);
        tellOf(incoming, apiError, error);
        ended(incoming, apiError.code);
        refuseUpgrade(socket, incoming.auditId, apiError);
      });
    },
  };
}

/** Of a request that nobody known made, upstream tells when the refusal begins, of others when all is over. */
function ended({ audit, nobody }: Incoming, code: number): void {
  if (nobody === true) audit?.started(code);
  else audit?.complete(code);
}

function tellOf({ audit, nobody }: Incoming, error: ReturnType<typeof toApiError>, thrown: unknown): void {
  if (audit === undefined) return;
  if (isFault(thrown)) return audit.panicked((thrown as Error).message);
  const status = error.toStatus();
  audit.status(nobody === true ? { ...status, message: 'Authentication failed' } : status);
  audit.response(() => status);
}

/** What no code here meant to throw: a mistake of ours, as a panic is of Go. */
function isFault(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

function known(parts: Parts, http: IncomingMessage, error: unknown): ReturnType<typeof toApiError> {
  const apiError = toApiError(error);
  if (apiError.code >= 500 && apiError.reason === 'InternalError' && apiError.statusReason !== '') parts.door.log.error('a request failed', { method: http.method, url: http.url?.slice(0, 300), error: error instanceof Error ? (error.stack ?? error.message) : error });
  return apiError;
}

/** A client that sends its body drop by drop is let go, with an answer if it reads one. */
function boundBody({ limits }: Parts, { http, warnings }: Incoming, response: ServerResponse): void {
  const tooSlow = setTimeout(() => {
    if (http.complete) return;
    respondError(http, response, new ApiError('Timeout', `the body did not arrive within ${limits.bodyMs / 1_000} seconds`), { warnings, headers: { Connection: 'close' } });
    response.on('finish', () => http.destroy());
  }, limits.bodyMs);
  const settle = (): void => clearTimeout(tooSlow);
  http.on('end', settle);
  http.on('close', settle);
}

interface Under {
  way: FairQueue;
  watch: FairQueue;
}

/** Serves within the time that the client gives. What takes longer is answered, and stores nothing any more. */
function timely(parts: Parts, incoming: Incoming, under: Under): Promise<void> {
  const { http } = incoming;
  if (http.url?.includes('timeout=') !== true) return serve(parts, incoming, under);
  return new Promise((resolve, reject) => {
    const info = parseRequest(http.method ?? 'GET', http.url ?? '/');
    const deadline = LONG_RUNNING.has(info.resource?.subresource ?? '') ? undefined : deadlineOf(info);
    if (deadline !== undefined) {
      incoming.deadline = deadline.signal;
      incoming.leave.push(() => deadline.clear());
      deadline.signal.addEventListener('abort', () => reject(deadline.signal.reason as Error), { once: true });
    }
    serve(parts, incoming, under).then(resolve, (error: unknown) => (deadline?.signal.aborted === true ? resolve() : reject(error)));
  });
}

async function serve(parts: Parts, incoming: Incoming, under: Under): Promise<void> {
  const { http, response } = incoming;
  const info = parseRequest(http.method ?? 'GET', http.url ?? '/');
  incoming.info = info;
  const [root] = info.segments;
  if (response !== undefined && OPEN.has(root ?? '')) {
    if (parts.audit !== undefined) beginAudit(parts.audit, incoming, info, parts.authenticator.ofRequest(http) ?? ANONYMOUS);
    if (root !== 'version') return parts.health.serve(info, http, response);
    if (info.segments.length > 1) throw resourceUnknown();
    if (info.method !== 'GET' && info.method !== 'HEAD') throw methodNotAllowed();
    return respond(http, response, 200, await encodeValue(parts.version, { encoding: 'json', pretty: true }));
  }
  const asking = parts.authenticator.ofRequest(http) ?? (await parts.authenticator.outside?.ofRequest(http));
  countAsking(parts, http, asking);
  if (parts.audit !== undefined) beginAudit(parts.audit, incoming, info, asking);
  if (asking === undefined) {
    // Nobody known is somebody, too: a flood of refusals waits for its turns like any other.
    workFor(http, NOBODY);
    await takeTurn(http);
    throw unauthorized();
  }
  const other = impersonated(http, parts.authorizer, () => attributesOfRequest(asking, info));
  if (other !== undefined) incoming.audit?.impersonated(other.user, other.constraint);
  const user = other?.user ?? asking;
  if (response !== undefined) {
    takePlace(under.way, user.name, incoming);
    if (info.resource?.verb === 'watch') response.on('close', placeOf(under.watch, user.name));
  }
  const turn = response === undefined ? undefined : parts.flow.turnOf(user, info);
  if (turn !== undefined) await takeSeat(turn, incoming);
  if (response !== undefined) {
    workFor(http, user.name);
    const longRunning = LONG_RUNNING.has(info.resource?.subresource ?? '');
    // With a body, the work begins when that is there.
    if (!BODIES.has(info.method)) await takeTurn(http);
    else if (!http.complete && !longRunning) boundBody(parts, incoming, response);
    // What stays open as long as the client wants keeps no place and no seat from others.
    if (longRunning) for (const leave of incoming.leave.splice(0)) leave();
  }
  const raw = parts.routes.raw(info.path);
  const asked: Asked = { parts, incoming, info, user };
  if (raw !== undefined) return serveRoute(asked, raw.route, { rest: raw.rest });
  if (info.resource !== undefined) return serveResource({ ...asked, resource: info.resource });
  authorize(asked, attributesOfRequest(user, info));
  if (response === undefined) throw badRequest('this path cannot be upgraded');
  return serveOther(parts, http, response, info);
}

/** What is answered whoever asks. */
const OPEN: ReadonlySet<string> = new Set(['healthz', 'livez', 'readyz', 'version']);
const ANONYMOUS: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
/** As a user is named that is none. */
const NOBODY = '';
const LONG_RUNNING = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);

function beginAudit(audit: Audit, incoming: Incoming, info: RequestInfo, user: UserInfo | undefined): void {
  const { http, response } = incoming;
  const trail = audit.begin(http, info, user, incoming.auditId);
  if (user === undefined) incoming.nobody = true;
  if (trail === undefined) return;
  incoming.audit = trail;
  if (response === undefined) return;
  if (user === undefined || (info.resource?.verb !== 'watch' && !LONG_RUNNING.has(info.resource?.subresource ?? ''))) return;
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = (...args: unknown[]): ServerResponse => {
    trail.started(args[0] as number);
    return writeHead(...args);
  };
}

/** Their turn comes when the body has been read. */
const BODIES = new Set(['POST', 'PUT', 'PATCH']);

/** Waits for the seat; throws TooManyRequests when too many wait. A client that went away meanwhile gives its turn back. */
async function takeSeat(turn: Turn, incoming: Incoming): Promise<void> {
  const { response } = incoming;
  response?.setHeader('X-Kubernetes-PF-FlowSchema-UID', turn.schemaUid);
  response?.setHeader('X-Kubernetes-PF-PriorityLevel-UID', turn.levelUid);
  if (turn.entered === undefined) throw tooManyRequests();
  if (turn.entered !== true) await turn.entered;
  if (incoming.over === true) turn.leave();
  else incoming.leave.push(turn.leave);
}

/** A place among those under way, given back when the request is answered. Throws TooManyRequests where there is none. */
function takePlace(queue: FairQueue, user: string, incoming: Incoming): void {
  const leave = placeOf(queue, user);
  if (incoming.over === true) leave();
  else incoming.leave.push(leave);
}

/** Gives the way to give it back. */
function placeOf(queue: FairQueue, user: string): () => void {
  if (queue.enter(user) !== true) throw tooManyRequests();
  return () => queue.leave(user);
}

/** An answer over a connection that was to become something else. */
function refuseUpgrade(socket: Duplex, auditId: string, error: ReturnType<typeof toApiError>): void {
  const body = JSON.stringify(error.toStatus());
  socket.end(`HTTP/1.1 ${error.code} ${error.reason}\r\nAudit-Id: ${auditId}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}


function lengthOf(response: ServerResponse): number | undefined {
  const length = response.getHeader('content-length');
  return length === undefined ? undefined : Number(length);
}
