/**
 * Module: a plain value that adds a capability. The loader orders modules by the kinds that they give and need, starts them, and stops
 * them in reverse; unloading gives back every kind, route, timer and child.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Kind } from '../api/kind.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Client } from './client.ts';
import type { Controller, ReconcileContext } from './controller.ts';

export interface Module {
  name: string;
  /** One line for `llmos module list`. */
  description: string;
  /** How its events name their source, for instance `default-scheduler`; default the module's name. */
  eventSource?: string;
  /** Kinds that it gives: served by the door as long as the module is loaded. */
  kinds?: readonly Kind[];
  /** Kinds that must be served before it starts; they order the modules. */
  needs?: readonly Kind[];
  /** Kinds that it reads and writes in `start`, `run` and `routes` (controllers declare their own). */
  reads?: readonly Kind[] | 'all';
  writes?: readonly Kind[] | 'all';
  /** Which subresources of the kinds that it writes it uses, such as `status`; default all that they have. */
  subresources?: readonly string[];
  /** Whether it sets the scale of whatever has one. */
  scales?: boolean;
  /** Whether it asks for tokens of service accounts; on another cluster a role has to allow it to whoever it is there. */
  tokens?: boolean;
  /** Paths of the cluster that are no objects and that it reads, such as `/gateway/routes`. */
  paths?: readonly string[];
  // A controller of any kind: the kind is checked inside each.
  // oxlint-disable-next-line typescript/no-explicit-any
  controllers?: readonly Controller<any>[];
  routes?: readonly Route[];
  /** Steps that change or refuse writes of these kinds, between defaulting and validation. */
  admissions?: readonly Admission[];
  /** Whether it also runs against a cluster that is not llmos. */
  portable?: boolean;
  /** Whether it signs certificates with the authority of the cluster; only modules that come with llmos may. */
  signs?: boolean;
  /** Whether it lets other servers answer for group versions; only modules that come with llmos may. */
  aggregates?: boolean;
  /** Called before the controllers start; what it sets up must be released when `context.signal` aborts. Settle when ready. */
  start?(context: ModuleContext): Promise<void>;
  /** Long-running work; settle only after `context.signal` aborted and all is released. A rejection restarts the module with back-off. */
  run?(context: ModuleContext): Promise<void>;
}

export interface ModuleContext extends ReconcileContext {
  /** The module's own part of the configuration file, `modules.<name>`; validated by the module. */
  config: Readonly<Record<string, unknown>>;
  machine: MachineFacts;
  /** The kinds that the cluster serves now, custom resources included. */
  kinds: ServedKinds;
  /** What one of the module's `paths` answers; not in modules from a file. Rejects with ApiError, NotFound where nothing is served there. */
  readPath?(path: string, options?: { signal?: AbortSignal }): Promise<string>;
  /**
   * Serves a kind at run time (custom resources); the returned function withdraws it. With a source its objects are asked for there
   * and never stored (metrics); its verbs are then get and list.
   */
  serve(kind: Kind, source?: ObjectSource): () => void;
  /** For modules that say `signs`, on a cluster whose authority is here. */
  authority?: CertificateAuthority;
  /** Whether somebody may do something, on a cluster whose door is here. */
  may?(user: UserInfo, attributes: AccessAttributes): boolean;
  /** For modules that say `aggregates`, on a cluster whose door is here. */
  aggregation?: Aggregation;
  /** Adds routes at run time; the returned function withdraws them. */
  route(route: Route): () => void;
  /** Adds a step of admission at run time, so that what is not configured costs nothing; the returned function withdraws it. */
  admit(admission: Admission): () => void;
  /** Adds lines to /metrics in the Prometheus text format, asked for at each scrape, on a cluster whose door is here; the returned function withdraws them. */
  metrics?(text: () => string | Promise<string>): () => void;
  /** Reports what `llmos status` shows of the module, for instance `{ address: '10.96.0.10:53' }`. */
  report(facts: Readonly<Record<string, string>>): void;
}

/** Where the objects of a kind come from that are made when they are asked for. */
export interface ObjectSource {
  get(namespace: string | undefined, name: string): KubeObject | undefined;
  list(namespace: string | undefined): readonly KubeObject[];
}

/** Signs with the authority of the cluster, the one that client certificates and the door's own certificate come from. */
export interface CertificateAuthority {
  /**
   * The certificate, PEM. `subject`, `publicKey` (SubjectPublicKeyInfo) and `altNames` (the value of the extension) are DER as a request has them;
   * usages are those of certificates.k8s.io. Valid for `expirationSeconds`, at most and by default a year.
   */
  sign(request: { subject: Buffer; publicKey: Buffer; altNames?: Buffer; usages: readonly string[]; expirationSeconds?: number }): string;
}

/** What the door lends to the one who lets other servers answer. */
export interface Aggregation {
  /** By what these servers know us: PEM of an authority, and of a client certificate that it signed. Renewed in time: ask again. */
  frontProxy(): { caPem: string; keyPem: string; certificatePem: string };
  /** Replaces all that discovery and OpenAPI say of the group versions of others. */
  publish(versions: readonly AggregatedVersion[]): void;
}

/** A group version that another server answers for. Where the door serves it too, the other one wins. */
export interface AggregatedVersion {
  group: string;
  version: string;
  groupPriority: number;
  versionPriority: number;
  /** APIResourceDiscovery of apidiscovery.k8s.io/v2, as last heard. */
  resources: readonly unknown[];
  /** Whether the server answers now; what was heard of one that does not is stale. */
  current: boolean;
  /** Its document of OpenAPI v3; the hash is as it says it, and changes with the document. */
  openapiV3?: { hash: string; read(): Promise<unknown> };
  /** Its objects, read and written as a master of the cluster. Kinds: elsewhere.ts. Rejects with ApiError when it does not answer. */
  client?: Client;
  /** Deletes all that the server keeps in a namespace; gives what is left. Rejects when it does not answer. */
  emptyNamespace?(namespace: string): Promise<readonly { plural: string; count: number; finalizers: readonly string[] }[]>;
  /** Its document of OpenAPI v2 with all that it serves. Rejects when it cannot be had. */
  openapiV2?(): Promise<unknown>;
}

export interface ServedKinds {
  /** One Kind a served version of a resource. */
  list(): readonly Kind[];
  /** What other servers answer for. */
  elsewhere?(): readonly AggregatedVersion[];
  /** The preferred version of a resource by its group and kind, for owner references. */
  find(group: string, kind: string): Kind | undefined;
  /** Calls back after each change. Gives the way to stop. */
  subscribe(callback: () => void): () => void;
}

/** A step of admission (upstream: an admission plugin). */
export interface Admission {
  name: string;
  kinds: readonly Kind[] | 'all';
  operations: readonly AdmissionRequest['operation'][];
  /** Runs after all steps that are not last, in both phases (upstream: webhooks and policies); one that books something, after those too (quotas). */
  last?: boolean | 'books';
  /**
   * May change `request.object`; throws ApiError to refuse. Must be safe to call twice, and with dryRun must not keep anything.
   * A last step gives true when the object changed such that the other steps must see it: all run once more, with `request.again`.
   */
  admit?(request: AdmissionRequest, context: ModuleContext): void | boolean | Promise<void | boolean>;
  /** Gives `request.object`, which has its name now, what no other may have; throws ApiError to refuse. With dryRun it must not keep anything (upstream: registry Store BeginCreate, BeginUpdate). */
  allocate?(request: AdmissionRequest, context: ModuleContext): void | Promise<void>;
  /** After all changes; throws ApiError to refuse. */
  validate?(request: AdmissionRequest, context: ModuleContext): void | Promise<void>;
}

/** Aborts when the time is over that the client of a request waits, which is at `endMs` by performance.now(). */
export type DeadlineSignal = AbortSignal & { readonly endMs: number };

export interface AdmissionRequest {
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  kind: Kind;
  namespace?: string;
  /** Of what is created with a generateName it is there when all steps have changed the object: they may give one, too. One of a collection that is deleted has none: see `oldObject`. */
  name?: string;
  subresource?: string;
  /** What the path names, where that is not the kind's own resource and `subresource`: `bindings`, which bind the pod that their body names. Webhooks and policies know the request by it. */
  resource?: string;
  /** The new object, unfrozen; undefined for DELETE. For CONNECT the options of the request, for instance a PodAttachOptions. */
  object: KubeObject | undefined;
  /** The stored object, frozen; undefined for CREATE. */
  oldObject: KubeObject | undefined;
  /** What was sent to a subresource that is created, such as a Binding or an Eviction; `object` is its parent as it will be. */
  body?: KubeObject;
  user: UserInfo;
  dryRun: boolean;
  /** Texts for Warning headers are added here. */
  warnings?: string[];
  /** The name in managedFields. */
  fieldManager?: string;
  /** What else the client said of its options: `fieldValidation`; of a deletion `propagationPolicy`, `gracePeriodSeconds`, `preconditions`. */
  options?: Readonly<Record<string, unknown>>;
  /** Adds to what the audit log tells of the request: a key such as `pod-security.kubernetes.io/audit-violations`. The first word of a key counts. */
  annotate?: Annotate;
  /** Until when the client waits, where it says so: whoever is asked on its behalf has no longer. */
  deadline?: DeadlineSignal;
  /** Set in the second round of steps, after a last step changed the object. */
  again?: boolean;
  /** Whether the user of the request may do something else. */
  may?(attributes: AccessAttributes): boolean;
  /** The same of any user, with the reason. */
  decide?(user: UserInfo, attributes: AccessAttributes): AccessDecision;
}

/** `level`: the least level of the audit policy at which it is told; default Metadata. */
export type Annotate = (key: string, value: string, level?: 'Metadata' | 'Request' | 'RequestResponse') => void;

export interface AccessDecision {
  allowed: boolean;
  /** Empty where nobody gave one. */
  reason: string;
}

/** What somebody wants to do: with a resource, or with a path. */
export interface AccessAttributes {
  verb: string;
  resource?: { group: string; plural: string; subresource?: string; namespace?: string; name?: string; fieldSelector?: string };
  path?: string;
}

/** The second family of a network of two; absent where there is IPv4 alone. */
export interface Ipv6Facts { podCidr: string; serviceCidr: string; loadBalancerCidr: string; gatewayIp: string }

/** What modules may know of the machine and of this instance. */
export interface MachineFacts {
  /** Folder for what must outlive a restart, mode 0700, `<state>/<module>` (made for the module). */
  stateFolder: string;
  /** Folder for sockets and the like, empty after a reboot, `<run>/<module>`. */
  runFolder: string;
  /** The name of this instance; part of the name of everything made on the machine, at most 8 characters: `llmos`. */
  instance: string;
  nodeName: string;
  /** Of the whole machine, whatever share of it this node has; memoryBytes as well. */
  cpuMillis: number;
  memoryBytes: number;
  /** How many nodes share the machine in equal parts; absent: this is the only one. */
  nodes?: number;
  /** 'v1' also means hybrid. */
  cgroupVersion: 'v1' | 'v2';
  /** Absolute paths of the host programs found (crun, conmon, nft, ...). */
  programs: Readonly<Record<string, string>>;
  /** CIDR of pods and services and the addresses within that llmos itself answers on. */
  network: { podCidr: string; serviceCidr: string; gatewayIp: string; dnsServiceIp: string; apiServiceIp: string; loadBalancerCidr: string; clusterDomain: string; ipv6?: Ipv6Facts };
  /** Where CNI network configuration lies (written by the network module, read by the node agent) and where plugins are. */
  cni: { confFolder: string; binFolders: readonly string[] };
  /** containers/storage of this instance: `--root` and `--runroot` of skopeo and buildah. */
  images: { root: string; runRoot: string };
  /** Where further nodes of this machine have their agents' sockets: `NAME/agent.sock`. Only the first node has it. */
  agents?: string;
  /** Addresses of further nodes, which lie in the pod network; absent where there are none. */
  furtherAddresses?: readonly string[];
  /** On a further node: the network namespace of the machine, where the bridge is. */
  further?: { machineNetwork: string };
  /** Where the door listens, for pods and tools: `https://127.0.0.1:6443`. */
  apiServer: { url: string; port: number; caPem: string };
}

/** A path of the door that a module answers: a connect subresource (pods/log, pods/exec) or a raw path (`/metrics`). */
export interface Route {
  /** Subresource routes: the kind, the subresource. */
  kind?: Kind;
  subresource?: string;
  /** Raw routes: a path prefix such as `/apis/metrics.k8s.io/v1beta1`. */
  path?: string;
  /** Raw routes below `/apis/GROUP/VERSION`: what is there, as discovery tells it. Then `/apis/GROUP/VERSION` itself may stay without an answer of the module. */
  resources?: readonly RouteResource[];
  /** Subresource routes: the name of the object within what stands in its place in the path, where that says more (`https:web:443`). Throws BadRequest. Authorization sees the whole. */
  nameOf?(id: string): string;
  /** HTTP methods; default GET. Authorization asks for the verb that upstream asks: get for GET, create for POST (exec: either). */
  methods?: readonly string[];
  handle(request: RouteRequest): Promise<void>;
}

/** Of a raw route, as meta/v1 APIResource. */
export interface RouteResource {
  /** `clusterqueues`, or with a subresource `clusterqueues/pendingworkloads`. */
  name: string;
  singularName: string;
  namespaced: boolean;
  kind: string;
  verbs: readonly string[];
}

/** A request that was authenticated and authorized. The handler owns the answer. */
export interface RouteRequest {
  method: string;
  url: URL;
  user: UserInfo;
  namespace?: string;
  name?: string;
  /** What follows the subresource or path prefix, without a leading slash. */
  rest: string;
  /** The parent object of a subresource route. */
  object?: KubeObject;
  http: IncomingMessage;
  /** Set for ordinary requests. */
  response?: ServerResponse;
  /** Set when the client asked to upgrade (WebSocket): the raw connection. */
  upgrade?: { socket: Duplex; head: Buffer };
  signal: AbortSignal;
}

export interface UserInfo {
  name: string;
  uid?: string;
  groups: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

/** Keeps the types of a module literal. */
export function defineModule(module: Module): Module {
  return module;
}

