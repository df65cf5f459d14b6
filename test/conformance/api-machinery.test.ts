/** The behaviours of sig-api-machinery. */
import { aggregator } from './api-machinery/aggregator.ts';
import { chunking } from './api-machinery/chunking.ts';
import { customResourceDefinitions } from './api-machinery/definitions.ts';
import { discovery } from './api-machinery/discovery.ts';
import { fieldValidation } from './api-machinery/field-validation.ts';
import { flowControl } from './api-machinery/flow-control.ts';
import { garbageCollector } from './api-machinery/garbage-collector.ts';
import { namespaces } from './api-machinery/namespaces.ts';
import { openApi } from './api-machinery/openapi.ts';
import { resourceQuota } from './api-machinery/resource-quota.ts';
import { watchers } from './api-machinery/watchers.ts';
import { conformance } from './cluster.ts';

conformance('sig-api-machinery', [discovery, watchers, chunking, namespaces, customResourceDefinitions, openApi, fieldValidation, garbageCollector, resourceQuota, flowControl, aggregator], { concurrency: 4 });
