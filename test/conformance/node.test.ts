/** The behaviours of sig-node, with real containers. */
import { conformance } from './cluster.ts';
import { containers } from './node/containers.ts';
import { environment } from './node/environment.ts';
import { pods } from './node/pods.ts';
import { resize } from './node/resize.ts';

// Most of them wait for something: for probes, for containers to end.
conformance('sig-node', [pods, containers, resize, environment], { concurrency: 4, config: 'modules: { node: { crashLoopBackOff: { maxContainerRestartPeriod: 1s } } }' });
