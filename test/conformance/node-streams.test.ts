/** More behaviours of sig-node: streams, images, taints, devices that evict. */
import { conformance } from './cluster.ts';
import { devices } from './node/devices.ts';
import { HAS_REGISTRY, streams } from './node/streams.ts';

// A registry of its own, where the program is there: an image volume is pulled from it.
conformance('sig-node', [streams, devices], { config: HAS_REGISTRY ? 'modules: { registry: { enabled: true } }' : '' });
