import assert from 'node:assert/strict';
import { it } from 'node:test';
import { portSettings } from './kubelet-port.ts';
import { subresourcesOf } from './kubelet-server.ts';

it('what a path asks for', () => {
  const table: Record<string, string[]> = {
    '/metrics': ['metrics'], '/metrics/cadvisor': ['metrics'], '/stats/summary': ['stats'], '/stats': ['stats'], '/logs/x': ['log'], '/healthz/ping': ['healthz', 'proxy'], '/configz': ['configz', 'proxy'],
    '/pods': ['pods', 'proxy'], '/runningpods/': ['pods', 'proxy'], '/metricsx': ['proxy'], '/exec/a/b/c': ['proxy'], '/': ['proxy'],
  };
  for (const [path, expected] of Object.entries(table)) assert.deepEqual(subresourcesOf(path), expected, path);
});

it('the port is configured as the kubelet has it', () => {
  assert.deepEqual([portSettings({}), portSettings({ port: 0 }), portSettings({ port: 1, address: '::' })], [{ port: 10_250 }, { port: 0 }, { port: 1, address: '::' }]);
  assert.throws(() => portSettings({ port: 70_000 }), /modules\.node\.port must be a whole number/);
  assert.throws(() => portSettings({ address: 'all' }), /modules\.node\.address must be an IP address/);
});
