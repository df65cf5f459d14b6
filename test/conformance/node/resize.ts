/** [sig-node] In-place resize: containers get other cpu and memory while they run; what is changed is also changed back. */
import assert from 'node:assert/strict';
import { behaviour, create, get, kubectl, namespace, patch, podOf, put, until, type Body } from '../cluster.ts';
import { isReady, pathOf } from './pod.ts';

/** Requests and limits: cpu in millicores, memory in MiB. */
interface Sizes { cpu?: number; cpuLimit?: number; memory?: number; memoryLimit?: number }

const BEFORE = [20, 35] as const;
const MORE = [25, 40] as const;
const LESS = [15, 30] as const;
const CPU_PERIOD_US = 100_000;
const LEAST_QUOTA_US = 1_000;

export function resize(): void {
  const guaranteed = (...cpuMemory: (readonly [number, number])[]): Sizes[] => cpuMemory.map(([cpu, memory], index) => ({ cpu: cpu + 2 * index, cpuLimit: cpu + 2 * index, memory: memory + 2 * index, memoryLimit: memory + 2 * index }));
  const three = guaranteed(BEFORE, BEFORE, BEFORE);
  const alike = 'Pod InPlace Resize Container guaranteed pods with multiple containers 3 containers';
  behaviour(`${alike} - increase cpu & mem on c1, c2, decrease cpu & mem on c3 - net increase [MinimumKubeletVersion:1.34]`, () => thereAndBack(three, guaranteed(MORE, MORE, LESS)));
  behaviour(`${alike} - increase cpu & mem on c1, decrease cpu & mem on c2, c3 - net decrease [MinimumKubeletVersion:1.34]`, () => thereAndBack(three, guaranteed(MORE, LESS, LESS)));
  behaviour(`${alike} - increase: CPU (c1,c3), memory (c2, c3) ; decrease: CPU (c2) [MinimumKubeletVersion:1.34]`, () => thereAndBack(three, guaranteed([MORE[0], BEFORE[1]], [LESS[0], MORE[1]], MORE)));
  behaviour('Pod InPlace Resize Container burstable pods - extended 6 containers - various operations performed (including adding limits and requests) [MinimumKubeletVersion:1.34]', async () => {
    const before: Sizes[] = [{ cpu: 20 }, { memory: 35 }, { cpu: 20, memory: 35 }, { cpu: 20 }, { memory: 35 }];
    const after: Sizes[] = [{ cpu: 25, cpuLimit: 35 }, { memory: 30, memoryLimit: 50 }, { cpu: 20, memory: 30 }, { cpu: 15, memory: 35 }, { cpu: 20, memory: 40 }];
    await resized(await started(before), after, 2);
  });
  behaviour('Pod InPlace Resize Container burstable pods - extended resize with equivalents [MinimumKubeletVersion:1.34]', () => thereAndBack([{ cpu: 2, cpuLimit: 10 }], [{ cpu: 1, cpuLimit: 5 }]));
  behaviour('Pod InPlace Resize Container resize pod via the replace endpoint [MinimumKubeletVersion:1.34]', async () => {
    const wanted = { cpu: 25, memory: 40 };
    const path = await started([{ cpu: 20, memory: 35 }]);
    const pod = await get(path);
    assert.equal(pod.metadata.generation, 1);
    pod.spec.containers[0].resources = resourcesOf(wanted);
    assert.equal((await put(`${path}/resize`, { ...pod, metadata: { ...pod.metadata, resourceVersion: undefined } })).metadata.generation, 2);
    const actuated = await isAt(path, [wanted], 2);
    assert.deepEqual(await get(`${path}/resize`), actuated);
  });
}

async function thereAndBack(before: Sizes[], after: Sizes[]): Promise<void> {
  const path = await started(before);
  await resized(path, after, 2);
  await resized(path, before, 3);
}

async function started(sizes: Sizes[]): Promise<string> {
  const space = await namespace();
  const like = podOf('p').spec.containers[0];
  const pod = podOf('p');
  pod.spec.containers = sizes.map((each, index) => ({ ...like, name: `c${index + 1}`, resources: resourcesOf(each) }));
  await create(`/api/v1/namespaces/${space}/pods`, pod);
  await isReady(space, 'p');
  await isAt(pathOf(space, 'p'), sizes, 1);
  return pathOf(space, 'p');
}

async function resized(path: string, sizes: Sizes[], generation: number): Promise<void> {
  const containers = sizes.map((each, index) => ({ name: `c${index + 1}`, resources: resourcesOf(each) }));
  assert.equal((await patch(`${path}/resize`, { spec: { containers } }, 'strategic-merge-patch')).metadata.generation, generation);
  await isAt(path, sizes, generation);
}

/** The status says so, nothing is under way, nothing restarted, and the kernel keeps to it. */
async function isAt(path: string, sizes: Sizes[], generation: number): Promise<Body> {
  const wanted = sizes.map(resourcesOf);
  const pod = await until(path, ({ status }) => status.observedGeneration === generation && !status.conditions.some(({ type }: Body) => type.startsWith('PodResize')) && wanted.every((each, index) => sameResources(of(status, index).resources, each)));
  for (const [index, each] of sizes.entries()) {
    assert.equal(of(pod.status, index).restartCount, 0);
    assert.deepEqual(of(pod.status, index).allocatedResources ?? {}, wanted[index]!.requests ?? {});
    const { memoryBytes, quotaUs } = await limitsWithin(pod, `c${index + 1}`);
    assert.equal(memoryBytes, each.memoryLimit === undefined ? undefined : each.memoryLimit * 2 ** 20);
    assert.equal(quotaUs, each.cpuLimit === undefined ? undefined : Math.max(LEAST_QUOTA_US, each.cpuLimit * CPU_PERIOD_US / 1_000));
  }
  return pod;
}

const of = (status: Body, index: number): Body => status.containerStatuses.find(({ name }: Body) => name === `c${index + 1}`);

function sameResources(actual: Body, wanted: Body): boolean {
  return ['requests', 'limits'].every((list) => ['cpu', 'memory'].every((name) => actual?.[list]?.[name] === wanted[list]?.[name]));
}

function resourcesOf({ cpu, cpuLimit, memory, memoryLimit }: Sizes): Body {
  const list = (millis: number | undefined, mebibytes: number | undefined): Body => ({ ...(millis === undefined ? {} : { cpu: `${millis}m` }), ...(mebibytes === undefined ? {} : { memory: `${mebibytes}Mi` }) });
  const [requests, limits] = [list(cpu, memory), list(cpuLimit, memoryLimit)];
  return { ...(Object.keys(requests).length === 0 ? {} : { requests }), ...(Object.keys(limits).length === 0 ? {} : { limits }) };
}

/** What a container's own control group says, undefined without a limit. */
async function limitsWithin(pod: Body, container: string): Promise<{ memoryBytes?: number; quotaUs?: number }> {
  const text = await kubectl('-n', pod.metadata.namespace, 'exec', pod.metadata.name, '-c', container, '--', 'sh', '-c', 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us 2> /dev/null || cat memory.max cpu.max');
  const [memory, quota] = text.trim().split('\n').map((line) => Number(line.split(' ')[0]));
  const bounded = (value: number | undefined): number | undefined => (value === undefined || !(value > 0) || value > 2 ** 60 ? undefined : value);
  return { memoryBytes: bounded(memory), quotaUs: bounded(quota) };
}
