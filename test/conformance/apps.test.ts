/** The behaviours of sig-apps: jobs, cron jobs, disruption budgets, and the workloads with replicas. */
import { budgets } from './apps/budgets.ts';
import { jobs } from './apps/jobs.ts';
import { conformance } from './cluster.ts';

conformance('sig-apps: jobs and budgets', [jobs, budgets]);
