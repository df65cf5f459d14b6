/**
 * What is known of one container's use: cpu in cores, every sample by its weight; memory in bytes, the peak of each day (upstream: recommender/model).
 * A container that ran out of memory counts as one that would have used more.
 */
import type { ContainerResourcePolicy, VerticalPodAutoscalerCheckpoint } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { quantityMillis, quantityValue } from '../../api/quantity.ts';
import { rfc3339 } from '../../base/clock.ts';
import { histogram, type Histogram } from './histogram.ts';

const DAY_MS = 86_400_000;
const CPU = { firstBucket: 0.01, greatest: 1_000, halfLifeMs: DAY_MS };
const MEMORY = { firstBucket: 1e7, greatest: 1e12, halfLifeMs: DAY_MS };
/** A busy container's samples say more than an idle one's. */
const LEAST_CPU_WEIGHT = 0.1;

/** How much more a container gets that ran out of memory: so much of what it had, and no less than so many bytes more. */
export interface Bump { ratio: number; leastBytes: number }
const BUMP: Bump = { ratio: 1.2, leastBytes: 100 * 2 ** 20 };

export function bumpOf({ oomBumpUpRatio, oomMinBumpUp }: Pick<ContainerResourcePolicy, 'oomBumpUpRatio' | 'oomMinBumpUp'> = {}): Bump {
  return { ratio: oomBumpUpRatio === undefined ? BUMP.ratio : quantityMillis(String(oomBumpUpRatio)) / 1_000, leastBytes: oomMinBumpUp === undefined ? BUMP.leastBytes : quantityValue(String(oomMinBumpUp)) };
}

type Status = NonNullable<VerticalPodAutoscalerCheckpoint['status']>;

export interface Sample {
  atMs: number;
  cpuCores: number;
  memoryBytes: number;
  /** Requested; absent for none. */
  requestedCores?: number;
}

export interface ContainerModel {
  readonly cpu: Histogram;
  readonly memory: Histogram;
  add(pod: string, sample: Sample): void;
  /** With what it had when it ran out. */
  ranOutOfMemory(pod: string, memoryBytes: number, atMs: number, bump?: Bump): void;
  /** Days over which there are samples, and no more than there are samples for at one a minute: how far the bounds can be trusted. */
  confidenceDays(): number;
  samples(): number;
  checkpoint(nowMs: number): Status;
}

export function containerModel(status: Status = {}): ContainerModel {
  const cpu = histogram(CPU, status.cpuHistogram);
  const memory = histogram(MEMORY, status.memoryHistogram);
  let firstMs = Date.parse(status.firstSampleStart ?? '') || 0;
  let lastMs = Date.parse(status.lastSampleStart ?? '') || 0;
  let count = Number(status.totalSamplesCount ?? 0);
  /** Of each pod: the greatest of the day that is under way, as it counts, and as it was used. Days follow on the pod's first. */
  const peaks = new Map<string, { endMs: number; bytes: number; usedBytes: number }>();

  function raisePeak(pod: string, { bytes, usedBytes, atMs }: { bytes: number; usedBytes: number; atMs: number }): void {
    const peak = peaks.get(pod);
    if (peak !== undefined && atMs < peak.endMs) {
      peak.usedBytes = Math.max(peak.usedBytes, usedBytes);
      if (bytes <= peak.bytes) return;
      memory.subtract(peak.bytes, 1, peak.endMs);
      memory.add(bytes, 1, peak.endMs);
      peak.bytes = bytes;
      return;
    }
    for (const [name, { endMs }] of peaks) if (endMs < atMs - DAY_MS && name !== pod) peaks.delete(name);
    const endMs = peak === undefined ? atMs + DAY_MS : peak.endMs + (Math.floor((atMs - peak.endMs) / DAY_MS) + 1) * DAY_MS;
    peaks.set(pod, { endMs, bytes, usedBytes });
    memory.add(bytes, 1, endMs);
  }

  return {
    cpu, memory,
    add(pod, { atMs, cpuCores, memoryBytes, requestedCores = 0 }) {
      if (!(Number.isFinite(cpuCores) && cpuCores >= 0 && Number.isFinite(memoryBytes) && memoryBytes >= 0)) return;
      cpu.add(cpuCores, Math.max(requestedCores, LEAST_CPU_WEIGHT), atMs);
      raisePeak(pod, { bytes: memoryBytes, usedBytes: memoryBytes, atMs });
      firstMs = firstMs === 0 ? atMs : Math.min(firstMs, atMs);
      lastMs = Math.max(lastMs, atMs);
      count += 1;
    },
    ranOutOfMemory(pod, memoryBytes, atMs, { ratio, leastBytes } = BUMP) {
      const peak = peaks.get(pod);
      if (peak !== undefined && atMs < peak.endMs - DAY_MS) return; // of a day that is over
      // What an earlier end made of it is not what it used: else every end would ask for a fifth more.
      const had = Math.max(memoryBytes, peak?.usedBytes ?? 0);
      raisePeak(pod, { bytes: Math.max(had * ratio, had + leastBytes), usedBytes: 0, atMs });
    },
    confidenceDays: () => Math.min((lastMs - firstMs) / DAY_MS, count / (60 * 24)),
    samples: () => count,
    checkpoint: (nowMs) => ({
      lastUpdateTime: rfc3339(nowMs), version: 'v3', cpuHistogram: cpu.checkpoint(), memoryHistogram: memory.checkpoint(), totalSamplesCount: count,
      ...(firstMs === 0 ? {} : { firstSampleStart: rfc3339(firstMs), lastSampleStart: rfc3339(lastMs) }),
    }),
  };
}
