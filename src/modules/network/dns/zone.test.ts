import assert from 'node:assert/strict';
import { test } from 'node:test';
import { show, zone } from '../testing/played-zone.ts';
import { answerOf } from './zone.ts';

const CASES: [string, string, string, string[]][] = [
  ['web.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.2.0.9']],
  ['WEB.Shop.svc.Cluster.Local', 'A', 'NOERROR', ['A 10.2.0.9']],
  ['web.shop.svc.cluster.local', 'AAAA', 'NOERROR', []],
  ['absent.shop.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['web.shop.svc.cluster.local.shop.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['www.example.com.shop.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['shop.svc.cluster.local', 'A', 'NOERROR', []],
  ['nowhere.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['hollow.svc.cluster.local', 'A', 'NOERROR', []],
  ['cluster.local', 'NS', 'NOERROR', ['NS ns.dns.cluster.local']],
  ['ns.dns.cluster.local', 'A', 'NOERROR', ['A 10.2.0.10']],
  ['ns.dns.cluster.local', 'AAAA', 'NOERROR', []],
  ['dns.cluster.local', 'A', 'NOERROR', []],
  ['web.dns.cluster.local', 'A', 'NXDOMAIN', []],
  ['10-1-0-2.nowhere.pod.cluster.local', 'A', 'NXDOMAIN', []],
  ['nowhere.pod.cluster.local', 'A', 'NXDOMAIN', []],
  ['_http._tcp.web.shop.svc.cluster.local', 'SRV', 'NOERROR', ['SRV 80 web.shop.svc.cluster.local']],
  ['_other._tcp.web.shop.svc.cluster.local', 'SRV', 'NXDOMAIN', []],
  ['db.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.1.0.2', 'A 10.1.0.3']],
  ['db-0.db.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.1.0.2']],
  ['10-1-0-3.db.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.1.0.3']],
  ['db-0.db.shop.svc.cluster.local', 'SRV', 'NOERROR', ['SRV 8080 db-0.db.shop.svc.cluster.local']],
  ['set-0.set.shop.svc.cluster.local', 'SRV', 'NOERROR', ['SRV 8080 set-0.set.shop.svc.cluster.local']],
  ['db-2.db.shop.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['_http._tcp.db.shop.svc.cluster.local', 'SRV', 'NOERROR', ['SRV 8080 10-1-0-3.db.shop.svc.cluster.local', 'SRV 8080 db-0.db.shop.svc.cluster.local']],
  ['set.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.2.0.12']],
  ['set-0.set.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.1.0.20']],
  ['10-1-0-21.set.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.1.0.21']],
  ['21.0.1.10.in-addr.arpa', 'PTR', 'NOERROR', ['PTR 10-1-0-21.set.shop.svc.cluster.local']],
  ['empty.shop.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['near.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.2.0.9', 'CNAME web.shop.svc.cluster.local']],
  ['far.shop.svc.cluster.local', 'CNAME', 'NOERROR', ['CNAME www.example.com']],
  ['address.shop.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['10-1-0-2.shop.pod.cluster.local', 'A', 'NOERROR', ['A 10.1.0.2']],
  ['nonsense.shop.pod.cluster.local', 'A', 'NXDOMAIN', []],
  ['9.0.2.10.in-addr.arpa', 'PTR', 'NOERROR', ['PTR web.shop.svc.cluster.local']],
  ['2.0.1.10.in-addr.arpa', 'PTR', 'NOERROR', ['PTR db-0.db.shop.svc.cluster.local']],
  ['77.0.2.10.in-addr.arpa', 'PTR', 'NXDOMAIN', []],
  ['9.0.9.10.in-addr.arpa', 'PTR', 'NOERROR', ['PTR further.shop.svc.cluster.local']],
  ['50.2.0.192.in-addr.arpa', 'PTR', 'NOERROR', ['PTR host-0.host.shop.svc.cluster.local']],
  ['50.2.0.192.in-addr.arpa', 'A', 'NOERROR', []],
  ['dual.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.2.0.11']],
  ['dual.shop.svc.cluster.local', 'AAAA', 'NOERROR', ['AAAA fd00:2::b']],
  ['_http._tcp.dual.shop.svc.cluster.local', 'SRV', 'NOERROR', ['SRV 80 dual.shop.svc.cluster.local']],
  ['six.shop.svc.cluster.local', 'AAAA', 'NOERROR', ['AAAA fd00:1::5']],
  ['fd00-1--5.six.shop.svc.cluster.local', 'AAAA', 'NOERROR', ['AAAA fd00:1::5']],
  ['fd00-1--5.shop.pod.cluster.local', 'AAAA', 'NOERROR', ['AAAA fd00:1::5']],
  [`b.${'0.'.repeat(23)}2.0.0.0.0.0.d.f.ip6.arpa`, 'PTR', 'NOERROR', ['PTR dual.shop.svc.cluster.local']],
  ['dns-version.cluster.local', 'TXT', 'NOERROR', ['TXT 1.1.0']],
  ['dns-version.cluster.local', 'A', 'NOERROR', []],
  // The rest of CoreDNS's own table (plugin/kubernetes, handler_test.go).
  ['web.shop.svc.cluster.local', 'SRV', 'NOERROR', ['SRV 80 web.shop.svc.cluster.local']],
  ['web.shop.svc.cluster.local', 'SOA', 'NOERROR', []],
  ['web.shop.svc.cluster.local', 'MX', 'NOERROR', []],
  ['web.shop.svc.cluster.local', 'TXT', 'NOERROR', []],
  ['dual.shop.svc.cluster.local', 'SRV', 'NOERROR', ['SRV 80 dual.shop.svc.cluster.local']],
  ['portless.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.1.0.30', 'A 10.1.0.31', 'A 10.1.0.32']],
  ['portless.shop.svc.cluster.local', 'SRV', 'NOERROR', []],
  ['10-1-0-30.portless.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.1.0.30']],
  ['twice.portless.shop.svc.cluster.local', 'A', 'NOERROR', ['A 10.1.0.31', 'A 10.1.0.32']],
  ['twice.portless.shop.svc.cluster.local', 'AAAA', 'NOERROR', []],
  ['bogus.absent.shop.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['bogus.db.shop.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['web.nowhere.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['svc.cluster.local', 'A', 'NOERROR', []],
  ['pod.cluster.local', 'A', 'NOERROR', []],
  ['svc.cluster.local', 'NS', 'NOERROR', []],
  ['shop.svc.cluster.local', 'NS', 'NOERROR', []],
  ['foo.cluster.local', 'NS', 'NXDOMAIN', []],
  ['foo.svc.cluster.local', 'NS', 'NXDOMAIN', []],
  ['endpoint.far.shop.svc.cluster.local', 'CNAME', 'NXDOMAIN', []],
  ['*.shop.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['web.*.svc.cluster.local', 'A', 'NXDOMAIN', []],
  ['_HTTP._TCP.Web.shop.svc.cluster.local', 'SRV', 'NOERROR', ['SRV 80 web.shop.svc.cluster.local']],
];

for (const [name, type, rcode, records] of CASES) {
  test(`${name} ${type}`, () => {
    const answer = answerOf(zone, name, type);
    assert.deepEqual({ rcode: answer?.rcode, records: show(answer?.answers ?? []) }, { rcode, records });
  });
}

test('a target has the share of one of its addresses', () => {
  const weights = (name: string): unknown[] => (answerOf(zone, `_http._tcp.${name}.shop.svc.cluster.local`, 'SRV')?.answers ?? []).map(({ data }) => (data as { weight: number }).weight);
  assert.deepEqual([weights('web'), weights('dual'), weights('db'), weights('many').length, weights('many')[0]], [[100], [50], [50, 50], 200, 1]);
});

test('beside a target stand its addresses, of both families', () => {
  const beside = (name: string): string[] => show(answerOf(zone, `${name}.shop.svc.cluster.local`, 'SRV')?.additionals ?? []);
  assert.deepEqual(['web', '_http._tcp.dual', 'db', '_http._tcp.six', 'portless'].map(beside), [['A 10.2.0.9'], ['A 10.2.0.11', 'AAAA fd00:2::b'], ['A 10.1.0.2', 'A 10.1.0.3'], ['AAAA fd00:1::5'], []]);
});

test('other names are none of its', () => {
  for (const name of ['example.com', 'cluster.local.example.com', 'notcluster.local', '1.1.1.1.in-addr.arpa', '51.2.0.192.in-addr.arpa']) assert.equal(answerOf(zone, name, 'A'), undefined);
});
