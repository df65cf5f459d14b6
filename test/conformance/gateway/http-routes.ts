/** HTTPRoute, the core: matching, hostnames, attachment, references. After the descriptions of kubernetes-sigs/gateway-api, conformance/tests. */
import { behaviour } from '../cluster.ts';
import { accepted, addressOf, apply, expect, route, to, V1, world } from './world.ts';

export function httpRoutes(): void {
  behaviour('HTTPRouteSimpleSameNamespace', async () => {
    await world();
    await apply(route('gateway-conformance-infra-test', ['same-namespace'], [{ backendRefs: [to(V1)] }]));
    await accepted('gateway-conformance-infra-test');
    await expect(await addressOf('same-namespace'), { path: '/' }, { backend: V1, namespace: 'gateway-conformance-infra' });
  });
}
