/** What a plan is made from: the objects as the caches have them now. Nothing here is changed. */
import type { BackendTLSPolicy, Gateway, GatewayClass, GRPCRoute, HTTPRoute, ListenerSet, ReferenceGrant, TCPRoute, TLSRoute, UDPRoute } from '../../api/gateway/kinds.ts';
import type { ClusterTrustBundle } from '../../api/generated/certificates-v1beta1.ts';
import type { ConfigMap, Namespace, Secret, Service } from '../../api/generated/core-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/networking-v1.ts';

export interface Observed {
  classes: readonly GatewayClass[];
  gateways: readonly Gateway[];
  listenerSets: readonly ListenerSet[];
  httpRoutes: readonly HTTPRoute[];
  grpcRoutes: readonly GRPCRoute[];
  tlsRoutes: readonly TLSRoute[];
  tcpRoutes: readonly TCPRoute[];
  udpRoutes: readonly UDPRoute[];
  grants: readonly ReferenceGrant[];
  policies: readonly BackendTLSPolicy[];
  ingresses: readonly Ingress[];
  ingressClasses: readonly IngressClass[];
  /** By `namespace/name`, or `name`. */
  service(key: string): Service | undefined;
  secret(key: string): Secret | undefined;
  configMap(key: string): ConfigMap | undefined;
  trustBundle(name: string): ClusterTrustBundle | undefined;
  namespace(name: string): Namespace | undefined;
  /** A certificate of the machine's own for a local hostname, where there is to be one. */
  localCertificate?(hostname: string): TlsPair | undefined;
}

/** PEM texts. */
export interface TlsPair { certificatePem: string; keyPem: string }

export const CONTROLLER = 'llmos.dev/gateway';
/** Of IngressClasses. */
export const INGRESS_CONTROLLER = 'llmos.dev/ingress';
export const CLASS = 'llmos';
