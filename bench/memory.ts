/** What an llmos with nothing deployed costs a minute after boot: memory of all its processes, and cpu over the next minute. */
import { setTimeout as sleep } from 'node:timers/promises';
import { bootInstance } from '../test/fixtures/instance.ts';
import { cpuMs, pidsOf, pssMib } from './support/processes.ts';
import { figureOf, resultOf, type BenchResult } from './result.ts';

const SETTLE_MS = 60_000;
const SAMPLE_MS = 6_000;
const SAMPLES = 10;

export async function run(): Promise<BenchResult> {
  const instance = await bootInstance();
  try {
    console.error('waiting a minute, then measuring for a minute');
    await sleep(SETTLE_MS);
    const memory: number[] = [];
    const cpu: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const pids = pidsOf(instance.pid);
      const before = cpuMs(pids);
      await sleep(SAMPLE_MS);
      cpu.push(((cpuMs(pids) - before) / SAMPLE_MS) * 100);
      memory.push(pssMib(pids));
    }
    return resultOf('memory', { idle: figureOf('MiB', memory), idleCpu: figureOf('percent', cpu) });
  } finally {
    await instance.destroy();
  }
}
