import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Probe } from '../../../api/generated/core-v1.ts';
import { runProbes, type Standing } from './prober.ts';

const exec = { exec: { command: ['check'] } };

/** Runs the probes of a container on a clock that jumps; `answers` are the exit codes of the tries, the last one for ever. Ends after `untilMs`. */
async function probe(container: Partial<Container>, answers: number[], untilMs: number, known: Standing = {}): Promise<{ told: string[]; failed: number }> {
  let ms = 0;
  let failed = 0;
  const told: string[] = [];
  const abort = new AbortController();
  const clock = { nowMs: () => ms, async sleep(delayMs: number) { ms += delayMs; if (ms >= untilMs) abort.abort(); } };
  await runProbes({ name: 'c', ...container }, { container: { name: 'c' }, podIp: '', exec: async () => ({ code: answers.length > 1 ? answers.shift()! : answers[0]!, output: '', timedOut: false }) }, {
    changed: (sort, ok) => void told.push(`${sort} ${ok} at ${ms / 1_000}`), failed: () => void failed++, warned: () => {},
  }, { clock, signal: abort.signal, startedMs: 0, known });
  return { told, failed };
}
const p = (change: Probe = {}): Probe => ({ ...exec, periodSeconds: 10, ...change });

test('ready at once when the first try succeeds', async () => assert.deepEqual((await probe({ readinessProbe: p() }, [0], 60_000)).told, ['readiness true at 0']));
test('ready soon after the container is, not a period later', async () => {
  const { told, failed } = await probe({ readinessProbe: p() }, [1, 1, 0], 60_000);
  assert.deepEqual([told, failed], [['readiness true at 0.15'], 0]);
});
test('unready after three failures in a row', async () => assert.deepEqual((await probe({ readinessProbe: p() }, [0, 1, 1, 0, 1, 1, 1], 100_000)).told, ['readiness true at 0', 'readiness false at 60']));
test('the initial delay is kept', async () => assert.deepEqual((await probe({ readinessProbe: p({ initialDelaySeconds: 5 }) }, [0], 60_000)).told, ['readiness true at 5']));
test('several successes, a period apart, where they are asked for', async () => assert.deepEqual((await probe({ readinessProbe: p({ successThreshold: 2 }) }, [0], 60_000)).told, ['readiness true at 10']));
test('liveness fails after the threshold, once', async () => {
  const { told, failed } = await probe({ livenessProbe: p({ failureThreshold: 2 }) }, [0, 1, 0, 1, 1], 200_000);
  assert.deepEqual([told, failed], [['liveness false at 40'], 3]);
});
test('the others wait for the startup probe', async () => {
  assert.deepEqual((await probe({ startupProbe: p(), livenessProbe: p({ failureThreshold: 1 }) }, [1, 0, 1], 60_000)).told, ['startup true at 0.05', 'liveness false at 0.05']);
  assert.match((await probe({ startupProbe: p({ failureThreshold: 2, periodSeconds: 1 }), livenessProbe: p() }, [1], 60_000)).told.join(), /^startup false at [23]/);
});
test('an adopted container is what it was until its probes say otherwise', async () => {
  assert.deepEqual((await probe({ readinessProbe: p() }, [0], 60_000, { ready: true })).told, []);
  assert.deepEqual((await probe({ readinessProbe: p() }, [1], 60_000, { ready: true })).told, ['readiness false at 20']);
  assert.deepEqual((await probe({ startupProbe: p(), livenessProbe: p({ failureThreshold: 1 }) }, [1], 60_000, { started: true })).told, ['liveness false at 0']);
});
test('of a container that is being ended only readiness is asked', async () => {
  let ms = 0;
  const [abort, ending] = [new AbortController(), new AbortController()];
  const told: string[] = [];
  const clock = { nowMs: () => ms, async sleep(delayMs: number) {
    ms += delayMs;
    if (ms >= 25_000) ending.abort();
    if (ms >= 90_000) abort.abort();
  } };
  const asked = { ready: 0, live: 0 };
  await runProbes({ name: 'c', readinessProbe: { exec: { command: ['ready'] }, periodSeconds: 10 }, livenessProbe: { exec: { command: ['live'] }, periodSeconds: 10 } }, {
    container: { name: 'c' }, podIp: '', exec: async ([what]) => {
      asked[what as 'ready' | 'live']++;
      return { code: ending.signal.aborted ? 1 : 0, output: '', timedOut: false };
    },
  }, { changed: (sort, ok) => void told.push(`${sort} ${ok}`), failed: () => {}, warned: () => {} }, { clock, signal: abort.signal, ending: ending.signal, startedMs: 0 });
  assert.deepEqual(told, ['readiness true', 'readiness false']);
  assert.ok(asked.ready > asked.live, JSON.stringify(asked));
});

test('a try that could not be made counts for nothing', async () => {
  const [told, errors, abort] = [[] as string[], [] as string[], new AbortController()];
  let ms = 0;
  const clock = { nowMs: () => ms, async sleep(delayMs: number) { ms += delayMs; if (ms >= 100_000) abort.abort(); } };
  await runProbes({ name: 'c', livenessProbe: p({ failureThreshold: 1 }), readinessProbe: p({ failureThreshold: 1 }) }, { container: { name: 'c' }, podIp: '', exec: async () => { throw new Error('no room'); } }, {
    changed: (sort, ok) => void told.push(`${sort} ${ok}`), failed: (sort) => void told.push(sort), warned: () => {}, errored: (_sort, message) => void errors.push(message),
  }, { clock, signal: abort.signal, startedMs: 0, known: { ready: true } });
  assert.deepEqual([told, new Set(errors)], [[], new Set(['no room'])]);
});
