/** The behaviours of sig-apps: stateful sets, daemon sets and their revisions. */
import { daemonSets, statefulSets } from './apps/sets.ts';
import { conformance } from './cluster.ts';

conformance('sig-apps: sets', [statefulSets, daemonSets], { concurrency: 4 });
