import type { Properties } from './properties.ts';

/** The fields of OpenCost; cpu in cores, memory in bytes, cost in the currency of the sheet. What is not metered here is null; nothing is adjusted later, and load balancers and zones cost nothing. */
export interface Allocation {
  name: string;
  properties: Properties;
  window: { start: string; end: string };
  start: string;
  end: string;
  minutes: number;
  cpuCores: number; cpuCoreRequestAverage: number; cpuCoreLimitAverage: null; cpuCoreUsageAverage: number; cpuCoreHours: number; cpuCost: number; cpuCostAdjustment: 0; cpuCostIdle: number; cpuEfficiency: number;
  gpuCount: number; gpuHours: number; gpuCost: number; gpuCostAdjustment: 0; gpuCostIdle: 0; gpuEfficiency: null;
  networkTransferBytes: number; networkReceiveBytes: number; networkCost: number; networkCrossZoneCost: 0; networkCrossRegionCost: 0; networkInternetCost: 0; networkCostAdjustment: 0;
  loadBalancerCost: 0; loadBalancerCostAdjustment: 0; lbAllocations: null;
  pvBytes: number; pvByteHours: number; pvCost: number; pvCostAdjustment: 0; pvs: null;
  ramBytes: number; ramByteRequestAverage: number; ramByteLimitAverage: null; ramByteUsageAverage: number; ramByteHours: number; ramCost: number; ramCostAdjustment: 0; ramCostIdle: number; ramEfficiency: number;
  externalCost: number; sharedCost: number; totalCost: number; totalEfficiency: number;
}
