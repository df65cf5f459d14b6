/** Ingress objects and their classes, for the gateway module and for the ingress controllers that users bring. */
import { IngressClass, isDefaultClass } from '../../api/networking/ingress-class.ts';
import { CLASS_ANNOTATION, Ingress } from '../../api/networking/ingress.ts';
import { defineModule, type Admission } from '../../sdk/index.ts';

/** Gives an Ingress that names no class the default one, if there is one; the newest of several (upstream: admission DefaultIngressClass). */
const defaultIngressClass: Admission = {
  name: 'default-ingress-class', kinds: [Ingress], operations: ['CREATE'],
  async admit(request, context) {
    const ingress = request.object as Ingress | undefined;
    if (ingress === undefined || (request.subresource ?? '') !== '' || ingress.spec?.ingressClassName !== undefined || ingress.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return;
    const classes = context.caches.of(IngressClass);
    await classes.ready();
    const [newest] = classes.list().filter(isDefaultClass)
      .sort((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '') || (a.metadata.name ?? '').localeCompare(b.metadata.name ?? ''));
    if (newest !== undefined) (ingress.spec ??= {}).ingressClassName = newest.metadata.name;
  },
};

export default defineModule({
  name: 'ingress',
  description: 'Ingress and IngressClass; the default class',
  kinds: [Ingress, IngressClass],
  reads: [IngressClass],
  admissions: [defaultIngressClass],
});
