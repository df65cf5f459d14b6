/** Faults of the gateway, and its signals. */
import { conformance } from './cluster.ts';
import { faults } from './gateway/faults.ts';
import { longLived } from './gateway/long-lived.ts';
import { signals } from './gateway/signals.ts';

conformance('gateway: faults and signals', [faults, longLived, signals]);
