/** The behaviours of sig-network: Services, Ingress. */
import { conformance } from './cluster.ts';
import { ingress } from './network/ingress.ts';
import { services } from './network/services.ts';

conformance('sig-network: services', [services, ingress]);
