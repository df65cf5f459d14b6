import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Admission } from './admission.ts';
import type { AdmissionOptions } from './admission-options.ts';
import type { Decision, Job } from './job.ts';
import { POLICIES, YIELDING, yieldingPolicy } from './policies.ts';

const HOUR = 3_600;

function queue(options: Partial<AdmissionOptions> = {}): Admission {
  const { patience: _patience, trials: _trials, ...rest } = POLICIES.ShortestJobFirst();
  return new Admission({ ...rest, capacity: [4], shadowBound: true, yielding: YIELDING, ...options });
}

function job(id: string, toldSeconds: number, more: Partial<Job> = {}): Job {
  return { id, submittedAt: 0, request: [4], tenant: 'a', priority: 0, toldSeconds, likeness: [], checkpointSeconds: 600, ...more };
}

const said = (decisions: readonly Decision[]): string[] => decisions.map(({ kind, job: { id } }) => `${kind} ${id}`);

describe('a resumable job', () => {
  const cases: readonly [string, Partial<Job>, Partial<Job>, string[]][] = [
    ['yields to one with much less to do', {}, {}, ['stop long', 'start short']],
    ['does not where it would begin anew', { checkpointSeconds: undefined } as Partial<Job>, {}, []],
    ['does not to one with a third of what it has left', {}, { toldSeconds: 3 * HOUR }, []],
    ['does not once it was stopped for others often enough', { timesPreempted: YIELDING.mostPerJob }, {}, []],
    ['does not where what it would lose is too much', { checkpointSeconds: 10 * HOUR }, { toldSeconds: 2 * HOUR }, []],
  ];
  for (const [what, long, short, expected] of cases) {
    it(what, () => {
      const admission = queue();
      admission.submit(job('long', 10 * HOUR, long), 0);
      assert.deepEqual(said(admission.decide(0)), ['start long']);
      admission.submit(job('short', 60, { submittedAt: HOUR, ...short }), HOUR);
      assert.deepEqual(said(admission.decide(HOUR)), expected);
    });
  }

  it('keeps what it did until its last checkpoint, and so has less left', () => {
    const admission = queue();
    admission.submit(job('long', 10 * HOUR), 0);
    admission.decide(0);
    admission.submit(job('short', 60, { submittedAt: 1_300 }), 1_300);
    admission.decide(1_300);
    const { doneSeconds, expectedSeconds, timesPreempted } = admission.entry('long')!;
    assert.deepEqual([doneSeconds, expectedSeconds, timesPreempted], [1_200, 10 * HOUR - 1_200, 1]);
  });

  it('is stopped no more often than it may, whoever comes', () => {
    const admission = queue();
    admission.submit(job('long', 100 * HOUR, { checkpointSeconds: 0 }), 0);
    admission.decide(0);
    let stops = 0;
    for (let now = 700, id = 0; id < 40; id++, now += 700) {
      admission.submit(job(`short-${id}`, 10, { submittedAt: now }), now);
      stops += admission.decide(now).filter(({ kind }) => kind === 'stop').length;
      if (admission.entry(`short-${id}`)!.state !== 'running') continue;
      admission.finish(`short-${id}`, now + 10);
      admission.decide(now + 10);
    }
    assert.equal(stops, YIELDING.mostPerJob);
  });
});

it('is the harder to stop the more often it was, where waits are bounded', () => {
  const yieldsAgain = (options: Partial<AdmissionOptions>): boolean => {
    const admission = queue(options);
    admission.submit(job('long', 10 * HOUR, { timesPreempted: 1 }), 0);
    admission.decide(0);
    admission.submit(job('short', 2 * HOUR, { submittedAt: 600 }), 600);
    return said(admission.decide(600)).includes('stop long');
  };
  assert.equal(yieldsAgain(yieldingPolicy({ bounded: false })), true);
  assert.equal(yieldsAgain(yieldingPolicy({ bounded: true })), false);
});

it('is looked at again though times are fractions of a second', () => {
  const admission = queue();
  // From a power of two on numbers are told apart half as finely, so after a minute less than a minute has passed, by less than can be waited for.
  const startedAt = 2 ** 22 - 30 + 2 ** -31;
  const now = startedAt + 60;
  assert.ok(now - startedAt < 60 && now + (60 - (now - startedAt)) === now);
  admission.submit(job('long', 10 * HOUR, { submittedAt: startedAt }), startedAt);
  admission.decide(startedAt);
  admission.submit(job('short', 60, { submittedAt: now }), now);
  assert.deepEqual(said(admission.decide(now)), ['stop long', 'start short']);
});

/** The places are free at this time, and two wait for them: the longer one came first. */
function longBeforeLess(): { admission: Admission; at: number } {
  const admission = queue();
  admission.submit(job('first', 10), 0);
  admission.decide(0);
  admission.submit(job('long', 8 * HOUR, { submittedAt: 1 }), 1);
  admission.submit(job('less', 5 * HOUR, { submittedAt: 2 }), 2);
  admission.finish('first', 10);
  return { admission, at: 10 };
}

describe('who got its place because it had waited for longer than anybody would under EASY', () => {
  function late(): { admission: Admission; now: number } {
    const { admission, at } = longBeforeLess();
    admission.decide(at);
    let now = at;
    while (admission.entry('long')!.state !== 'running') admission.decide((now = admission.wakeAt));
    return { admission, now };
  }

  it('keeps it as long as that is so', () => {
    const { admission, now } = late();
    admission.submit(job('short', 60, { submittedAt: now + 60 }), now + 60);
    assert.deepEqual(said(admission.decide(now + 60)), []);
  });

  it('gives it to a much shorter one when waits under EASY have grown beyond that', () => {
    const { admission, now } = late();
    // In the order of arrival `less` would still wait for `long`.
    const later = now + 600;
    admission.submit(job('short', 60, { submittedAt: later }), later);
    assert.deepEqual(said(admission.decide(later)), ['stop long', 'start short']);
  });
});

it('who has waited for longer than anybody would under EASY gets the places of those that have not', () => {
  const admission = queue();
  admission.submit(job('first', HOUR, { request: [2] }), 0);
  admission.decide(0);
  admission.submit(job('wide', 8 * HOUR, { submittedAt: 1 }), 1);
  // Shorter ones keep coming: in the order of arrival all of them would have come later.
  let startedAt: number | undefined;
  for (let now = 60, id = 0; startedAt === undefined && now < 12 * HOUR; now += 60, id++) {
    admission.submit(job(`narrow-${id}`, 200, { submittedAt: now, request: [1], checkpointSeconds: 0 }), now);
    for (const { kind, job: { id: of } } of admission.decide(now)) if (kind === 'start' && of === 'wide') startedAt = now;
    for (const { job: running, startedAt: from } of [...admission.running]) if (running.id !== 'wide' && now - from >= (running.toldSeconds ?? 0)) admission.finish(running.id, now);
  }
  assert.ok(startedAt !== undefined && startedAt <= 3 * HOUR, `started at ${startedAt}`);
});

it('who waits for longer than anybody would under EASY gets its places though nothing else happens', () => {
  const { admission, at } = longBeforeLess();
  assert.deepEqual(said(admission.decide(at)), ['start less']);
  let now = at;
  let decisions: readonly Decision[] = [];
  while (decisions.length === 0 && now < HOUR) decisions = admission.decide((now = admission.wakeAt));
  assert.deepEqual(said(decisions), ['stop less', 'start long'], `at ${now}`);
  const [{ preemption }] = decisions as [Decision & { kind: 'stop' }];
  assert.deepEqual([preemption?.yielded?.to, preemption?.yielded?.times, preemption?.yielded?.mostTimes], ['overdue', 1, YIELDING.mostPerJob]);
});
