/** /metrics/slis: how the checks of health went when they were asked for, for service level indicators (upstream: component-base/metrics/prometheus/slis). */

export interface CheckCounts {
  /** Notes what a check found. `endpoint`: healthz, livez or readyz. */
  observe(name: string, endpoint: string, ok: boolean): void;
  /** In the Prometheus text format. */
  text(): string;
}

interface Count {
  name: string;
  endpoint: string;
  ok: boolean;
  success: number;
  error: number;
}

export function createCheckCounts(): CheckCounts {
  const counts = new Map<string, Count>();
  return {
    observe(name, endpoint, ok) {
      const key = `${endpoint} ${name}`;
      const count = counts.get(key) ?? { name, endpoint, ok, success: 0, error: 0 };
      counts.set(key, count);
      count.ok = ok;
      count[ok ? 'success' : 'error']++;
    },
    text() {
      const all = [...counts.values()];
      return [
        '# HELP kubernetes_healthcheck This metric records the result of a single healthcheck.', '# TYPE kubernetes_healthcheck gauge',
        ...all.map(({ name, endpoint, ok }) => `kubernetes_healthcheck{name="${name}",type="${endpoint}"} ${ok ? 1 : 0}`),
        '# HELP kubernetes_healthchecks_total This metric records the results of all healthcheck.', '# TYPE kubernetes_healthchecks_total counter',
        ...all.flatMap((count) => (['error', 'success'] as const).filter((status) => count[status] > 0).map((status) => `kubernetes_healthchecks_total{name="${count.name}",status="${status}",type="${count.endpoint}"} ${count[status]}`)),
        '',
      ].join('\n');
    },
  };
}
