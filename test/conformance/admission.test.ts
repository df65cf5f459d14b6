/** The behaviours of sig-api-machinery that need webhooks or policies, and of migrations between versions. */
import { conversion } from './api-machinery/conversion.ts';
import { policies } from './api-machinery/policies.ts';
import { storageMigration } from './api-machinery/storage-migration.ts';
import { webhooks } from './api-machinery/webhooks.ts';
import { conformance } from './cluster.ts';

conformance('sig-api-machinery: admission', [webhooks, policies, conversion, storageMigration]);
