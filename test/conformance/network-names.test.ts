/** The behaviours of sig-network: pods, names, slices. */
import { conformance } from './cluster.ts';
import { names, networking, slices } from './network/pods.ts';

conformance('sig-network: pods, names, slices', [networking, names, slices]);
