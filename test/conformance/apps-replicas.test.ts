/** The behaviours of sig-apps: deployments, replica sets and replication controllers. */
import { deployments, replicaSets, replicationControllers } from './apps/replicas.ts';
import { conformance } from './cluster.ts';

conformance('sig-apps: replicas', [deployments, replicaSets, replicationControllers], { concurrency: 4 });
