/** [sig-network] Ingress API, IngressClass API */
import { behaviour, namespace } from '../cluster.ts';
import { liveThrough } from '../resource-life.ts';

const GROUP = 'networking.k8s.io';

export function ingress(): void {
  behaviour('Ingress API should support creating Ingress API operations', async () => liveThrough({
    group: GROUP, version: 'v1', plural: 'ingresses', subresources: ['status'], namespace: await namespace(),
    make: (name) => ({ metadata: { name }, spec: { defaultBackend: { service: { name: 'default-backend', port: { number: 80 } } }, rules: [{ host: 'foo.bar.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'foo', port: { number: 80 } } } }] } }] } }),
  }));

  behaviour('IngressClass API should support creating IngressClass API operations', () => liveThrough({
    group: GROUP, version: 'v1', plural: 'ingressclasses', subresources: [],
    make: (name) => ({ metadata: { name }, spec: { controller: 'example.com/controller' } }),
  }));
}
