/** emptyDir volumes: a folder on the disk, in memory, or of huge pages (core/v1 EmptyDirVolumeSource). */
import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs';
import type { EmptyDirVolumeSource, Pod } from '../../../api/generated/core-v1.ts';
import { quantityValue } from '../../../api/quantity.ts';
import { run } from '../../../base/sys/run.ts';
import { podLimits } from '../cgroup/resources.ts';

/** Left as it is when it is there. `machineBytes` bounds what is in memory. */
export async function setUpEmptyDir(pod: Pod, source: EmptyDirVolumeSource, folder: string, machineBytes: number): Promise<void> {
  if (existsSync(folder)) return;
  const group = pod.spec?.securityContext?.fsGroup;
  mkdirSync(folder, { recursive: true });
  const { medium = '' } = source;
  if (medium === 'Memory') await run('mount', ['-t', 'tmpfs', '-o', `nosuid,nodev,mode=0777,size=${memoryBytes(pod, source, machineBytes)}`, 'tmpfs', folder]);
  else if (medium.startsWith('HugePages')) await run('mount', ['-t', 'hugetlbfs', '-o', `pagesize=${pageBytes(pod, medium)}`, 'none', folder]);
  chmodSync(folder, group === undefined ? 0o777 : 0o2777);
  if (group !== undefined) chownSync(folder, 0, Number(group));
}

/** The least of what the volume says, what the pod may use, and what the machine has. */
function memoryBytes(pod: Pod, { sizeLimit }: EmptyDirVolumeSource, machineBytes: number): number {
  const said = sizeLimit === undefined ? 0 : quantityValue(sizeLimit);
  return Math.min(machineBytes, podLimits(pod.spec!).memoryBytes ?? Infinity, said > 0 ? said : Infinity);
}

/** `HugePages-2Mi` says its size; `HugePages` is that of the only huge pages that the pod asks for. */
function pageBytes({ spec }: Pod, medium: string): number {
  const asked = new Set([...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap(({ resources }) => Object.keys({ ...resources?.limits, ...resources?.requests })).filter((each) => each.startsWith('hugepages-')).map((each) => each.slice('hugepages-'.length)));
  const [size] = medium === 'HugePages' ? asked : [medium.slice('HugePages-'.length)];
  if (size === undefined || (medium === 'HugePages' && asked.size > 1)) throw new Error('the medium HugePages needs containers that ask for huge pages of one size; say the size: HugePages-2Mi');
  return quantityValue(size);
}
