/** The behaviours of sig-api-machinery that need webhooks or policies. */
import { conversion } from './api-machinery/conversion.ts';
import { policies } from './api-machinery/policies.ts';
import { webhooks } from './api-machinery/webhooks.ts';
import { conformance } from './cluster.ts';

conformance('sig-api-machinery: admission', [webhooks, policies, conversion]);
