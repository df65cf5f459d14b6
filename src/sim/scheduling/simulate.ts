/** Runs a trace of jobs through an admission on a virtual clock. */
import { createHeap } from '../../base/heap.ts';
import type { Admission } from '../../modules/queue/policy/admission.ts';
import { FairnessMeter } from './fairness.ts';
import type { RecordedJob } from './trace.ts';

/** What became of a job. */
export interface Outcome {
  readonly job: RecordedJob;
  readonly finishedAt: number;
  /** How often it was stopped and began anew. */
  readonly stops: number;
}

export interface Sample {
  readonly at: number;
  readonly pending: number;
  /** The busy part of the first resource, 0 to 1. */
  readonly utilisation: number;
}

export interface Run {
  readonly outcomes: readonly Outcome[];
  /** Jobs that ask for more than there is. */
  readonly refused: readonly RecordedJob[];
  readonly samples: readonly Sample[];
  readonly decisions: number;
  /** Units times seconds of the first resource: all that was done, and what was done in vain. */
  readonly doneWork: number;
  readonly lostWork: number;
  /** Jain's index, 0 to 1. */
  readonly fairness: number;
  readonly wallMs: number;
}

interface RunningJob {
  readonly job: RecordedJob;
  readonly startedAt: number;
  readonly endsAt: number;
  stopped: boolean;
}

/** `capacity` is of the first resource. */
export function simulate(jobs: readonly RecordedJob[], admission: Admission, capacity: number): Run {
  const startMs = performance.now();
  const ends = createHeap<RunningJob>((left, right) => left.endsAt - right.endsAt);
  const running = new Map<string, RunningJob>();
  const recorded = new Map(jobs.map((job) => [job.id, job]));
  const stops = new Map<string, number>();
  const outcomes: Outcome[] = [];
  const refused: RecordedJob[] = [];
  const samples: Sample[] = [];
  const sampleEverySeconds = Math.max(1, ((jobs.at(-1)?.submittedAt ?? 0) - (jobs[0]?.submittedAt ?? 0)) / 1_000);
  const fairness = new FairnessMeter(capacity, sampleEverySeconds / 10);
  const holds = (job: RecordedJob, sign: 1 | -1): void => fairness.holds(job.tenant, sign * job.request[0]!);
  const waits = (job: RecordedJob, sign: 1 | -1): void => fairness.waits(job.tenant, sign * job.request[0]!);
  let [decisions, doneWork, lostWork, next, sampleAt] = [0, 0, 0, 0, 0];
  for (;;) {
    while (ends.peek()?.stopped === true) ends.pop();
    const now = Math.min(ends.peek()?.endsAt ?? Infinity, jobs[next]?.submittedAt ?? Infinity, admission.wakeAt);
    if (now === Infinity) break;
    fairness.advance(now);
    for (let end = ends.peek(); end !== undefined && (end.stopped || end.endsAt <= now); end = ends.peek()) {
      ends.pop();
      if (end.stopped) continue;
      running.delete(end.job.id);
      admission.finish(end.job.id, now);
      doneWork += end.job.runSeconds * end.job.request[0]!;
      outcomes.push({ job: end.job, finishedAt: now, stops: stops.get(end.job.id) ?? 0 });
      holds(end.job, -1);
    }
    for (; next < jobs.length && jobs[next]!.submittedAt <= now; next++) {
      const job = jobs[next]!;
      if (job.request[0]! > capacity) {
        refused.push(job);
        continue;
      }
      admission.submit(job, now);
      waits(job, 1);
    }
    for (const decision of admission.decide(now)) {
      const job = recorded.get(decision.job.id)!;
      decisions++;
      if (decision.kind === 'start') {
        const started: RunningJob = { job, startedAt: now, endsAt: now + job.runSeconds, stopped: false };
        running.set(job.id, started);
        ends.push(started);
        holds(job, 1);
        waits(job, -1);
        continue;
      }
      const stopped = running.get(job.id)!;
      stopped.stopped = true;
      running.delete(job.id);
      stops.set(job.id, (stops.get(job.id) ?? 0) + 1);
      lostWork += (now - stopped.startedAt) * job.request[0]!;
      holds(job, -1);
      waits(job, 1);
    }
    if (now < sampleAt) continue;
    samples.push({ at: now, pending: admission.pendingCount, utilisation: 1 - admission.free[0]! / capacity });
    sampleAt = now + sampleEverySeconds;
  }
  return { outcomes, refused, samples, decisions, doneWork, lostWork, fairness: fairness.index, wallMs: performance.now() - startMs };
}
