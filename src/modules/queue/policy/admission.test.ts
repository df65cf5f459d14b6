import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { userEstimates } from '../prediction/predictor.ts';
import { Admission } from './admission.ts';
import type { AdmissionOptions } from './admission-options.ts';
import type { Decision, Job } from './job.ts';
import { byArrival, byExpectedSeconds, byPriority } from './pending.ts';

function job(id: string, width: number, more: Partial<Job> = {}): Job {
  return { id, submittedAt: 0, request: [width], tenant: 'a', priority: 0, estimateSeconds: 100, likeness: [''], ...more };
}

function admission(more: Partial<AdmissionOptions> = {}): Admission {
  return new Admission({ capacity: [10], predictor: userEstimates, order: byArrival, backfill: 'easy', ...more });
}

const told = (decisions: readonly Decision[]): string => decisions.map((each) => `${each.kind} ${each.job.id}${each.kind === 'start' && each.trialSeconds !== undefined ? ` for ${each.trialSeconds}` : ''}`).join(', ');

describe('who goes past whom', () => {
  const cases: readonly [AdmissionOptions['backfill'], string][] = [
    ['none', 'start first'],
    ['skip', 'start first, start long, start short'],
    ['easy', 'start first, start short'],
  ];
  for (const [backfill, expected] of cases) {
    it(backfill, () => {
      const queue = admission({ backfill });
      queue.submit(job('first', 6), 0);
      queue.submit(job('wide', 9), 0);
      queue.submit(job('long', 2, { estimateSeconds: 500 }), 0);
      queue.submit(job('short', 2, { estimateSeconds: 50 }), 0);
      assert.equal(told(queue.decide(0)), expected);
    });
  }

  it('a long job may use what the blocked one leaves', () => {
    const queue = admission();
    queue.submit(job('first', 6), 0);
    queue.submit(job('wide', 9), 0);
    queue.submit(job('narrow', 1, { estimateSeconds: 500 }), 0);
    assert.equal(told(queue.decide(0)), 'start first, start narrow');
    queue.finish('first', 100);
    assert.equal(told(queue.decide(100)), 'start wide');
  });
});

it('the shortest goes first, and what came first among equals', () => {
  const queue = admission({ order: byExpectedSeconds });
  for (const [id, estimateSeconds] of [['a', 300], ['b', 100], ['c', 200], ['d', 100]] as const) queue.submit(job(id, 10, { estimateSeconds }), 0);
  const order: string[] = [];
  for (let now = 0; queue.pendingCount + queue.runningCount > 0; now++) {
    for (const decision of queue.decide(now)) order.push(decision.job.id);
    queue.finish(order.at(-1)!, now);
  }
  assert.deepEqual(order, ['b', 'd', 'c', 'a']);
});

it('an hour of waiting makes up for a point of priority', () => {
  const order = byPriority(3_600);
  for (const [laterBy, first] of [[3_500, 'urgent'], [3_700, 'old']] as const) {
    const queue = admission({ order });
    queue.submit(job('full', 10), 0);
    queue.decide(0);
    queue.submit(job('old', 10, { submittedAt: 0 }), 0);
    queue.submit(job('urgent', 10, { submittedAt: laterBy, priority: 1 }), laterBy);
    queue.finish('full', laterBy);
    assert.equal(told(queue.decide(laterBy)), `start ${first}`);
  }
});

it('a resource that counts for nothing makes no share, and one that counts twice the double', () => {
  const firstOf = (resourceWeights: readonly number[]): string => {
    const queue = admission({ capacity: [10, 10], fairShare: { halfLifeSeconds: 1_000, pastPart: 0, resourceWeights } });
    // One tenant has much of the first, the other one of the second.
    for (const [tenant, request] of [['a', [4, 1]], ['b', [1, 3]]] as const) queue.submit({ ...job(`${tenant}-holds`, 1, { tenant }), request }, 0);
    queue.decide(0);
    for (const tenant of ['a', 'b']) queue.submit({ ...job(tenant, 1, { tenant }), request: [5, 1] }, 1);
    return told(queue.decide(1));
  };
  assert.deepEqual([firstOf([1, 1]), firstOf([0, 1]), firstOf([1, 2])], ['start b', 'start a', 'start a']);
});

it('the tenant with the least is next, whatever the other asks for', () => {
  const queue = admission({ fairShare: { halfLifeSeconds: 1_000, pastPart: 0 } });
  for (let index = 0; index < 20; index++) queue.submit(job(`a${index}`, 1, { tenant: 'a' }), 0);
  for (let index = 0; index < 20; index++) queue.submit(job(`b${index}`, 1, { tenant: 'b' }), 0);
  const tenants = queue.decide(0).map((decision) => decision.job.tenant);
  assert.deepEqual([tenants.filter((tenant) => tenant === 'a').length, tenants.filter((tenant) => tenant === 'b').length], [5, 5]);
});

it('a weight of three gets three times as much', () => {
  const queue = admission({ capacity: [40], fairShare: { halfLifeSeconds: 1_000, pastPart: 0, weights: { a: 3 } } });
  for (let index = 0; index < 40; index++) for (const tenant of ['a', 'b']) queue.submit(job(`${tenant}${index}`, 1, { tenant }), 0);
  assert.equal(queue.decide(0).filter((decision) => decision.job.tenant === 'a').length, 30);
});

describe('trials', () => {
  const trials = { share: 0.2, lengthsSeconds: [60] };

  it('a job that does not end is stopped and loses its place, one that ends has gone past the queue', () => {
    const queue = admission({ trials });
    queue.submit(job('full', 8, { estimateSeconds: 1_000 }), 0);
    queue.submit(job('next', 8, { estimateSeconds: 1_000 }), 0);
    assert.equal(told(queue.decide(0)), 'start full');
    queue.submit(job('fails', 2, { estimateSeconds: 5_000 }), 1);
    queue.submit(job('endures', 2, { estimateSeconds: 5_000 }), 1);
    assert.match(told(queue.decide(1)), /^start fails/);
    queue.finish('fails', 5);
    assert.match(told(queue.decide(5)), /^start endures/);
  });

  it('is over at wakeAt, and not repeated', () => {
    const queue = admission({ trials, order: byArrival });
    queue.submit(job('full', 9, { estimateSeconds: 1_000 }), 0);
    queue.decide(0);
    queue.submit(job('next', 10, { estimateSeconds: 1_000 }), 1);
    queue.submit(job('tried', 1, { estimateSeconds: 5_000 }), 1);
    assert.equal(told(queue.decide(1)), 'start tried for 60');
    assert.equal(queue.wakeAt, 61);
    assert.equal(told(queue.decide(61)), 'stop tried');
    assert.equal(told(queue.decide(62)), '');
    assert.deepEqual([...queue.free], [1]);
  });

  it('who may stay when it is over goes on without having been stopped', () => {
    const queue = admission({ trials });
    queue.submit(job('full', 9, { estimateSeconds: 1_000 }), 0);
    queue.decide(0);
    queue.submit(job('next', 10, { estimateSeconds: 1_000 }), 1);
    queue.submit(job('tried', 1, { estimateSeconds: 5_000 }), 1);
    queue.decide(1);
    queue.finish('next', 30);
    queue.finish('full', 30);
    assert.equal(told(queue.decide(61)), '');
    assert.equal(queue.runningCount, 1);
    assert.equal(queue.wakeAt, Infinity);
  });
});

it('a wide job is not passed over for ever', () => {
  const waitOf = (patience?: number): number => {
    const queue = admission({ order: byExpectedSeconds, backfill: 'skip', patience });
    const ends = new Map<string, number>();
    queue.submit(job('n0', 5, { submittedAt: 0 }), 0);
    queue.submit(job('wide', 10, { submittedAt: 0, estimateSeconds: 900 }), 0);
    for (let now = 0; now < 20_000; now += 10) {
      for (const [id, end] of ends) if (end <= now && ends.delete(id)) queue.finish(id, now);
      if (now > 0) queue.submit(job(`n${now}`, 1, { submittedAt: now }), now);
      for (const { job: started } of queue.decide(now)) {
        if (started.id === 'wide') return now;
        ends.set(started.id, now + 100);
      }
    }
    return Infinity;
  };
  assert.equal(waitOf(), Infinity);
  assert.ok(waitOf(1) < 2_000);
});

it('what asks for more than there is is refused with both amounts', () => {
  assert.throws(() => admission().submit(job('huge', 11), 0), /huge asks for 11, and all that there is is 10/);
});

describe('shares kept by stopping jobs', () => {
  const fair = (): Admission => admission({ backfill: 'skip', fairShare: { halfLifeSeconds: 3_600, pastPart: 0 }, sharePreemption: { mostPerJob: 2, lostPart: 0.04 } });

  it('give a tenant that comes late its part, of what lost the least, and it stays so', () => {
    const queue = fair();
    for (let index = 0; index < 10; index++) {
      queue.submit(job(`a${index}`, 1), index);
      queue.decide(index);
    }
    for (let index = 0; index < 8; index++) queue.submit(job(`b${index}`, 1, { tenant: 'b' }), 20);
    assert.equal(told(queue.decide(20)), 'stop a9, stop a8, stop a7, stop a6, stop a5, start b0, start b1, start b2, start b3, start b4');
    for (let now = 21; now < 40; now++) assert.equal(told(queue.decide(now)), '');
  });

  it('whoever has nothing gets a job that is wider than its part too, as long as the others keep theirs', () => {
    const shared = (width: number): string => {
      const queue = fair();
      for (let index = 0; index < 10; index++) queue.submit(job(`${index < 9 ? 'a' : 'c'}${index}`, 1, { tenant: index < 9 ? 'a' : 'c' }), 0);
      queue.decide(0);
      queue.submit(job('wide', width, { tenant: 'b' }), 10);
      return told(queue.decide(10));
    };
    assert.match(shared(5), /^(?:stop a\d, ){5}start wide$/);
    assert.equal(shared(6), '', 'a third of all has to be left');
  });

  it('never for more than a part of the work', () => {
    const queue = fair();
    queue.submit(job('long', 10, { tenant: 'a' }), 0);
    queue.decide(0);
    queue.submit(job('other', 4, { tenant: 'b' }), 100_000);
    assert.equal(told(queue.decide(100_000)), '');
  });
});

it('while some have waited for too long, the shortest still get their part of the work', () => {
  const passed = (passingShare: number): number => {
    const queue = admission({ capacity: [1], order: byExpectedSeconds, backfill: 'none', patience: 0, passingShare });
    for (let index = 0; index < 40; index++) queue.submit(job(`long${index}`, 1, { estimateSeconds: 1_000 }), 0);
    let shorts = 0;
    for (let now = 2_000, ends = 0; now < 30_000; now = ends) {
      queue.submit(job(`short${now}`, 1, { submittedAt: now, estimateSeconds: 10 }), now);
      const [started] = queue.decide(now);
      ends = now + started!.job.estimateSeconds!;
      if (started!.job.id.startsWith('short')) shorts++;
      queue.finish(started!.job.id, ends);
    }
    return shorts;
  };
  assert.equal(passed(0), 0);
  // Of each 1,000 s half go to those of 10 s, of which one comes at a time.
  assert.ok(passed(0.5) > 10, `${passed(0.5)} passed`);
});

describe('the reservation of one that has waited for too long', () => {
  const sjf = { order: byExpectedSeconds, patience: 0.9 };
  const besides: readonly [string, number, Partial<Job>, string][] = [
    ['others use what it leaves as long as it has not', 700, { estimateSeconds: 9_000 }, 'start narrow'],
    ['then only those whose users say that they end before', 730, { estimateSeconds: 9_000 }, ''],
    ['such as this one', 730, { estimateSeconds: 4_000 }, 'start narrow'],
  ];
  for (const [what, now, more, expected] of besides) {
    it(what, () => {
      const queue = admission(sjf);
      queue.submit(job('first', 6, { estimateSeconds: 5_000 }), 0);
      for (const at of [0, 1]) queue.decide(at);
      queue.submit(job('wide', 9), 1);
      queue.submit(job('narrow', 1, { submittedAt: now, ...more }), now);
      assert.equal(told(queue.decide(now)), expected);
    });
  }

  for (const [what, bound, expected] of [['is put off by trials where its user gave no bound', undefined, 'start untried for 60'], ['and not where there is one', 100, '']] as const) {
    it(what, () => {
      // Of nine units none is kept for trials.
      const queue = admission({ ...sjf, capacity: [9], trials: { share: 0.02, lengthsSeconds: [60] } });
      queue.submit(job('first', 6, { estimateSeconds: 20_000 }), 0);
      for (const at of [0, 1]) queue.decide(at);
      const { estimateSeconds: _bound, ...wide } = job('wide', 9, { toldSeconds: 100 });
      queue.submit({ ...wide, ...(bound !== undefined && { estimateSeconds: bound }) }, 0);
      queue.submit(job('untried', 1, { submittedAt: 19_990 }), 19_990);
      assert.equal(told(queue.decide(19_990)), expected);
    });
  }
});
