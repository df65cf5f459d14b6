/** Core: namespaces and the plain kinds that everything stands on. */
import { Lease } from '../../api/coordination/lease.ts';
import { ConfigMap } from '../../api/core/config-map.ts';
import { Endpoints } from '../../api/core/endpoints.ts';
import { Event } from '../../api/core/event.ts';
import { Namespace } from '../../api/core/namespace.ts';
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { PodTemplate } from '../../api/core/pod-template.ts';
import { Secret } from '../../api/core/secret.ts';
import { Service } from '../../api/core/service.ts';
import { ServiceAccount } from '../../api/core/service-account.ts';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import { Event as EventsEvent } from '../../api/events/event.ts';
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../api/rbac/rbac.ts';
import { PriorityClass } from '../../api/scheduling/priority-class.ts';
import { defineModule } from '../../sdk/index.ts';
import { runController } from '../../sdk/run-controller.ts';
import { expireEvents } from './expire-events.ts';
import { keepIdentityLease } from './identity-lease.ts';
import { createNamespaces, namespaceController } from './namespace/reconcile.ts';
import { serviceAccountAdmission } from './service-account/admission.ts';
import { createPriorityClasses } from './priority-classes.ts';
import { keepTokenSecrets } from './service-account/token-secrets.ts';
import { namespaceContentController } from './service-account/reconcile.ts';

export default defineModule({
  name: 'core',
  description: 'The kinds that everything stands on (pods, nodes, services, config, accounts, events, roles, priorities), and the life of namespaces',
  kinds: [
    Namespace, Node, Pod, PodTemplate, Service, Endpoints, ConfigMap, Secret, ServiceAccount, Event, EventsEvent, EndpointSlice, Lease, Role, RoleBinding, ClusterRole, ClusterRoleBinding, PriorityClass,
  ],
  // A namespace that goes takes objects of every kind with it.
  reads: 'all',
  writes: 'all',
  admissions: [serviceAccountAdmission],
  start: async (context) => void (await Promise.all([createNamespaces(context), createPriorityClasses(context)])),
  async run(context) {
    await Promise.all([
      runController(namespaceController(context.kinds), context),
      runController(namespaceContentController(() => context.machine.apiServer.caPem), context),
      expireEvents(context),
      keepTokenSecrets(context),
      keepIdentityLease(context),
    ]);
  },
});
