/** The garbage collector: objects go with their owners. */
import { Namespace } from '../../api/core/namespace.ts';
import { defineModule } from '../../sdk/index.ts';
import { runGarbageCollector } from './run.ts';

export default defineModule({
  name: 'garbage-collector',
  eventSource: 'garbage-collector-controller',
  description: 'Deletes objects whose owners are gone: in the background, in the foreground, or not at all (orphans)',
  needs: [Namespace],
  // Owners and dependents are of any kind.
  reads: 'all',
  writes: 'all',
  run: runGarbageCollector,
});
