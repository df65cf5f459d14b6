/** Keeps containers without cpus of their own off those that are exclusive, while they run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Agent } from '../agent.ts';
import { CGROUP_ROOT } from '../cgroup/layout.ts';
import type { NodeParts } from '../parts.ts';

export function shareCpus(parts: NodeParts, agent: Agent): void {
  const { cgroupVersion } = parts.context.machine;
  parts.cpus.onShared((list) => {
    for (const record of agent.workers().flatMap((worker) => worker.records())) {
      if (record.exit !== undefined || record.exclusiveCpus !== undefined) continue;
      try {
        writeFileSync(join(CGROUP_ROOT, cgroupVersion === 'v1' ? 'cpuset' : '', record.cgroup, 'cpuset.cpus'), list);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') parts.context.log.warn('the cpus of a container could not be changed', { pod: record.pod.name, container: record.name, error });
      }
    }
  });
}
