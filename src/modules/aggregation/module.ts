/** Aggregation: other servers answer for group versions, as APIServices say; those that this server answers for itself are listed too. */
import { APIService } from '../../api/apiregistration/api-service.ts';
import { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import { ConfigMap } from '../../api/core/config-map.ts';
import { Service } from '../../api/core/service.ts';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import { defineModule, type Module } from '../../sdk/module.ts';
import { availability } from './availability.ts';
import { registerServed } from './registration.ts';
import { createServers, type Servers } from './servers.ts';
import { publishTrust } from './trust.ts';

function aggregation(): Module {
  let servers: Servers | undefined;
  return defineModule({
    name: 'aggregation',
    description: 'APIServices: group versions that other servers answer for, behind one door',
    kinds: [APIService],
    needs: [Service, EndpointSlice, ConfigMap, CustomResourceDefinition],
    writes: [APIService, ConfigMap],
    aggregates: true,
    controllers: [availability(() => servers)],
    async start(context) {
      servers = context.aggregation === undefined ? undefined : createServers(context);
    },
    async run(context) {
      await Promise.all([registerServed(context), publishTrust(context)]);
    },
  });
}

export default aggregation();
