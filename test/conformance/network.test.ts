/** The behaviours of sig-network: Services, their ranges and addresses, Ingress. */
import { conformance } from './cluster.ts';
import { addresses } from './network/addresses.ts';
import { ingress } from './network/ingress.ts';
import { services } from './network/services.ts';

conformance('sig-network: services', [services, ingress, addresses]);
