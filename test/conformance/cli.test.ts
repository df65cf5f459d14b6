/** The behaviours of sig-cli, and those of events (sig-instrumentation). */
import { kubectlClient } from './cli/kubectl.ts';
import { events } from './cli/events.ts';
import { conformance } from './cluster.ts';

conformance('sig-cli', [kubectlClient, events], { concurrency: 4 });
