import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, JobSpec, JobStatus } from '../generated/batch-v1.ts';
import { jobStatusErrors } from './job-status-validation.ts';

const NOW = '2026-11-23T02:00:00Z';
const LATER = '2026-11-23T02:01:00Z';

interface Input extends Omit<JobStatus, 'conditions'> {
  /** Types that are True. */
  true?: string[];
  /** Types that are False. */
  false?: string[];
}

function job(spec: Partial<JobSpec>, { true: on = [], false: off = [], ...status }: Input): Job {
  const conditions = [...on.map((type) => ({ type, status: 'True' as const })), ...off.map((type) => ({ type, status: 'False' as const }))];
  return { metadata: { name: 'work', namespace: 'default' }, spec: spec as JobSpec, status: { ...status, ...(conditions.length > 0 ? { conditions } : {}) } };
}

const CONDITIONS = 'status.conditions';
const INDEXED: Partial<JobSpec> = { completionMode: 'Indexed', completions: 5, parallelism: 2 };
const POLICY: Partial<JobSpec> = { ...INDEXED, completions: 10, successPolicy: { rules: [{ succeededIndexes: '0-2' }] } };

test('how a job may end', () => {
  const started = { startTime: NOW };
  const table: [string, Partial<JobSpec>, Input, Input, string[]][] = [
    ['both ways', {}, {}, { ...started, completionTime: NOW, true: ['Complete', 'Failed'] }, [CONDITIONS, CONDITIONS, CONDITIONS]],
    ['complete without its criteria', {}, {}, { ...started, completionTime: NOW, true: ['Complete'] }, [CONDITIONS]],
    ['failed without its target', {}, {}, { ...started, true: ['Failed'] }, [CONDITIONS]],
    ['failed, never started', {}, { true: ['FailureTarget'] }, { true: ['FailureTarget', 'Failed'] }, ['status.startTime']],
    ['complete, never started', {}, { true: ['SuccessCriteriaMet'] }, { completionTime: NOW, true: ['SuccessCriteriaMet', 'Complete'] }, ['status.startTime']],
    ['suspended with nothing to do', { suspend: true, completions: 0 }, {}, { completionTime: NOW, true: ['SuccessCriteriaMet', 'Complete'] }, []],
    ['complete with active pods', {}, { ...started, active: 1, true: ['SuccessCriteriaMet'] }, { ...started, active: 1, completionTime: NOW, true: ['SuccessCriteriaMet', 'Complete'] }, ['status.active']],
    ['failed with pods that terminate', {}, { ...started, terminating: 1, true: ['FailureTarget'] }, { ...started, terminating: 1, true: ['FailureTarget', 'Failed'] }, ['status.terminating']],
    ['failed with uncounted pods', {}, { ...started, true: ['FailureTarget'] }, { ...started, uncountedTerminatedPods: { failed: ['a'] }, true: ['FailureTarget', 'Failed'] }, ['status.uncountedTerminatedPods']],
    ['complete with other uncounted pods than before', {}, { ...started, completionTime: NOW, uncountedTerminatedPods: { failed: ['a'] }, true: ['Complete'] }, { ...started, completionTime: NOW, uncountedTerminatedPods: { failed: ['b'] }, true: ['Complete'] }, ['status.uncountedTerminatedPods']],
    ['complete with uncounted pods as before', {}, { ...started, completionTime: NOW, uncountedTerminatedPods: { failed: ['a'] }, true: ['Complete'] }, { ...started, completionTime: NOW, uncountedTerminatedPods: { failed: ['a'] }, true: ['Complete', 'Own'] }, []],
    ['complete without a time', {}, { ...started, true: ['SuccessCriteriaMet'] }, { ...started, true: ['SuccessCriteriaMet', 'Complete'] }, ['status.completionTime']],
    ['the time taken away', {}, { completionTime: NOW, true: ['Complete'] }, { ...started, true: ['Complete'] }, ['status.completionTime']],
    ['the time of a job that runs taken away', {}, { ...started, completionTime: NOW }, started, []],
    ['a time before the start', {}, { startTime: LATER, true: ['SuccessCriteriaMet'] }, { startTime: LATER, completionTime: NOW, true: ['SuccessCriteriaMet', 'Complete'] }, ['status.completionTime']],
    ['another time', {}, { completionTime: NOW, true: ['Complete'] }, { ...started, completionTime: LATER, true: ['Complete'] }, ['status.completionTime']],
    ['a time of a job that is not complete', {}, {}, { completionTime: NOW }, ['status.completionTime']],
    ['such a time as before', {}, { completionTime: NOW }, { completionTime: NOW, active: 1 }, []],
    ['failed after it was complete', {}, { ...started, completionTime: NOW, true: ['Complete'] }, { ...started, completionTime: NOW, true: ['Complete', 'FailureTarget'] }, [CONDITIONS]],
    ['complete without the criteria of its policy', POLICY, {}, { ...started, completionTime: NOW, true: ['Complete'] }, [CONDITIONS, CONDITIONS]],
    ['criteria met after it was complete', POLICY, { ...started, completionTime: NOW, true: ['Complete'] }, { ...started, completionTime: NOW, true: ['Complete', 'SuccessCriteriaMet'] }, [CONDITIONS]],
    ['criteria met and to fail', POLICY, { true: ['FailureTarget'] }, { true: ['FailureTarget', 'SuccessCriteriaMet'] }, [CONDITIONS]],
    ['criteria met without a policy', {}, {}, { true: ['SuccessCriteriaMet'] }, []],
  ];
  for (const [why, spec, before, after, fields] of table) assert.deepEqual(jobStatusErrors(job(spec, after), job(spec, before)).map(({ field }) => field), fields, why);
});

test('what may not be taken back', () => {
  const table: [string, Partial<JobSpec>, Input, Input, string[]][] = [
    ['Failed', {}, { true: ['Failed'] }, {}, [CONDITIONS]],
    ['Complete', {}, { true: ['Complete'] }, {}, [CONDITIONS]],
    ['FailureTarget', {}, { true: ['FailureTarget'] }, {}, [CONDITIONS]],
    ['SuccessCriteriaMet', POLICY, { true: ['SuccessCriteriaMet'] }, {}, [CONDITIONS]],
    ['failures', {}, { failed: 3 }, { failed: 1 }, ['status.failed']],
    ['successes', {}, { succeeded: 3 }, { succeeded: 1 }, ['status.succeeded']],
    ['successes of indexes', INDEXED, { succeeded: 3 }, { succeeded: 1 }, ['status.succeeded']],
    ['successes of a job that may become narrower', { ...INDEXED, parallelism: 5 }, { succeeded: 3 }, { succeeded: 1 }, []],
    ['the start', {}, { startTime: NOW }, {}, ['status.startTime']],
    ['the start for another', {}, { startTime: NOW }, { startTime: LATER }, ['status.startTime']],
    ['the start of a suspended job', { suspend: true }, { startTime: NOW }, {}, []],
    ['the start of a job that is resumed', {}, { startTime: NOW, true: ['Suspended'] }, { startTime: LATER, false: ['Suspended'] }, []],
  ];
  for (const [why, spec, before, after, fields] of table) assert.deepEqual(jobStatusErrors(job(spec, after), job(spec, before)).map(({ field }) => field), fields, why);
});

test('indexes and counts are judged when they change', () => {
  const perIndex = { ...INDEXED, backoffLimitPerIndex: 1 };
  const table: [string, Partial<JobSpec>, Input, Input, string[]][] = [
    ['completed, not Indexed', { completions: 5 }, {}, { completedIndexes: '0' }, ['status.completedIndexes']],
    ['that as before', { completions: 5 }, { completedIndexes: '0' }, { completedIndexes: '0', active: 1 }, []],
    ['completed, unreadable', INDEXED, {}, { completedIndexes: 'no' }, ['status.completedIndexes']],
    ['that as before', INDEXED, { completedIndexes: 'no' }, { completedIndexes: 'no', active: 1 }, []],
    ['failed without a limit per index', INDEXED, {}, { failedIndexes: '0' }, ['status.failedIndexes']],
    ['failed, unreadable', perIndex, {}, { failedIndexes: 'no' }, ['status.failedIndexes']],
    ['failed and completed', perIndex, { failedIndexes: '0,2', completedIndexes: '3-4' }, { failedIndexes: '0,2', completedIndexes: '2-4' }, ['status.failedIndexes']],
    ['that as before', perIndex, { failedIndexes: '0,2', completedIndexes: '2-4' }, { failedIndexes: '0,2', completedIndexes: '2-4', active: 1 }, []],
    ['more ready than active', {}, {}, { active: 1, ready: 2 }, ['status.ready']],
    ['that as before', {}, { active: 1, ready: 2 }, { active: 1, ready: 2, succeeded: 1 }, []],
  ];
  for (const [why, spec, before, after, fields] of table) assert.deepEqual(jobStatusErrors(job(spec, after), job(spec, before)).map(({ field }) => field), fields, why);
});
