/** More behaviours of sig-node: streams, images, taints that evict. */
import { conformance } from './cluster.ts';
import { streams } from './node/streams.ts';

conformance('sig-node', [streams]);
