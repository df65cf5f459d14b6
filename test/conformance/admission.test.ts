/** The behaviours of sig-api-machinery that are about admission and conversion: webhooks and policies. */
import { conversions } from './api-machinery/conversions.ts';
import { policies } from './api-machinery/policies.ts';
import { webhooks } from './api-machinery/webhooks.ts';
import { conformance } from './cluster.ts';

conformance('sig-api-machinery: admission', [webhooks, policies, conversions]);
