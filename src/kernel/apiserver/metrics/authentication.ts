/** Who asked, and how long certificates of clients are still good (upstream: apiserver/pkg/endpoints/filters/metrics.go, authentication/request/x509). */
import type { UserInfo } from '../../../sdk/module.ts';
import { createHistogram, family } from '../../../base/exposition.ts';

export interface AuthenticationMetrics {
  /** Counts a request by whether anybody known made it. */
  asked(user: UserInfo | undefined): void;
  /** Counts a request with a certificate, by how long that is still good. */
  certificate(leftSeconds: number): void;
  text(): string;
}

const [MINUTE, HOUR, DAY] = [60, 3_600, 86_400];
const LEFT = [0, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 30 * DAY, 90 * DAY, 180 * DAY, 365 * DAY];
const KNOWN: ReadonlySet<string> = new Set(['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default']);

export function createAuthenticationMetrics(): AuthenticationMetrics {
  const users = new Map<string, number>();
  const attempts = new Map<string, number>();
  const left = createHistogram(LEFT);
  const add = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
  const lines = (name: string, label: string, counts: ReadonlyMap<string, number>): string[] => [...counts].map(([key, count]) => `${name}{${label}="${key}"} ${count}\n`);
  return {
    asked(user) {
      add(attempts, user === undefined ? 'failure' : 'success');
      if (user !== undefined) add(users, nameOf(user.name));
    },
    certificate: (leftSeconds) => left.observe(leftSeconds),
    text: () => family('authentication_attempts', 'counter', 'Requests by whether anybody known made them.', lines('authentication_attempts', 'result', attempts))
      + family('authenticated_user_requests', 'counter', 'Requests by whom they were made, in a few words.', lines('authenticated_user_requests', 'username', users))
      + family('apiserver_client_certificate_expiration_seconds', 'histogram', 'How long the certificates of requests are still good.', left.count === 0 ? [] : [left.lines('apiserver_client_certificate_expiration_seconds', '')]),
  };
}

/** Names are as many as there are users; those that upstream knows are told. */
function nameOf(name: string): string {
  return KNOWN.has(name) ? name : name.includes('@') ? 'email_id' : 'other';
}
