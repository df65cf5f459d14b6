/** The behaviours of sig-node, with real containers. */
import { conformance } from './cluster.ts';
import { containers } from './node/containers.ts';
import { environment } from './node/environment.ts';
import { pods } from './node/pods.ts';
import { resize } from './node/resize.ts';

conformance('sig-node', [environment, containers, pods, resize]);
