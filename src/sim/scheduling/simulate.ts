/** Runs a trace of jobs through an admission on a virtual clock. */
import { createHeap } from '../../base/heap.ts';
import type { Admission } from '../../modules/queue/policy/admission.ts';
import { lostSecondsOf } from '../../modules/queue/policy/job.ts';
import { dominantShare, type Resources } from '../../modules/queue/policy/resources.ts';
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
  /** The busy part of the resource that is used the most, 0 to 1. */
  readonly utilisation: number;
}

export interface Run {
  readonly outcomes: readonly Outcome[];
  /** Jobs that ask for more than there is. */
  readonly refused: readonly RecordedJob[];
  readonly samples: readonly Sample[];
  readonly decisions: number;
  /** Width times seconds: all that was done, and what was done in vain. */
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

/** How much of all a job takes: units of the one resource there is, or its dominant share where there are several. */
function widthOf({ request }: RecordedJob, capacity: Resources): number {
  return capacity.length === 1 ? request[0]! : dominantShare(request, capacity);
}

/** The whole, in the unit of {@link widthOf}. */
export function wholeOf(capacity: Resources): number {
  return capacity.length === 1 ? capacity[0]! : 1;
}

/** Jobs that ask for more than `capacity` are refused. */
export function simulate(jobs: readonly RecordedJob[], admission: Admission, capacity: Resources): Run {
  const startMs = performance.now();
  const ends = createHeap<RunningJob>((left, right) => left.endsAt - right.endsAt);
  const running = new Map<string, RunningJob>();
  const recorded = new Map(jobs.map((job) => [job.id, job]));
  const stops = new Map<string, number>();
  /** What stopped jobs keep, in seconds. */
  const kept = new Map<string, number>();
  const outcomes: Outcome[] = [];
  const refused: RecordedJob[] = [];
  const samples: Sample[] = [];
  const sampleEverySeconds = Math.max(1, ((jobs.at(-1)?.submittedAt ?? 0) - (jobs[0]?.submittedAt ?? 0)) / 1_000);
  const fairness = new FairnessMeter(wholeOf(capacity), sampleEverySeconds / 10);
  const holds = (job: RecordedJob, sign: 1 | -1): void => fairness.holds(job.tenant, sign * widthOf(job, capacity));
  const waits = (job: RecordedJob, sign: 1 | -1): void => fairness.waits(job.tenant, sign * widthOf(job, capacity));
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
      doneWork += end.job.runSeconds * widthOf(end.job, capacity);
      outcomes.push({ job: end.job, finishedAt: now, stops: stops.get(end.job.id) ?? 0 });
      holds(end.job, -1);
    }
    for (; next < jobs.length && jobs[next]!.submittedAt <= now; next++) {
      const job = jobs[next]!;
      if (!admission.couldRun(job)) {
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
        const started: RunningJob = { job, startedAt: now, endsAt: now + job.runSeconds - (kept.get(job.id) ?? 0), stopped: false };
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
      const ranSeconds = now - stopped.startedAt;
      const lostSeconds = lostSecondsOf(job, ranSeconds);
      kept.set(job.id, (kept.get(job.id) ?? 0) + ranSeconds - lostSeconds);
      lostWork += lostSeconds * widthOf(job, capacity);
      holds(job, -1);
      waits(job, 1);
    }
    if (now < sampleAt) continue;
    samples.push({ at: now, pending: admission.pendingCount, utilisation: dominantShare(capacity.map((amount, index) => amount - admission.free[index]!), capacity) });
    sampleAt = now + sampleEverySeconds;
  }
  return { outcomes, refused, samples, decisions, doneWork, lostWork, fairness: fairness.index, wallMs: performance.now() - startMs };
}
