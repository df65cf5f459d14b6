/** Gateway API and Ingress, carried by HAProxy; what works is loaded when the first Gateway or Ingress is there. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import { ClusterTrustBundle } from '../../api/certificates/cluster-trust-bundle.ts';
import { ConfigMap } from '../../api/core/config-map.ts';
import { Namespace } from '../../api/core/namespace.ts';
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { Secret } from '../../api/core/secret.ts';
import { Service } from '../../api/core/service.ts';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import { BackendTLSPolicy, Gateway, GATEWAY_KINDS, GatewayClass, GRPCRoute, HTTPRoute, ListenerSet, ReferenceGrant, TCPRoute, TLSRoute, UDPRoute } from '../../api/gateway/kinds.ts';
import { LoadBalancingPolicy } from '../../api/network/load-balancing-policy.ts';
import { Ingress } from '../../api/networking/ingress.ts';
import { IngressClass } from '../../api/networking/ingress-class.ts';
import { aborted } from '../../base/aborted.ts';
import { rfc3339 } from '../../base/clock.ts';
import { watching, type Controller } from '../../sdk/controller.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { firstUse } from '../../sdk/first-use.ts';
import { defineModule, type ModuleContext } from '../../sdk/module.ts';
import { CLASS, CONTROLLER, INGRESS_CONTROLLER } from './observed.ts';

/** Where a user installed upstream's definitions, this one of them tells of which release they are. */
const DEFINITION = 'gatewayclasses.gateway.networking.k8s.io';
const BUNDLE_VERSION = 'gateway.networking.k8s.io/bundle-version';

/** Says of the classes that are ours that they are accepted. */
const classController: Controller<GatewayClass> = {
  name: 'gateway-class', for: GatewayClass,
  watches: [watching(CustomResourceDefinition, ({ metadata }, caches) => (metadata.name === DEFINITION ? caches.of(GatewayClass).list().map((each) => each.metadata.name ?? '') : []))],
  async reconcile(key, object, { caches, client, clock }) {
    // As when the definitions of a user, who had installed upstream's, are deleted, with all that was of them.
    if (object === undefined && key === CLASS) await ensureClass(client);
    if (object === undefined || object.spec.controllerName !== CONTROLLER || object.metadata.deletionTimestamp !== undefined) return;
    const { gatewayClassStatus } = await import('./statuses.ts');
    const definition = caches.of(CustomResourceDefinition).get(DEFINITION);
    const status = gatewayClassStatus(object, rfc3339(clock.nowMs()), definition === undefined ? 'built in' : definition.metadata.annotations?.[BUNDLE_VERSION]);
    if (!isDeepStrictEqual(status, object.status)) await client.update(GatewayClass, { ...object, status } as GatewayClass, { subresource: 'status' });
  },
};

export default defineModule({
  name: 'gateway',
  description: 'Gateway API and Ingress: routes by host, path and header, TLS, gRPC',
  kinds: GATEWAY_KINDS,
  needs: [Service, EndpointSlice, Ingress, IngressClass],
  reads: [GatewayClass, Gateway, ListenerSet, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute, ReferenceGrant, BackendTLSPolicy, Service, EndpointSlice, Secret, ConfigMap, ClusterTrustBundle, Namespace, Node, Pod, Ingress, IngressClass, LoadBalancingPolicy, CustomResourceDefinition],
  writes: [GatewayClass, Gateway, ListenerSet, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute, BackendTLSPolicy, Service, EndpointSlice, Secret, Ingress, IngressClass],
  // Certificates for local names.
  signs: true,
  controllers: [classController],
  async run(context) {
    await ensureClasses(context.client);
    // One that runs from an earlier life is looked after, though what it was for may be gone.
    if (!existsSync(join(context.machine.runFolder, 'haproxy', 'haproxy.pid'))) await firstUse(context, [Gateway, Ingress]);
    if (context.signal.aborted && context.signal.reason !== 'down') return;
    if (!context.signal.aborted) {
      const { startEngine } = await import('./engine.ts');
      const engine = await startEngine(context);
      await aborted(context.signal);
      await engine.settled();
    }
    if (context.signal.reason !== 'down') return;
    const { endHaproxy } = await import('../../sdk/haproxy/process.ts');
    const { proxyFolder } = await import('./engine.ts');
    await endHaproxy(proxyFolder(context.machine));
  },
});

/** The classes by which users ask for this module; that of Ingresses is the default one until there is a newer that says so too. */
async function ensureClasses(client: ModuleContext['client']): Promise<void> {
  if ((await ifThere(client.get(IngressClass, CLASS))) === undefined) {
    await client.create(IngressClass, { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: CLASS, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } }, spec: { controller: INGRESS_CONTROLLER } });
  }
  await ensureClass(client);
}

async function ensureClass(client: Pick<ModuleContext['client'], 'get' | 'create'>): Promise<void> {
  if ((await ifThere(client.get(GatewayClass, CLASS))) !== undefined) return;
  await client.create(GatewayClass, { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GatewayClass', metadata: { name: CLASS }, spec: { controllerName: CONTROLLER, description: 'Gateways of this machine, carried by HAProxy' } });
}
