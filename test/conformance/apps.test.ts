/** The behaviours of sig-apps: jobs, cron jobs and disruption budgets. */
import { budgets } from './apps/budgets.ts';
import { jobPolicies } from './apps/job-policies.ts';
import { jobs } from './apps/jobs.ts';
import { conformance } from './cluster.ts';

conformance('sig-apps: jobs and budgets', [jobs, jobPolicies, budgets], { concurrency: 4 });
