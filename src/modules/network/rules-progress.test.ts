import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { createRulesHealth, PATIENCE_MS, triggerOf } from './rules-progress.ts';

test('rules that keep up are healthy; a change that waits too long is not, of either family, until it is written', () => {
  let nowMs = 1_000_000;
  const health = createRulesHealth(() => nowMs);
  const [four, six] = [health.of('ip'), health.of('ip6')];
  assert.equal(health.isHealthy(), true, 'nothing was wanted yet');
  assert.equal(health.lastWrittenMs(), undefined);
  four.queued('service');
  nowMs += PATIENCE_MS - 1;
  assert.equal(health.isHealthy(), true, 'it waits, and is not late yet');
  const done = four.begin();
  nowMs += 1;
  assert.equal(health.isHealthy(), false, 'it is under way, and late');
  four.queued('endpoint');
  done(false);
  assert.equal(health.isHealthy(), false, 'it failed');
  four.begin()(true);
  assert.deepEqual([health.isHealthy(), health.lastWrittenMs()], [true, nowMs]);
  six.begin()(false);
  nowMs += PATIENCE_MS;
  assert.equal(health.isHealthy(), false, 'a write that failed is late though no change is known to wait');
  six.begin()(true);
  assert.equal(health.isHealthy(), true);
});

test('what is counted has the names of kube-proxy', () => {
  let nowMs = 10_000;
  const health = createRulesHealth(() => nowMs);
  const four = health.of('ip');
  four.queued('service');
  four.queued('endpoint', 9_000); // before the program ran
  four.queued('endpoint', 10_500);
  const done = four.begin();
  four.queued('endpoint');
  nowMs = 10_900;
  done(true);
  const text = health.metrics();
  assert.equal(text.match(/^# HELP (\S+) \S+ .+\n# TYPE \1 /gm)?.length, text.match(/^# TYPE/gm)?.length, 'each family is explained');
  const line = (name: string, labels = 'ip_family="IPv4"'): string | undefined => text.split('\n').find((each) => each.startsWith(`kubeproxy_${name}{${labels}}`))?.split(' ')[1];
  assert.deepEqual(['sync_proxy_rules_service_changes_total', 'sync_proxy_rules_endpoint_changes_total', 'sync_proxy_rules_service_changes_pending', 'sync_proxy_rules_endpoint_changes_pending'].map((name) => line(name)), ['1', '3', '0', '1']);
  assert.deepEqual([line('sync_proxy_rules_last_timestamp_seconds'), line('sync_proxy_rules_last_queued_timestamp_seconds')], ['10.9', '10']);
  assert.deepEqual([line('network_programming_duration_seconds_count'), line('network_programming_duration_seconds_sum'), line('network_programming_duration_seconds_bucket', 'ip_family="IPv4",le="0.25"'), line('network_programming_duration_seconds_bucket', 'ip_family="IPv4",le="0.5"')], ['1', '0.4', '0', '1']);
  assert.deepEqual([line('sync_proxy_rules_duration_seconds_count'), line('sync_proxy_rules_duration_seconds_bucket', 'ip_family="IPv4",le="0.512"'), line('sync_proxy_rules_duration_seconds_bucket', 'ip_family="IPv4",le="1"')], ['1', '0', '1']);
});

test('a slice says once when its change happened', () => {
  const slice = (time?: string): EndpointSlice => ({ metadata: { name: 'a', ...(time === undefined ? {} : { annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': time } }) } }) as EndpointSlice;
  assert.equal(triggerOf(slice('1970-01-01T00:00:07Z'), undefined), 7_000);
  assert.equal(triggerOf(slice('1970-01-01T00:00:07Z'), slice('1970-01-01T00:00:07Z')), undefined);
  assert.equal(triggerOf(slice('soon'), undefined), undefined);
  assert.equal(triggerOf(slice(), slice('1970-01-01T00:00:07Z')), undefined);
});
