import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CONTENDERS } from './baselines.ts';
import { compare } from './compare.ts';
import { FairnessMeter } from './fairness.ts';
import { renderReport } from './report.ts';
import { sampleTrace } from './sample.ts';
import { readJobTrace } from './trace.ts';

const CAPACITY = 235;

describe('every contender', () => {
  const trace = sampleTrace({ jobs: 600, days: 1 });
  const work = trace.jobs.reduce((sum, job) => sum + job.runSeconds * job.request[0]!, 0);
  for (const name of Object.keys(CONTENDERS)) {
    it(`${name} runs every job once to its end, never more at a time than there is`, () => {
      const [{ run, measures }] = compare(trace, CAPACITY, [name]) as [ReturnType<typeof compare>[0]];
      assert.equal(run.outcomes.length, trace.jobs.length);
      assert.equal(run.doneWork, work);
      assert.equal(new Set(run.outcomes.map(({ job }) => job.id)).size, trace.jobs.length);
      for (const { job, finishedAt } of run.outcomes) assert.ok(finishedAt >= job.submittedAt + job.runSeconds);
      for (const { utilisation } of run.samples) assert.ok(utilisation >= 0 && utilisation <= 1);
      const { trials, sharePreemption, yielding } = CONTENDERS[name]!.options(trace);
      assert.ok(measures.mostStops <= (trials?.lengthsSeconds.length ?? 0) + (sharePreemption?.mostPerJob ?? 0) + (yielding?.mostPerJob ?? 0));
    });
  }
});

it('the same seed gives the same run, and what is known of the order of policies holds', () => {
  const trace = sampleTrace();
  const slowdown = Object.fromEntries(compare(trace, CAPACITY, ['fcfs', 'easy', 'ShortestJobFirst', 'sjf-clairvoyant']).map(({ contender, measures }) => [contender, measures.boundedSlowdown]));
  assert.deepEqual(sampleTrace().jobs, trace.jobs);
  assert.ok(slowdown['sjf-clairvoyant']! < slowdown['ShortestJobFirst']!);
  assert.ok(slowdown['ShortestJobFirst']! < slowdown['easy']!);
  assert.ok(slowdown['easy']! < slowdown['fcfs']!);
});

it('shares kept by stopping jobs are fairer, for a bounded part of the work', () => {
  const [without, withIt] = compare(sampleTrace(), CAPACITY, ['FairShare', 'FairShare+preemption']).map(({ measures }) => measures);
  assert.ok(withIt!.fairness > without!.fairness, `${withIt!.fairness} after ${without!.fairness}`);
  assert.ok(withIt!.lostPart < 0.05);
});

describe('a trace', () => {
  const read = (text: string | Buffer): ReturnType<typeof readJobTrace> => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-trace-'));
    try {
      writeFileSync(join(folder, 'jobs.csv'), text);
      return readJobTrace(join(folder, 'jobs.csv'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  it('is read plain and compressed, in the order of submission', () => {
    const text = 'job_id,submit_s,run_s,cpus,user_id\nb,20,5,2,u1\na,10,7,1,u2\n';
    for (const each of [text, gzipSync(text)]) assert.deepEqual(read(each).jobs.map(({ id, runSeconds, request, tenant }) => [id, runSeconds, request, tenant]), [['a', 7, [1], 'u2'], ['b', 5, [2], 'u1']]);
  });
  const refused: readonly [string, RegExp][] = [
    ['submit_s,cpus\n1,1\n', /has no column run_s; it has submit_s, cpus/],
    ['submit_s,run_s\n1,1\n', /says nowhere how much a job asks for/],
    ['submit_s,run_s,cpus\n1,x,1\n', /row 1: run_s is 'x'/],
    ['submit_s,run_s,cpus\n1,-1,1\n', /row 1: run_s is '-1'/],
  ];
  for (const [text, message] of refused) it(`is refused: ${message.source}`, () => assert.throws(() => read(text), message));
});

it('a resumable job goes on where its last checkpoint was, and what it did since is lost', () => {
  const trace = { name: 'two', resources: ['cpus'], hasEstimates: false, jobs: [
    { id: 'long', submittedAt: 0, runSeconds: 10_000, request: [4], tenant: 'a', priority: 0, toldSeconds: 10_000, likeness: [] },
    { id: 'short', submittedAt: 1_000, runSeconds: 100, request: [4], tenant: 'b', priority: 0, toldSeconds: 100, likeness: [] },
  ] };
  const [{ run, measures }] = compare(trace, 4, ['ShortestJobFirst+resume']) as [ReturnType<typeof compare>[0]];
  assert.deepEqual(run.outcomes.map(({ job, finishedAt, stops }) => [job.id, finishedAt, stops]), [['short', 1_100, 0], ['long', 10_500, 1]]);
  assert.equal(run.lostWork, 4 * 400);
  assert.equal(measures.longestWaitSeconds, 500);
});

it('pods that ask for several resources are simulated by their dominant share', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-trace-'));
  try {
    const file = join(folder, 'pods.csv');
    writeFileSync(file, 'pod_id,creation_s,run_s,cpu_milli,memory_mib,num_gpu,gpu_milli,qos\na,0,100,4000,1024,0,,LS\nb,0,50,1000,1024,2,500,BE\nc,1,10,8000,512,0,0,LS\nnever,2,,1,1,0,0,LS\n');
    const trace = readJobTrace(file);
    assert.deepEqual([trace.resources, trace.jobs.map(({ request }) => request)], [['cpu', 'memory', 'gpu'], [[4000, 1024, 0], [1000, 1024, 1000], [8000, 512, 0]]]);
    const [{ run, measures }] = compare(trace, [8000, 4096, 1000], ['FIFO']) as [ReturnType<typeof compare>[0]];
    assert.deepEqual(run.outcomes.map(({ job, finishedAt }) => [job.id, finishedAt]), [['b', 50], ['a', 100], ['c', 110]]);
    assert.equal(run.doneWork, 0.5 * 100 + 50 + 10);
    assert.ok(measures.utilisation <= 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('fairness is 1 for equal parts, and a half when one of two gets all', () => {
  for (const [holds, expected] of [[[5, 5], 1], [[10, 0], 0.5]] as const) {
    const meter = new FairnessMeter(10, 1);
    for (const [index, tenant] of ['a', 'b'].entries()) {
      meter.holds(tenant, holds[index]!);
      meter.waits(tenant, 10);
    }
    meter.advance(100);
    assert.ok(Math.abs(meter.index - expected) < 1e-9);
  }
});

it('the report is a page with a table and plots, and no text of a trace becomes markup', () => {
  const trace = sampleTrace({ jobs: 50, days: 1 });
  const page = renderReport('<b>', compare({ ...trace, jobs: trace.jobs.map((job) => ({ ...job, tenant: '<script>' })) }, CAPACITY, ['easy']));
  assert.match(page, /<polyline/);
  assert.doesNotMatch(page, /<script>|<b>/);
});
