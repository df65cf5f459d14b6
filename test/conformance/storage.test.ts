/** The behaviours of sig-storage, with real containers and folders. */
import { conformance } from './cluster.ts';
import { emptyDirs } from './storage/empty-dirs.ts';
import { objects } from './storage/objects.ts';
import { payloads } from './storage/payloads.ts';

conformance('sig-storage', [objects, emptyDirs, payloads], { concurrency: 4 });
