/** The loader of modules. */
export { createLoader, type Loader, type ModuleState, type ModuleStatus } from './loader.ts';
export type { Host, HostedModule } from './host.ts';
export { orderModules } from './order.ts';
