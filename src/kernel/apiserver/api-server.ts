/**
 * ApiServer: the door. It serves the Kubernetes API for the kinds that it is given, over HTTPS and in-process, by one chain: authenticate,
 * authorize, decode, default, admit, validate, store.
 */
import type { Kind } from '../../api/kind.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Client } from '../../sdk/client.ts';
import type { AccessAttributes, Admission, AggregatedVersion, ModuleContext, ObjectSource, Route, ServedKinds, UserInfo } from '../../sdk/module.ts';
import type { Store } from '../store/store.ts';
import { createAggregatedTable } from './aggregated.ts';
import { createAdmissionChain } from './admission.ts';
import { auditedClient } from './audit/audited-client.ts';
import type { Audit } from './audit/audit.ts';
import { createAuthenticator } from './authenticate.ts';
import { createAuthorizer, type PolicyRule, type RuleSource } from './authorize.ts';
import { legacyBindings } from './bindings.ts';
import { createClient } from './client.ts';
import { createDiscovery } from './discovery.ts';
import type { Door } from './door.ts';
import { escalationAdmission } from './escalation.ts';
import { createFlowControl } from './flow-control/flow-control.ts';
import { createHealth, type Check } from './health.ts';
import type { Identity } from './identity/identity.ts';
import { createKindTable } from './kind-table.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { listenOn, type Address, type Listener } from './listen.ts';
import { createAdmissionMetrics } from './metrics/admission.ts';
import { createMetrics } from './metrics/metrics.ts';
import type { OutsideAuthenticator } from './jwt/authenticator.ts';
import { nodeRestriction } from './nodes/restriction.ts';
import { nodeRules } from './nodes/rules.ts';
import { createOpenApi } from './openapi.ts';
import { rbacRules } from './rbac.ts';
import { reviewResources } from './reviews.ts';
import { createRouteTable } from './route-table.ts';
import { createHandler } from './server.ts';
import { versionInfo, type VersionFacts } from './version.ts';
import { virtualTable } from './virtual.ts';

export interface ApiServerOptions {
  store: Store;
  identity: Identity;
  clock: Clock;
  log: Log;
  version?: VersionFacts;
  /** What /flagz shows: flag to value, as kube-apiserver names them. Default: none. */
  flags?: Readonly<Record<string, string>>;
  /** Audiences of the tokens that are accepted; default: the issuer. */
  audiences?: readonly string[];
  /** Folder of an unpacked @kubernetes/client-node, whose descriptions `kubectl explain` then shows; default: where npm installs it, if it did. */
  descriptions?: string;
  /** Where they differ from DEFAULT_LIMITS. */
  limits?: Partial<Limits>;
  /** Who may do what beside system:masters and the RBAC objects. */
  ruleSources?: readonly RuleSource[];
  /** Who comes with tokens of others; nobody by default. */
  outside?: OutsideAuthenticator;
  /** Who is told of requests; nobody by default. */
  audit?: Audit;
}

export interface ClientOptions {
  /** The name in managedFields; default is the user's name. */
  fieldManager?: string;
  /** What the client may do; without it the authorizer decides as for a request over HTTP. */
  rules?: readonly PolicyRule[];
}

export interface ApiServer {
  /** Serves a kind from now on; the returned function withdraws it (its objects stay in the store). */
  serve(kind: Kind, source?: ObjectSource): () => void;
  route(route: Route): () => void;
  admit(admission: Admission, context: ModuleContext): () => void;
  /** Says what other servers answer for; replaces what was said before. */
  aggregate(versions: readonly AggregatedVersion[]): void;
  readonly kinds: ServedKinds;
  /** Whether somebody may do something. */
  may(user: UserInfo, attributes: AccessAttributes): boolean;
  /** The in-process body of Client: the same chain without HTTP and without serialization. */
  client(user: UserInfo, options?: ClientOptions): Client;
  /** Adds a check to /readyz, and to /livez and /healthz unless `readyOnly`. */
  addCheck(name: string, check: Check, options?: { readyOnly?: boolean }): () => void;
  /** Adds text to /metrics, in the Prometheus format. */
  addMetrics(text: () => string | Promise<string>): () => void;
  /** Opens HTTPS listeners (HTTP/2 and HTTP/1.1). Port 0 takes a free one. Rejects when an address is in use. */
  listen(addresses: readonly Address[]): Promise<Listener[]>;
  /** Ends watches, closes listeners; settles when all is released. */
  close(): Promise<void>;
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  const ending = new AbortController();
  const { store, clock, log, identity } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const audiences = options.audiences ?? [identity.tokens.issuer];
  const aggregated = createAggregatedTable();
  const kinds = createKindTable(aggregated);
  const routes = createRouteTable();
  const health = createHealth();
  const admissionMetrics = createAdmissionMetrics();
  const door: Door = { store, kinds, clock, log, admissions: createAdmissionChain((user, attributes) => authorizer.decide({ user, ...attributes }), admissionMetrics), signal: ending.signal };
  const authenticator = createAuthenticator({ tokens: identity.tokens, store, clock, audiences, ...(options.outside === undefined ? {} : { outside: options.outside }) });
  const authorizer = createAuthorizer([nodeRules(store), rbacRules(store, ending.signal), ...(options.ruleSources ?? [])]);
  door.admissions.add(nodeRestriction(store), undefined);
  door.admissions.add(escalationAdmission(door, authorizer), undefined);
  const virtual = virtualTable([legacyBindings(door), ...reviewResources({ authorizer, authenticator, clock, audiences })]);
  const version = versionInfo(options.version);
  const metrics = createMetrics({ store, kinds, version });
  metrics.add(() => admissionMetrics.text());
  // Named as upstream names them: what stands in for etcd is the store.
  health.add('etcd', () => store.check());
  health.add('etcd-readiness', () => store.check(), { readyOnly: true });
  health.add('shutdown', () => ending.signal.throwIfAborted(), { readyOnly: true });
  const { audit } = options;
  if (audit !== undefined) metrics.add(() => audit.metrics());
  const listeners: Listener[] = [];
  const serverAddress = (): string => listeners[0]?.address ?? '127.0.0.1:6443';
  const discovery = createDiscovery({ kinds, virtual, connects: () => routes.connects(), told: () => routes.told(), aggregated: () => aggregated.list(), changes: () => kinds.changes + routes.changes + aggregated.changes, serverAddress });
  const flow = createFlowControl(store, ending.signal);
  metrics.add(() => flow.metrics());
  const handler = createHandler({ door, identity, audiences, authenticator, authorizer, virtual, routes, discovery, aggregated, health, openapi: createOpenApi(kinds, virtual, aggregated, routes, options.descriptions), version, flags: options.flags ?? {}, metrics, flow, limits, ...(audit === undefined ? {} : { audit }) });
  return {
    kinds,
    may: (user, attributes) => authorizer.decide({ user, ...attributes }).allowed,
    serve: (kind, source) => kinds.serve(kind, source),
    route: (route) => routes.add(route),
    aggregate: (versions) => aggregated.replace(versions),
    admit: (admission, context) => door.admissions.add(admission, context),
    client(user, clientOptions = {}) {
      const client = createClient(door, { user, authorizer, tokens: { signer: identity.tokens, audiences }, ...clientOptions });
      return audit === undefined ? client : auditedClient(client, audit, user);
    },
    addCheck: (name, check, checkOptions) => health.add(name, check, checkOptions),
    addMetrics: (text) => metrics.add(text),
    async listen(addresses) {
      const opened = await Promise.all(addresses.map((address) => listenOn(address, identity, handler, log, limits)));
      listeners.push(...opened);
      return opened;
    },
    async close() {
      ending.abort();
      await Promise.all(listeners.splice(0).map((listener) => listener.close()));
    },
  };
}
