import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostsText, resolvConfText } from './etc-files.ts';

const dns = { clusterDomain: 'cluster.local', dnsServiceIp: '10.96.0.10', hostResolvConf: 'nameserver 192.0.2.53\nsearch example.org\noptions timeout:1\n' };

test('cluster DNS first', () => assert.equal(resolvConfText({ containers: [] }, 'shop', dns), 'search shop.svc.cluster.local svc.cluster.local cluster.local example.org\nnameserver 10.96.0.10\noptions ndots:5\n'));
test('the machine\'s own', () => assert.equal(resolvConfText({ containers: [], dnsPolicy: 'Default' }, 'shop', dns), 'search example.org\nnameserver 192.0.2.53\noptions timeout:1\n'));
test('host network falls back to the machine\'s own', () => assert.match(resolvConfText({ containers: [], hostNetwork: true }, 'shop', dns), /192\.0\.2\.53/));
test('None with a configuration', () => assert.equal(resolvConfText({ containers: [], dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], options: [{ name: 'ndots', value: '2' }] } }, 'shop', dns), 'nameserver 1.1.1.1\noptions ndots:2\n'));
test('own options win', () => assert.match(resolvConfText({ containers: [], dnsConfig: { options: [{ name: 'ndots', value: '1' }] } }, 'shop', dns), /options ndots:1\n/));
test('hosts with a subdomain and aliases', () => {
  const text = hostsText({ hostname: 'a', subdomain: 'db', namespace: 'shop', clusterDomain: 'cluster.local', ips: ['10.1.0.2'], aliases: [{ ip: '10.9.9.9', hostnames: ['x', 'y'] }] });
  assert.match(text, /^10\.1\.0\.2\ta\.db\.shop\.svc\.cluster\.local\ta$/m);
  assert.match(text, /^10\.9\.9\.9\tx\ty$/m);
});
