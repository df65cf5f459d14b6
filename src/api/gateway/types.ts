/** Objects of the Gateway API (gateway.networking.k8s.io), as on the wire; fields with defaults are there once the door has seen an object. */
import type { LabelSelector } from '../generated/meta-v1.ts';
import type { Condition, KubeObject } from '../meta.ts';

export interface GatewayClass extends KubeObject {
  spec: { controllerName: string; parametersRef?: { group: string; kind: string; name: string; namespace?: string }; description?: string };
  status?: { conditions?: Condition[]; supportedFeatures?: { name: string }[] };
}

export interface Gateway extends KubeObject {
  spec: {
    gatewayClassName: string;
    listeners: Listener[];
    addresses?: GatewayAddress[];
    /** Where ListenerSets may come from; default none. */
    allowedListeners?: { namespaces?: { from?: 'All' | 'Same' | 'Selector' | 'None'; selector?: LabelSelector } };
    infrastructure?: { labels?: Record<string, string>; annotations?: Record<string, string>; parametersRef?: LocalReference };
    tls?: { backend?: { clientCertificateRef?: SecretReference }; frontend?: { default: FrontendTls; perPort?: { port: number; tls: FrontendTls }[] } };
  };
  status?: { addresses?: GatewayAddress[]; conditions?: Condition[]; listeners?: ListenerStatus[]; attachedListenerSets?: number };
}

export interface FrontendTls {
  validation?: { caCertificateRefs: ObjectReference[]; mode?: 'AllowValidOnly' | 'AllowInsecureFallback' };
}

export interface GatewayAddress { type?: string; value?: string }

export interface Listener {
  name: string;
  hostname?: string;
  port: number;
  protocol: string;
  tls?: { mode?: 'Terminate' | 'Passthrough'; certificateRefs?: SecretReference[]; options?: Record<string, string>; frontendValidation?: { caCertificateRefs: ObjectReference[] } };
  allowedRoutes?: { namespaces?: { from?: 'All' | 'Same' | 'Selector' | 'None'; selector?: LabelSelector }; kinds?: RouteGroupKind[] };
}

export interface RouteGroupKind { group?: string; kind: string }

/** Listeners of a Gateway that others add (GEP-1713). */
export interface ListenerSet extends KubeObject {
  spec: { parentRef: { group?: string; kind?: string; namespace?: string; name: string }; listeners: Listener[] };
  status?: { conditions?: Condition[]; listeners?: ListenerStatus[] };
}

export interface ListenerStatus { name: string; supportedKinds: RouteGroupKind[]; attachedRoutes: number; conditions: Condition[] }

export interface LocalReference { group: string; kind: string; name: string }

export interface ObjectReference { group?: string; kind?: string; name: string; namespace?: string }

export interface SecretReference { group?: string; kind?: string; name: string; namespace?: string }

export interface ParentReference { group?: string; kind?: string; namespace?: string; name: string; sectionName?: string; port?: number }

export interface RouteParentStatus { parentRef: ParentReference; controllerName: string; conditions: Condition[] }

export interface BackendRef { group?: string; kind?: string; name: string; namespace?: string; port?: number; weight?: number }

/** What all routes have. */
export interface Route extends KubeObject {
  spec?: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: { name?: string; backendRefs?: BackendRef[] }[] };
  status?: { parents?: RouteParentStatus[] };
}

export interface HttpHeader { name: string; value: string }

export interface HeaderFilter { set?: HttpHeader[]; add?: HttpHeader[]; remove?: string[] }

export interface PathModifier { type: 'ReplaceFullPath' | 'ReplacePrefixMatch'; replaceFullPath?: string; replacePrefixMatch?: string }

export interface CorsFilter {
  allowOrigins?: string[]; allowMethods?: string[]; allowHeaders?: string[]; exposeHeaders?: string[];
  allowCredentials?: boolean; maxAge?: number;
}

/** Somebody is asked about each request before it goes on (GEP-1494). */
export interface ExternalAuthFilter {
  protocol: 'HTTP' | 'GRPC';
  backendRef: BackendRef;
  grpc?: { allowedHeaders?: string[] };
  http?: { path?: string; allowedHeaders?: string[]; allowedResponseHeaders?: string[] };
  forwardBody?: { maxSize?: number };
}

/** Filters of HTTP and, as far as they have them, of gRPC routes. */
export interface RouteFilter {
  type: string;
  requestHeaderModifier?: HeaderFilter;
  responseHeaderModifier?: HeaderFilter;
  requestMirror?: { backendRef: BackendRef; percent?: number; fraction?: { numerator: number; denominator?: number } };
  requestRedirect?: { scheme?: string; hostname?: string; path?: PathModifier; port?: number; statusCode?: number };
  urlRewrite?: { hostname?: string; path?: PathModifier };
  cors?: CorsFilter;
  externalAuth?: ExternalAuthFilter;
  extensionRef?: LocalReference;
}

export interface ValueMatch { type?: string; name: string; value: string }

export interface HttpMatch {
  path?: { type?: string; value?: string };
  headers?: ValueMatch[];
  queryParams?: ValueMatch[];
  method?: string;
}

export interface FilteredBackendRef extends BackendRef { filters?: RouteFilter[] }

export interface SessionPersistence {
  sessionName?: string; absoluteTimeout?: string; idleTimeout?: string; type?: 'Cookie' | 'Header';
  cookieConfig?: { lifetimeType?: 'Permanent' | 'Session' };
}

export interface HttpRule {
  name?: string;
  matches?: HttpMatch[];
  filters?: RouteFilter[];
  backendRefs?: FilteredBackendRef[];
  timeouts?: { request?: string; backendRequest?: string };
  retry?: { codes?: number[]; attempts?: number | bigint; backoff?: string };
  sessionPersistence?: SessionPersistence;
}

export interface HTTPRoute extends Route {
  spec?: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: HttpRule[] };
}

export interface GrpcMatch { method?: { type?: string; service?: string; method?: string }; headers?: ValueMatch[] }

export interface GrpcRule { name?: string; matches?: GrpcMatch[]; filters?: RouteFilter[]; backendRefs?: FilteredBackendRef[]; sessionPersistence?: SessionPersistence }

export interface GRPCRoute extends Route {
  spec?: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: GrpcRule[] };
}

export interface TLSRoute extends Route {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules: { name?: string; backendRefs?: BackendRef[] }[] };
}

/** TCPRoute and UDPRoute: all that comes to a port. */
export interface StreamRoute extends Route {
  spec: { parentRefs?: ParentReference[]; rules: { name?: string; backendRefs?: BackendRef[] }[] };
}

export interface ReferenceGrant extends KubeObject {
  spec?: { from: { group: string; kind: string; namespace: string }[]; to: { group: string; kind: string; name?: string }[] };
}

export interface BackendTLSPolicy extends KubeObject {
  spec: {
    targetRefs: { group: string; kind: string; name: string; sectionName?: string }[];
    validation: { caCertificateRefs?: LocalReference[]; wellKnownCACertificates?: string; hostname: string; subjectAltNames?: { type: string; hostname?: string; uri?: string }[] };
    options?: Record<string, string>;
  };
  status?: { ancestors: { ancestorRef: ParentReference; controllerName: string; conditions: Condition[] }[] };
}
