/** What is counted of requests, under the names and labels of upstream (apiserver/pkg/endpoints/metrics/metrics.go). */
import { createHistogram, family, labelText, type Histogram } from '../../../base/exposition.ts';

/** What a request was about. */
export interface Subject {
  verb: string;
  group: string;
  version: string;
  resource: string;
  subresource: string;
  /** cluster, namespace or resource: all, those of a namespace, or one; '' for other paths. */
  scope: string;
}

/** How it was answered. */
export interface Answered {
  /** All, invalid or ''. */
  dryRun: string;
  code: number;
  seconds: number;
  /** Of the body; undefined where it was not known when the answer began. */
  bytes?: number | undefined;
  /** What clients are warned of where the kind's version is to go. */
  deprecation?: string | undefined;
}

export interface RequestMetrics {
  /** Counts an answered request. What stays open is counted when it begins. */
  answered(subject: Subject, answer: Answered): void;
  /** Counts one that stays open as long as the client wants, until what is given is called. */
  longRunning(subject: Subject): () => void;
  /** Counts one as under way; who stays open is so no longer once that is known. */
  came(method: string | undefined): void;
  /** It is under way no longer. */
  over(method: string | undefined): void;
  text(): string;
}

const DURATIONS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const SIZES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

interface Series {
  labels: string;
  sizes: Histogram;
  running: number;
  /** Whether any of them ever stayed open. */
  hasRun: boolean;
  refused: number;
  removed?: string;
  runs: Map<string, { durations: Histogram; codes: Map<number, number> }>;
}

/** More different label sets than this are not told apart: they come from outside. */
const SERIES_MOST = 2_000;
const MUTATING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

export function createRequestMetrics(): RequestMetrics {
  const all = new Map<string, Series>();
  const inFlight = { mutating: 0, readOnly: 0 };
  const seriesOf = ({ verb, group, version, resource, subresource, scope }: Subject): Series => {
    let key = `${verb} ${group} ${version} ${resource} ${subresource} ${scope}`;
    if (!all.has(key) && all.size >= SERIES_MOST) key = 'other';
    let one = all.get(key);
    if (one === undefined) all.set(key, (one = { labels: key === 'other' ? 'verb="other"' : labelText({ verb, group, version, resource, subresource, scope }), sizes: createHistogram(SIZES), running: 0, hasRun: false, refused: 0, runs: new Map() }));
    return one;
  };
  return {
    answered(subject, answer) {
      const one = seriesOf(subject);
      let run = one.runs.get(answer.dryRun);
      if (run === undefined) one.runs.set(answer.dryRun, (run = { durations: createHistogram(DURATIONS), codes: new Map() }));
      run.durations.observe(answer.seconds);
      run.codes.set(answer.code, (run.codes.get(answer.code) ?? 0) + 1);
      if (answer.code === 429) one.refused++;
      if (answer.bytes !== undefined && (subject.verb === 'GET' || subject.verb === 'LIST')) one.sizes.observe(answer.bytes);
      if (answer.deprecation !== undefined) one.removed = removedReleaseOf(answer.deprecation);
    },
    longRunning(subject) {
      const one = seriesOf(subject);
      one.running++;
      one.hasRun = true;
      return () => void one.running--;
    },
    came(method = '') {
      inFlight[MUTATING.has(method) ? 'mutating' : 'readOnly']++;
    },
    over(method = '') {
      inFlight[MUTATING.has(method) ? 'mutating' : 'readOnly']--;
    },
    text: () => [...requestLines([...all.values()]), family('apiserver_current_inflight_requests', 'gauge', 'Requests under way by kind, without those that stay open.', Object.entries(inFlight).map(([kind, count]) => `apiserver_current_inflight_requests{request_kind="${kind}"} ${count}\n`))].join(''),
  };
}

/** The release that a deprecated version will be gone from, as its warning says; '' where that is not known. */
export function removedReleaseOf(deprecation: string): string {
  return /unavailable in v(\d+\.\d+)\+/.exec(deprecation)?.[1] ?? '';
}

const COMPONENT = 'component="apiserver"';

function* requestLines(all: readonly Series[]): Generator<string> {
  const runs = all.flatMap(({ labels, runs: some }) => [...some].map(([dryRun, run]) => ({ labels: `${labels},dry_run="${dryRun}",${COMPONENT}`, ...run })));
  yield family('apiserver_request_total', 'counter', 'Requests that were answered.', runs.flatMap(({ labels, codes }) => [...codes].map(([code, count]) => `apiserver_request_total{${labels},code="${code}"} ${count}\n`)));
  yield family('apiserver_request_duration_seconds', 'histogram', 'How long answers took.', runs.map(({ labels, durations }) => durations.lines('apiserver_request_duration_seconds', labels)));
  const withSizes = all.filter(({ sizes }) => sizes.count > 0);
  yield family('apiserver_response_sizes', 'histogram', 'Bytes of the answers to reads.', withSizes.map(({ labels, sizes }) => sizes.lines('apiserver_response_sizes', `${labels},${COMPONENT}`)));
  yield family('apiserver_longrunning_requests', 'gauge', 'Requests that stay open as long as the client wants.', all.filter(({ hasRun }) => hasRun).map(({ labels, running }) => `apiserver_longrunning_requests{${labels},${COMPONENT}} ${running}\n`));
  yield family('apiserver_request_terminations_total', 'counter', 'Requests that were refused so that others have their turn.', all.filter(({ refused }) => refused > 0).map(({ labels, refused }) => `apiserver_request_terminations_total{${labels},${COMPONENT},code="429"} ${refused}\n`));
  yield family('apiserver_requested_deprecated_apis', 'gauge', 'Versions of kinds that are to go and were asked for.', deprecatedLines(all));
}

/** Once for all verbs and scopes. */
function deprecatedLines(all: readonly Series[]): string[] {
  const lines = all.filter(({ removed }) => removed !== undefined).map(({ labels, removed }) => `apiserver_requested_deprecated_apis{${labels.replace(/^verb="[^"]*",/, '').replace(/,scope="[^"]*"$/, '')},removed_release="${removed}"} 1\n`);
  return [...new Set(lines)];
}
