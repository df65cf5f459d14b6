import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket, { type Record as DnsRecord } from 'dns-packet';
import { encodeMessage, groupsOf, turned } from './message.ts';
import { questionOf } from './wire.ts';

const NAME = 'web.shop.svc.cluster.local';
const query = (name: string, type: string): Buffer => dnsPacket.encode({ type: 'query', id: 7, questions: [{ name, type }] });
const message = (name: string, type: string, answers: DnsRecord[], more: Partial<Parameters<typeof encodeMessage>[0]> = {}): Parameters<typeof encodeMessage>[0] =>
  ({ id: 7, flags: 0x8500, question: questionOf(query(name, type)), name, answers, authorities: [], additionals: [], ...more });
const addresses = (count: number): DnsRecord[] => Array.from({ length: count }, (_, index) => ({ name: NAME, type: 'A', ttl: 5, data: `10.0.0.${index}` }));

test('what is written is what others read', () => {
  const records: DnsRecord[] = [
    { name: NAME, type: 'A', ttl: 5, data: '10.1.2.3' }, { name: NAME, type: 'AAAA', ttl: 5, data: 'fd00::1:2' },
    { name: '3.2.1.10.in-addr.arpa', type: 'PTR', ttl: 5, data: NAME }, { name: NAME, type: 'CNAME', ttl: 5, data: 'www.example.com' }, { name: 'dns-version.cluster.local', type: 'TXT', ttl: 5, data: '1.1.0' },
    { name: `_http._tcp.${NAME}`, type: 'SRV', ttl: 5, data: { priority: 0, weight: 50, port: 80, target: `a.${NAME}` } },
    { name: 'cluster.local', type: 'SOA', ttl: 5, data: { mname: 'ns.dns.cluster.local', rname: 'hostmaster.cluster.local', serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum: 5 } },
  ];
  const { bytes } = encodeMessage(message(NAME, 'A', records, { ednsBytes: 1_232 }), 65_535)!;
  const read = dnsPacket.decode(bytes);
  const plain = (list: readonly DnsRecord[] = []): object[] => list.map(({ name, type, ttl, data }) => ({ name, type, ttl, data: type === 'TXT' ? String(data) : data }));
  assert.deepEqual(plain(read.answers), plain(records).map((each) => ('data' in each && (each as DnsRecord).type === 'AAAA' ? { ...each, data: 'fd00::1:2' } : each)));
  assert.deepEqual([read.id, read.questions?.[0]?.name, read.additionals?.[0]?.udpPayloadSize], [7, NAME, 1_232]);
});

test('names are written once, and the case of the question is kept', () => {
  const asked = 'WEB.shop.svc.Cluster.local';
  const { bytes } = encodeMessage(message(asked, 'A', [{ name: asked, type: 'A', ttl: 5, data: '10.0.0.1' }]), 512)!;
  assert.equal(bytes.length, 12 + asked.length + 6 + 16);
  assert.equal(dnsPacket.decode(bytes).answers?.[0]?.name, asked);
});

test('the target of an SRV is written in whole (RFC 2782)', () => {
  const { bytes } = encodeMessage(message(`_http._tcp.${NAME}`, 'SRV', [{ name: `_http._tcp.${NAME}`, type: 'SRV', ttl: 5, data: { priority: 0, weight: 1, port: 80, target: NAME } }]), 512)!;
  assert.equal(bytes.toString('latin1').split('shop').length - 1, 2);
});

test('twenty addresses fit into 512 bytes, and a longer answer is none', () => {
  assert.ok(encodeMessage(message(NAME, 'A', addresses(20)), 512) !== undefined);
  assert.equal(encodeMessage(message(NAME, 'A', addresses(30)), 512), undefined);
});

test('answers turn', () => {
  const encoded = encodeMessage(message(NAME, 'A', addresses(3), { ednsBytes: 1_232 }), 512)!;
  const order = (by: number): string[] => dnsPacket.decode(turned(encoded, 99, by)).answers?.map(({ data }) => String(data).slice(-1)) ?? [];
  assert.deepEqual([0, 1, 2, 3].map(order), [['0', '1', '2'], ['1', '2', '0'], ['2', '0', '1'], ['0', '1', '2']]);
  assert.equal(dnsPacket.decode(turned(encoded, 99, 1)).id, 99);
});

test('a name with letters of several bytes does no harm', () => {
  const name = 'wéb.cluster.local';
  const read = dnsPacket.decode(encodeMessage(message(name, 'A', [], { authorities: [{ name: 'cluster.local', type: 'SOA', ttl: 5, data: { mname: 'a.b', rname: 'c.d', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 } }] }), 512)!.bytes);
  assert.equal(read.authorities?.[0]?.name, 'cluster.local');
});

test('groups of IPv6 addresses', () => {
  for (const [text, groups] of [['::', [0, 0, 0, 0, 0, 0, 0, 0]], ['fd00::1', [0xfd00, 0, 0, 0, 0, 0, 0, 1]], ['1:2:3:4:5:6:7:8', [1, 2, 3, 4, 5, 6, 7, 8]], ['::ffff:10.0.0.1', [0, 0, 0, 0, 0, 0xffff, 0xa00, 1]]] as const) assert.deepEqual(groupsOf(text), groups, text);
});
