import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '../../api/batch/job.ts';
import type { JobSet } from '../../api/jobset/types.ts';
import { queuedJobErrors, queuedJobSetErrors } from './job-rules.ts';

const job = (labels: Record<string, string>, suspend = true): Job => ({ metadata: { name: 'a', labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [`kueue.x-k8s.io/${key}`, value])) }, spec: { suspend } }) as unknown as Job;

test('what of the queue of a Job may be written', () => {
  const table: [string, Job, Job | undefined, string[]][] = [
    ['a name', job({ 'queue-name': 'team' }), undefined, []],
    ['no name', job({ 'queue-name': 'Team_A' }), undefined, ['queue-name']],
    ['no number', job({ 'queue-name': 'team', 'max-exec-time-seconds': '0' }), undefined, ['max-exec-time-seconds']],
    ['another queue while it waits', job({ 'queue-name': 'b' }), job({ 'queue-name': 'a' }), []],
    ['another queue while it runs', job({ 'queue-name': 'b' }, false), job({ 'queue-name': 'a' }, false), ['queue-name']],
    ['a queue while it runs without one', job({ 'queue-name': 'b' }, false), job({}, false), ['queue-name']],
    ['another queue with its suspension', job({ 'queue-name': 'b' }), job({ 'queue-name': 'a' }, false), []],
    ['another time while it waits, or with its start', job({ 'max-exec-time-seconds': '5' }), job({ 'max-exec-time-seconds': '4' }), []],
    ['another time with its start', job({ 'max-exec-time-seconds': '5' }, false), job({ 'max-exec-time-seconds': '4' }), ['max-exec-time-seconds']],
    ['another Workload while it waits', job({ 'prebuilt-workload-name': 'b' }), job({ 'prebuilt-workload-name': 'a' }), []],
    ['another Workload while it runs', job({ 'prebuilt-workload-name': 'b' }, false), job({ 'prebuilt-workload-name': 'a' }, false), ['prebuilt-workload-name']],
    ['another class while it runs', job({ 'priority-class': 'b' }, false), job({ 'priority-class': 'a' }, false), []],
    ['a class while it waits', job({ 'priority-class': 'b' }), job({}), []],
    ['a class while it runs without one', job({ 'priority-class': 'b' }, false), job({}, false), ['priority-class']],
    ['no class any more', job({}), job({ 'priority-class': 'a' }), ['priority-class']],
    ['what was wrong before', job({ 'queue-name': 'Team_A' }), job({ 'queue-name': 'Team_A' }), []],
  ];
  for (const [name, now, old, wrong] of table) assert.deepEqual(queuedJobErrors(now, old).map(({ field }) => field), wrong.map((key) => `metadata.labels[kueue.x-k8s.io/${key}]`), name);
});

test('a Job does not become elastic, nor rigid', () => {
  const of = (annotations: Record<string, string>): Job => ({ metadata: { name: 'a', annotations }, spec: { suspend: true } }) as unknown as Job;
  const elastic = of({ 'kueue.x-k8s.io/elastic-job': 'true' });
  assert.deepEqual([[elastic, of({})], [of({}), elastic], [elastic, elastic]].map(([now, old]) => queuedJobErrors(now!, old).map(({ field }) => field)), [['metadata.annotations[kueue.x-k8s.io/elastic-job]'], ['metadata.annotations[kueue.x-k8s.io/elastic-job]'], []]);
});

test('how wide a Job may be whose pods were let in in part', () => {
  const wide = (parallelism: number, suspend: boolean): Job => ({ metadata: { name: 'a', annotations: { 'kueue.x-k8s.io/job-min-parallelism': '1' } }, spec: { parallelism, suspend } }) as unknown as Job;
  const fields = (now: Job, old: Job): string[] => queuedJobErrors(now, old).map(({ field }) => field);
  assert.deepEqual([fields(wide(3, false), wide(2, false)), fields(wide(3, true), wide(2, false)), fields(wide(3, false), wide(2, true)), fields(wide(2, true), wide(2, false))], [['spec.parallelism'], ['spec.parallelism'], [], []]);
});

test('what of the queue of a JobSet may be written', () => {
  const set = (queue: string, suspend: boolean, annotations: Record<string, string> = {}): JobSet => ({ metadata: { name: 'a', labels: { 'kueue.x-k8s.io/queue-name': queue } }, spec: { suspend, replicatedJobs: [{ name: 'r', template: { spec: { template: { metadata: { annotations } } } } }] } }) as unknown as JobSet;
  const fields = (now: JobSet, old?: JobSet): string[] => queuedJobSetErrors(now, old).map(({ field }) => field);
  const both = { 'kueue.x-k8s.io/podset-required-topology': 'rack', 'kueue.x-k8s.io/podset-preferred-topology': 'rack' };
  assert.deepEqual([fields(set('b', false), set('a', false)), fields(set('b', true), set('a', false)), fields(set('a', true, both))], [['metadata.labels[kueue.x-k8s.io/queue-name]'], [], ['spec.replicatedJobs[0].template.metadata.annotations']]);
});

test('which sets of a JobSet may be placed as one', () => {
  const near = (level: string, group?: string) => ({ 'kueue.x-k8s.io/podset-required-topology': level, ...(group !== undefined && { 'kueue.x-k8s.io/podset-group-name': group }) });
  const set = (...jobs: [annotations: Record<string, string>, pods?: number][]): JobSet => ({ metadata: { name: 'a' }, spec: { suspend: true, replicatedJobs: jobs.map(([annotations, parallelism = 1], index) => ({ name: `j${index}`, template: { spec: { parallelism, template: { metadata: { annotations } } } } })) } }) as unknown as JobSet;
  const table: [string, JobSet, RegExp[]][] = [
    ['a leader and those that it leads', set([near('rack', 'g')], [near('rack', 'g'), 4]), []],
    ['one alone', set([near('rack', 'g')], [near('rack')]), [/can only define groups of exactly 2 pod sets, got: 1 pod set/]],
    ['nobody leads', set([near('rack', 'g'), 2], [near('rack', 'g'), 4]), [/at least one pod set has only 1 replica, got: 2 replica\(s\) and 4 replica\(s\)/, /at least one pod set/]],
    ['near in two ways', set([near('rack', 'g')], [near('block', 'g'), 4]), [/topology consistent with 'spec\.replicatedJobs\[1\]/, /topology consistent with 'spec\.replicatedJobs\[0\]/]],
    ['near nothing', set([{ 'kueue.x-k8s.io/podset-group-name': 'g' }], [{}]), [/may not be set when neither/]],
    ['by number', set([near('rack', '1')], [near('rack', '1'), 4]), [/must not be a number/, /must not be a number/]],
    ['in slices', set([{ ...near('rack', 'g'), 'kueue.x-k8s.io/podset-slice-required-topology': 'rack', 'kueue.x-k8s.io/podset-slice-size': '1' }], [near('rack', 'g'), 4]), [/podset-slice-size' is specified/, /podset-slice-required-topology' is specified/]],
    ['a level that is no label', set([near('@rack')]), [/name part must consist of alphanumeric/]],
    ['anywhere, or not', set([{ 'kueue.x-k8s.io/podset-unconstrained-topology': 'maybe' }]), [/must be a boolean value/]],
  ];
  for (const [what, jobSet, wanted] of table) {
    const found = queuedJobSetErrors(jobSet).map(({ message }) => message);
    assert.equal(found.length, wanted.length, `${what}: ${found.join('; ')}`);
    for (const [index, each] of wanted.entries()) assert.match(found[index]!, each, what);
  }
});

test('how narrow, how wide and how elastic a Job may be', () => {
  const of = (annotations: Record<string, string>, spec: object = {}): Job => ({ metadata: { name: 'a', annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`kueue.x-k8s.io/${key}`, value])) }, spec: { suspend: true, ...spec } }) as unknown as Job;
  const said = (job: Job): string[] => queuedJobErrors(job).map(({ message }) => message);
  const placed = { template: { metadata: { annotations: { 'kueue.x-k8s.io/podset-required-topology': 'rack' } } } };
  const sliced = (annotations: Record<string, string>): Job => of({}, { parallelism: 4, template: { metadata: { annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`kueue.x-k8s.io/podset-${key}`, value])) } } });
  const table: [Job, RegExp | undefined][] = [
    [of({ 'job-min-parallelism': '2' }, { parallelism: 3 }), undefined],
    [of({ 'job-min-parallelism': '3' }, { parallelism: 3 }), /should be between 0 and 2/],
    [of({ 'job-min-parallelism': '2' }, { parallelism: 3, completions: 2 }), /should be between 0 and 1/],
    [of({ 'job-min-parallelism': 'few' }, { parallelism: 3 }), /strconv\.Atoi: parsing "few": invalid syntax/],
    [of({ 'job-completions-equal-parallelism': 'true' }, { parallelism: 3, completions: 3, completionMode: 'Indexed' }), undefined],
    [of({ 'job-completions-equal-parallelism': 'true' }, { parallelism: 3, completions: 3 }), /should not be enabled for NonIndexed jobs/],
    [of({ 'job-completions-equal-parallelism': 'true' }, { parallelism: 3, completions: 4, completionMode: 'Indexed' }), /should be equal to parallelism/],
    [of({ 'job-completions-equal-parallelism': 'yes' }), /strconv\.ParseBool: parsing "yes": invalid syntax/],
    [of({ 'elastic-job': 'true' }, { parallelism: 3 }), undefined],
    [of({ 'elastic-job': 'true', 'job-min-parallelism': '2' }, { parallelism: 3 }), /cannot be set for an elastic job/],
    [of({ 'elastic-job': 'true' }, placed), /cannot be asked for by an elastic job/],
    [sliced({ 'slice-required-topology': 'rack', 'slice-size': '2' }), undefined],
    [sliced({ 'required-topology': 'block', 'slice-required-topology': 'rack', 'slice-size': '4' }), undefined],
    [sliced({ 'slice-required-topology': 'rack' }), /must be set when 'kueue\.x-k8s\.io\/podset-slice-required-topology' is specified/],
    [sliced({ 'slice-size': '2' }), /may not be set when 'kueue\.x-k8s\.io\/podset-slice-required-topology' is not specified/],
    [sliced({ 'slice-required-topology': 'rack', 'slice-size': 'two' }), /must be a numeric value/],
    [sliced({ 'slice-required-topology': 'rack', 'slice-size': '0' }), /must be greater than or equal to 1/],
    [sliced({ 'slice-required-topology': 'rack', 'slice-size': '5' }), /must not be greater than pod set count 4/],
  ];
  for (const [job, wanted] of table) {
    const found = said(job);
    assert.equal(found.length, wanted === undefined ? 0 : 1, JSON.stringify([job, found]));
    if (wanted !== undefined) assert.match(found[0]!, wanted);
  }
});
