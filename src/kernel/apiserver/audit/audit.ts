/** Audit: tells of each request who made it, what of, and how it ended, as JSON lines of audit.k8s.io/v1 Event. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Status } from '../../../api/errors.ts';
import { isJsonObject } from '../../../api/json.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { rfc3339Micro, type Clock } from '../../../base/clock.ts';
import type { Annotate, UserInfo } from '../../../sdk/module.ts';
import type { Attributes } from '../errors.ts';
import type { RequestInfo } from '../request-info.ts';
import { evaluator, type AuditPolicy, type Level, type Stage, type Verdict } from './policy.ts';

export interface Audit {
  /** Undefined when the policy says nothing is told of the request. `user` is absent when nobody was known; `auditId` is made where it is absent. */
  begin(http: IncomingMessage, info: RequestInfo, user: UserInfo | undefined, auditId?: string): Trail | undefined;
  /** What was counted, in the Prometheus format. */
  metrics(): string;
}

/** What is told of one request. */
export interface Trail {
  /** `constraint`: the constrained right that allowed it. */
  impersonated(user: UserInfo, constraint?: string): void;
  annotate: Annotate;
  /** The body as it came; it may be changed afterwards. */
  request(body: unknown): void;
  /** What was answered; made only when it is told. */
  response(body: () => unknown): void;
  /** A Status that was answered, or would have been. */
  status(status: Status): void;
  /** Headers of a request that stays open were sent. */
  started(code: number): void;
  complete(code: number): void;
  /** The server itself failed; nothing is told after it. */
  panicked(why: string): void;
}

export interface AuditOptions {
  policy: AuditPolicy;
  /** Takes a line with its end; false when it was lost. */
  append(line: string): boolean;
  clock: Clock;
  /** A longer event is told without its bodies (upstream: the truncating backend); default 0, none is too long. */
  maxEventBytes?: number;
}

const RANK: Record<Level, number> = { None: 0, Metadata: 1, Request: 2, RequestResponse: 3 };
const MOST_USER_AGENT = 1_024;
const ID = /^[\w.:-]{1,64}$/;

export function createAudit({ policy, append, clock, maxEventBytes = 0 }: AuditOptions): Audit {
  const evaluate = evaluator(policy);
  let events = 0;
  let errors = 0;
  const isLong = (line: string): boolean => maxEventBytes > 0 && Buffer.byteLength(line) > maxEventBytes;
  const tell: Tell = (line, shorter) => {
    events++;
    const told = isLong(line) ? shorter() : line;
    if (isLong(told) || !append(told)) errors++;
  };
  return {
    begin(http, info, user, id = auditIdOf(http)) {
      const attributes = attributesOf(info);
      const verdict = evaluate({ ...attributes, ...(user === undefined ? {} : { user }) });
      if (verdict.level === 'None') return undefined;
      return createTrail({ http, id, attributes, info, user, verdict, clock, tell });
    },
    metrics: () => [
      '# HELP apiserver_audit_event_total Counter of audit events generated and sent to the audit backend.', '# TYPE apiserver_audit_event_total counter', `apiserver_audit_event_total ${events}`,
      '# HELP apiserver_audit_error_total Counter of audit events that failed to be audited properly.', '# TYPE apiserver_audit_error_total counter', `apiserver_audit_error_total{plugin="log"} ${errors}`, '',
    ].join('\n'),
  };
}

function attributesOf({ method, path, resource }: RequestInfo): Omit<Attributes, 'user'> {
  if (resource === undefined) return { verb: method.toLowerCase(), path };
  const { verb, group, version, plural, subresource, name } = resource;
  const namespace = resource.namespace ?? (group === '' && plural === 'namespaces' ? name : undefined);
  return { verb: verb === 'unknown' ? method.toLowerCase() : verb, resource: { group, version, plural, subresource, namespace, name } };
}

interface TrailInput {
  http: IncomingMessage;
  id: string;
  attributes: Omit<Attributes, 'user'>;
  info: RequestInfo;
  user: UserInfo | undefined;
  verdict: Verdict;
  clock: Clock;
  tell: Tell;
}

/** `shorter` makes the line without what may be long. */
type Tell = (line: string, shorter: () => string) => void;

const TRUNCATED = { 'audit.k8s.io/truncated': 'true' };

function createTrail({ http, id, attributes, user, verdict, clock, tell }: TrailInput): Trail {
  const { level } = verdict;
  const receivedMs = clock.nowMs();
  const { resource } = attributes;
  const event: Record<string, unknown> = {
    kind: 'Event', apiVersion: 'audit.k8s.io/v1', level, auditID: id, stage: 'RequestReceived', requestURI: http.url ?? '', verb: attributes.verb, user: user === undefined ? {} : userOf(user),
    sourceIPs: sourcesOf(http), userAgent: shortened(http.headers['user-agent']),
  };
  let objectRef: Record<string, string | undefined> | undefined;
  if (resource !== undefined) {
    const { plural, namespace, name, group, version, subresource } = resource;
    objectRef = { resource: plural, namespace, name, apiGroup: group || undefined, apiVersion: version, subresource };
  }
  /** Of the bodies the text is kept: they change on their way. */
  const bodies: Record<string, string> = {};
  let annotations: Record<string, string> | undefined;
  let responseStatus: Record<string, unknown> | undefined;
  let over = false;
  const say = (stage: Stage): void => {
    if (verdict.omitStages.has(stage)) return;
    const stageMs = stage === 'RequestReceived' ? receivedMs : clock.nowMs();
    const head = (extra?: Record<string, string>): string => JSON.stringify({ ...event, stage, objectRef, responseStatus, requestReceivedTimestamp: rfc3339Micro(receivedMs), stageTimestamp: rfc3339Micro(stageMs), annotations: extra === undefined ? annotations : { ...annotations, ...extra } });
    const more = Object.entries(bodies).map(([key, text]) => `,"${key}":${text}`).join('');
    tell(`${head().slice(0, -1)}${more}}\n`, () => `${head(TRUNCATED)}\n`);
  };
  const textOf = (body: unknown): string => JSON.stringify(verdict.omitManagedFields ? withoutManagedFields(body) : body) ?? 'null';
  if (user !== undefined) say('RequestReceived');
  return {
    impersonated(as, constraint) {
      event['impersonatedUser'] = userOf(as);
      if (constraint !== undefined) event['authenticationMetadata'] = { impersonationConstraint: constraint };
    },
    annotate(key, value, from = 'Metadata') {
      if (RANK[level] < RANK[from]) return;
      annotations ??= {};
      annotations[key] ??= value; // the first word counts
    },
    request(body) {
      if (objectRef !== undefined) complete(objectRef, body);
      if (RANK[level] >= RANK.Request && resource !== undefined) bodies['requestObject'] = textOf(body);
    },
    response(body) {
      if (RANK[level] >= RANK.RequestResponse && resource !== undefined) bodies['responseObject'] = textOf(body());
    },
    status({ status, message, reason, details, code }) {
      responseStatus = { metadata: {}, status, ...(message ? { message } : {}), ...(reason ? { reason } : {}), ...(details === undefined ? {} : { details }), code };
    },
    started(code) {
      responseStatus ??= { metadata: {}, code };
      say('ResponseStarted');
    },
    complete(code) {
      if (over) return;
      over = true;
      responseStatus = responseStatus === undefined ? { metadata: {}, code } : { ...responseStatus, code: responseStatus['code'] ?? code };
      say('ResponseComplete');
    },
    panicked(why) {
      if (over) return;
      over = true;
      responseStatus = { metadata: {}, status: 'Failure', message: `APIServer panic'd: ${why}`, reason: 'InternalError', code: 500 };
      say('Panic');
    },
  };
}

/** The client's own, so that one request can be followed through several servers; a new one where it gives none, or one that is no name (upstream: WithAuditInit). */
export function auditIdOf(http: IncomingMessage): string {
  const given = http.headers['audit-id'];
  return typeof given === 'string' && ID.test(given) ? given : randomUUID();
}

function userOf({ name, uid, groups, extra }: UserInfo): object {
  return { username: name, ...(uid ? { uid } : {}), groups, ...(extra === undefined ? {} : { extra }) };
}

function shortened(agent: string | undefined): string | undefined {
  return agent === undefined || agent.length <= MOST_USER_AGENT ? agent : `${agent.slice(0, MOST_USER_AGENT)}...TRUNCATED`;
}

/** Only the last one is sure: the others are what proxies, or clients, say. */
function sourcesOf({ headers, socket }: IncomingMessage): string[] {
  const said = [headers['x-forwarded-for'] ?? []].flat().flatMap((text) => text.split(',')).map((each) => each.trim()).filter((each) => /^[\da-fA-F.:]{2,45}$/.test(each));
  const real = headers['x-real-ip'];
  if (typeof real === 'string' && /^[\da-fA-F.:]{2,45}$/.test(real) && !said.includes(real)) said.push(real);
  const remote = socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '');
  return remote === undefined || said.at(-1) === remote ? said : [...said, remote];
}

/** What the path does not say, the body does. */
function complete(ref: Record<string, string | undefined>, body: unknown): void {
  const metadata = isJsonObject(body) && isJsonObject(body['metadata']) ? (body['metadata'] as unknown as KubeObject['metadata']) : {};
  for (const key of ['namespace', 'name', 'uid', 'resourceVersion'] as const) {
    const value = metadata[key];
    if (typeof value === 'string' && value !== '') ref[key] ??= value;
  }
}

function withoutManagedFields(body: unknown): unknown {
  if (!isJsonObject(body)) return body;
  const { metadata, items, rows } = body as { metadata?: unknown; items?: unknown; rows?: unknown };
  const bare: Record<string, unknown> = { ...body };
  if (isJsonObject(metadata) && metadata['managedFields'] !== undefined) {
    const { managedFields: _left, ...rest } = metadata;
    bare['metadata'] = rest;
  }
  if (Array.isArray(items)) bare['items'] = items.map(withoutManagedFields);
  if (Array.isArray(rows)) bare['rows'] = rows.map((row) => (isJsonObject(row) ? { ...row, object: withoutManagedFields(row['object']) } : row));
  return bare;
}
