/** The behaviours of Ingress, on real containers. */
import { conformance } from './cluster.ts';
import { ingresses } from './gateway/ingress.ts';

conformance('ingress', [ingresses]);
