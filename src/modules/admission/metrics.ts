/** What webhooks and policies are asked and what they say, counted (upstream: apiserver/pkg/admission/metrics, apiserver/pkg/admission/plugin/policy/validating/metrics). */
import { createCounter, createHistogram, family, labelText, type Histogram } from '../../base/exposition.ts';
import type { ModuleContext } from '../../sdk/module.ts';

/** `admit` of a mutating webhook, `validating` of one that only judges. */
export type WebhookType = 'admit' | 'validating';

export interface WebhookAnswer {
  name: string;
  type: WebhookType;
  operation: string;
  /** HTTP, of the refusal or of the failure. */
  code: number;
  /** Undefined where the request goes on. */
  rejected?: 'no_error' | 'calling_webhook_error' | 'apiserver_internal_error';
}

export interface PolicyCheck {
  policy: string;
  binding: string;
  action: 'deny' | 'warn' | 'audit' | 'allow';
  error: 'no_error' | 'compile_error' | 'out_of_budget' | 'invalid_error';
}

export interface AdmissionMetrics {
  webhook(seconds: number, answer: WebhookAnswer): void;
  /** One that could not be asked, and need not be. */
  failedOpen(name: string, type: WebhookType): void;
  policy(seconds: number, check: PolicyCheck): void;
  text(): string;
}

const PREFIX = 'apiserver_admission_webhook_';
const CHECK = 'apiserver_validating_admission_policy_check';
const WEBHOOK_SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];
const CHECK_SECONDS = [0.0000005, 0.001, 0.01, 0.1, 1];

const metrics = new WeakMap<ModuleContext, AdmissionMetrics>();

/** Those of the door that the module stands at. */
export function metricsOf(context: ModuleContext): AdmissionMetrics {
  let found = metrics.get(context);
  if (found === undefined) metrics.set(context, (found = createMetrics()));
  return found;
}

function createMetrics(): AdmissionMetrics {
  const requests = createCounter(`${PREFIX}request_total`, 'Requests to webhooks, by what came of them.');
  const rejections = createCounter(`${PREFIX}rejection_count`, 'Requests that were refused because of a webhook.');
  const open = createCounter(`${PREFIX}fail_open_count`, 'Webhooks that could not be asked, and need not be.');
  const checks = createCounter(`${CHECK}_total`, 'What validating policies found wrong.');
  const [webhooks, policies] = [new Map<string, Histogram>(), new Map<string, Histogram>()];
  return {
    webhook(seconds, { name, type, operation, code, rejected }) {
      const isRejected = String(rejected !== undefined);
      if (rejected !== undefined) rejections.add({ error_type: rejected, name, operation, rejection_code: String(Math.min(code, 600)), type });
      requests.add({ code: String(Math.min(code, 600)), name, operation, rejected: isRejected, type });
      observe(webhooks, WEBHOOK_SECONDS, labelText({ name, operation, rejected: isRejected, type }), seconds);
    },
    failedOpen: (name, type) => open.add({ name, type }),
    policy(seconds, { policy, binding, action, error }) {
      const labels = { enforcement_action: action, error_type: error, policy, policy_binding: binding };
      checks.add(labels);
      observe(policies, CHECK_SECONDS, labelText(labels), seconds);
    },
    text: () => requests.text() + rejections.text() + open.text() + checks.text()
      + histogramText(`${PREFIX}admission_duration_seconds`, 'How long webhooks took.', webhooks) + histogramText(`${CHECK}_duration_seconds`, 'How long validating policies took that found something wrong.', policies),
  };
}

function observe(histograms: Map<string, Histogram>, bounds: readonly number[], labels: string, seconds: number): void {
  let histogram = histograms.get(labels);
  if (histogram === undefined) histograms.set(labels, (histogram = createHistogram(bounds)));
  histogram.observe(seconds);
}

function histogramText(name: string, help: string, histograms: ReadonlyMap<string, Histogram>): string {
  return family(name, 'histogram', help, [...histograms].map(([labels, histogram]) => histogram.lines(name, labels)));
}
