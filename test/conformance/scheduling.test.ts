/** The behaviours of sig-scheduling. */
import { conformance } from './cluster.ts';
import { scheduling } from './scheduling/scheduling.ts';

conformance('sig-scheduling', [scheduling]);
