/** Parts: what the handler of requests is put together from, and a request on its way through it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Audit, Trail } from './audit/audit.ts';
import type { UserInfo, DeadlineSignal } from '../../sdk/module.ts';
import type { AggregatedTable } from './aggregated.ts';
import type { Authenticator } from './authenticate.ts';
import type { Authorizer } from './authorize.ts';
import type { Discovery } from './discovery.ts';
import type { Door } from './door.ts';
import type { FlowControl } from './flow-control/flow-control.ts';
import type { Health } from './health.ts';
import type { Identity } from './identity/identity.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { OpenApi } from './openapi.ts';
import type { RequestInfo, ResourceRequest } from './request-info.ts';
import type { RouteTable } from './route-table.ts';
import type { VersionInfo } from './version.ts';
import type { VirtualTable } from './virtual.ts';

export interface Parts {
  door: Door;
  identity: Identity;
  audiences: readonly string[];
  authenticator: Authenticator;
  authorizer: Authorizer;
  virtual: VirtualTable;
  routes: RouteTable;
  discovery: Discovery;
  aggregated: AggregatedTable;
  health: Health;
  openapi: OpenApi;
  version: VersionInfo;
  /** For /flagz. */
  flags: Readonly<Record<string, string>>;
  metrics: Metrics;
  flow: FlowControl;
  /** Absent where nobody wants to know. */
  audit?: Audit;
  limits: Limits;
}

export interface Incoming {
  http: IncomingMessage;
  /** By which the request is known in answers and logs, with or without an audit policy. */
  auditId: string;
  /** Absent when the client asked to upgrade. */
  response?: ServerResponse;
  upgrade?: { socket: Duplex; head: Buffer };
  warnings: string[];
  info?: RequestInfo;
  /** What the audit log will tell of it. */
  audit?: Trail;
  /** Called for requests that stay open as long as the client wants: they no longer count as under way. */
  longRunning?: () => void;
  /** When the client has waited for long enough. */
  deadline?: DeadlineSignal;
  /** Called once each, when the request no longer counts as under way: others may have what it had. */
  leave: (() => void)[];
  /** Answered, or the client went away. */
  over?: boolean;
  /** Nobody known asked. */
  nobody?: boolean;
}

/** A request whose user is known, and what answers it. */
export interface Asked {
  parts: Parts;
  incoming: Incoming;
  info: RequestInfo;
  user: UserInfo;
}

/** One about a resource. */
export interface AskedResource extends Asked {
  resource: ResourceRequest;
}
