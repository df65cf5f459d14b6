/** The modules that every llmos starts with; `modules.NAME.enabled: false` in the configuration leaves one out. */
import { defineModule } from '../sdk/module.ts';
import { Namespace, Node, Pod, Service, Endpoints, EndpointSlice, ConfigMap, Event, Lease, ServiceAccount } from '../api/kinds.ts';
import customResources from '../modules/custom-resources/module.ts';
import endpointslice from '../modules/endpointslice/module.ts';
import network from '../modules/network/module.ts';
import scheduler from '../modules/scheduler/module.ts';
import workloads from '../modules/workloads/module.ts';
import type { Module } from '../sdk/module.ts';

const temp = defineModule({ name: 'temp', description: '', kinds: [Namespace, Node, Pod, Service, Endpoints, EndpointSlice, ConfigMap, Event, Lease, ServiceAccount], writes: [Namespace], async start({client}) {
  for (const name of ['default', 'kube-system', 'kube-node-lease']) await client.create(Namespace, { metadata: { name } } as never).catch(() => {});
} });
export const builtins: readonly Module[] = [temp, customResources, workloads, scheduler, endpointslice, network];
