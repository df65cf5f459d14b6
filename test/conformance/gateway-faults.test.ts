/** Faults of the gateway, and its signals. */
import { conformance } from './cluster.ts';
import { faults } from './gateway/faults.ts';

conformance('gateway: faults and signals', [faults]);
