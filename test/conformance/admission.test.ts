/** The behaviours of sig-api-machinery that are about admission: webhooks and policies. */
import { policies } from './api-machinery/policies.ts';
import { webhooks } from './api-machinery/webhooks.ts';
import { conformance } from './cluster.ts';

conformance('sig-api-machinery: admission', [webhooks, policies]);
