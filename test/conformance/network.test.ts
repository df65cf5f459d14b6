/** The behaviours of sig-network: Services. */
import { conformance } from './cluster.ts';
import { services } from './network/services.ts';

conformance('sig-network: services', [services]);
