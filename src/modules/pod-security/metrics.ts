/** What is judged and what is spared, under upstream's names and labels (pod-security-admission/metrics). Of the whole process: a module that is loaded again counts on. */
import { kubernetesRelease } from '../../api/facts/fact-type.ts';
import { createCounter } from '../../base/exposition.ts';
import type { AdmissionRequest } from '../../sdk/module.ts';
import { showVersion, type LevelVersion, type Mode } from './levels.ts';

const evaluations = createCounter('pod_security_evaluations_total', 'Pods and templates of pods that were judged, without those that are exempt.');
const exemptions = createCounter('pod_security_exemptions_total', 'Requests that were exempt.');
const errors = createCounter('pod_security_errors_total', 'What kept requests from being judged as their namespace says.');

export function countEvaluation(decision: 'allow' | 'deny', mode: Mode, { level, minor }: LevelVersion, request: AdmissionRequest): void {
  const version = level === 'privileged' || minor === Number.POSITIVE_INFINITY ? 'latest' : minor > Number(kubernetesRelease().split('.')[1]) ? 'future' : showVersion(minor);
  evaluations.add({ decision, mode, policy_level: level, policy_version: version, ...labelsOf(request) });
}

export function countExemption(request: AdmissionRequest): void {
  exemptions.add(labelsOf(request));
}

/** One that was judged all the same, by the strictest level. */
export function countError(request: AdmissionRequest): void {
  errors.add({ fatal: 'false', ...labelsOf(request) });
}

export function podSecurityMetricsText(): string {
  return evaluations.text() + exemptions.text() + errors.text();
}

function labelsOf({ operation, kind, subresource = '' }: AdmissionRequest): Record<string, string> {
  return { request_operation: operation.toLowerCase(), resource: kind.plural === 'pods' ? 'pod' : 'controller', subresource };
}
