import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, createServer, type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import dnsPacket, { type Packet, type Record as DnsRecord } from 'dns-packet';
import { put, show, zone } from '../testing/played-zone.ts';
import { createResolver, listen, type NameServer, type Resolver } from './server.ts';
import { createUpstream } from './upstream.ts';

let server: NameServer;
let outside: ReturnType<typeof createSocket>;
let asked = 0;

before(async () => {
  outside = createSocket('udp4');
  outside.on('message', (message, from) => {
    asked++;
    const { id, questions } = dnsPacket.decode(message);
    outside.send(dnsPacket.encode({ type: 'response', id, questions, answers: [{ name: questions?.[0]?.name ?? '', type: 'A', ttl: 60, data: '192.0.2.7' }] }), from.port, from.address);
  });
  await new Promise<void>((resolve) => outside.bind(0, '127.0.0.1', () => resolve()));
  server = await listen(createResolver(zone, createUpstream({ exclude: [], servers: [`127.0.0.1:${outside.address().port}`] })), '127.0.0.1', 0);
});
after(async () => {
  await server.close();
  outside.close();
});

test('over UDP: answers, absence with its SOA, a kept answer with a new id', async () => {
  for (const id of [7, 8]) {
    const answer = await ask({ id, questions: [{ name: 'web.shop.svc.cluster.local', type: 'A' }] });
    assert.deepEqual([answer.id, answer.rcode, show(answer.answers ?? [])], [id, 'NOERROR', ['A 10.2.0.9']]);
  }
  const absent = await ask({ questions: [{ name: 'absent.shop.svc.cluster.local', type: 'A' }] });
  assert.deepEqual([absent.rcode, absent.authorities?.[0]?.type], ['NXDOMAIN', 'SOA']);
});

test('too long for UDP: marked, and whole over TCP', async () => {
  const query: Packet = { questions: [{ name: 'many.shop.svc.cluster.local', type: 'A' }] };
  const short = await ask(query);
  assert.equal((short.flags ?? 0) & dnsPacket.TRUNCATED_RESPONSE, dnsPacket.TRUNCATED_RESPONSE);
  assert.equal((await askTcp(query)).answers?.length, 200);
});

test('too long for UDP: who does not ask over TCP has what fits, of all in turn', () => {
  const resolver = createResolver(zone, createUpstream({ exclude: [], servers: [] }));
  const seen = new Set<string>();
  for (const bytes of [undefined, 900, ...Array<undefined>(200).fill(undefined)]) {
    const asking = query({ questions: [{ name: 'many.shop.svc.cluster.local', type: 'A' }], ...(bytes === undefined ? {} : { additionals: [{ name: '.', type: 'OPT', udpPayloadSize: bytes, data: [] }] }) });
    const answer = resolver.resolve(asking, false) as Buffer;
    const { answers = [], additionals = [] } = dnsPacket.decode(answer);
    const [most, edns] = [bytes ?? 512, bytes === undefined ? 0 : 1];
    assert.ok(answer.length <= most && answer.length > most - 16 && additionals.length === edns, `${answer.length} of ${most} bytes, ${additionals.length} OPT`);
    assert.equal(answers.length, Math.floor((most - asking.length) / 16), 'as many as there is room for');
    for (const { data } of answers) seen.add(String(data));
  }
  assert.equal(seen.size, 200);
});

test('what is no question to this zone is refused: of another class, for the whole of it', async () => {
  const [name, opt] = ['web.shop.svc.cluster.local', { name: '.', type: 'OPT', udpPayloadSize: 4_096, data: [] }];
  for (const question of [{ name, type: 'A', class: 'CH' }, { name: 'cluster.local', type: 'AXFR' }, { name: 'cluster.local', type: 'IXFR' }, { name: '9.0.2.10.in-addr.arpa', type: 'PTR', class: 'HS' }]) {
    for (const additionals of [[], [opt]]) {
      const { rcode, answers, authorities, flags = 0, additionals: told = [] } = await ask({ questions: [question], additionals });
      assert.deepEqual([rcode, answers, authorities, flags & dnsPacket.AUTHORITATIVE_ANSWER, told.map(({ type }) => type)], ['REFUSED', [], [], 0, additionals.map(({ type }) => type)]);
    }
  }
  assert.deepEqual(show((await ask({ questions: [{ name, type: 'A', class: 'ANY' }] })).answers ?? []), ['A 10.2.0.9']);
});

test('who speaks EDNS is answered so when there is no answer; whether he takes DNSSEC is told back', async () => {
  const additionals = [{ name: '.', type: 'OPT', udpPayloadSize: 4_096, data: [] }];
  const alone = createResolver(zone, createUpstream({ exclude: [], servers: [] }));
  for (const name of ['www.example.com', 'far.shop.svc.cluster.local']) {
    const answer = dnsPacket.decode((await alone.resolve(query({ questions: [{ name, type: 'A' }], additionals }), false)) as Buffer);
    assert.deepEqual([answer.rcode, answer.additionals?.map(({ type }) => type)], ['SERVFAIL', ['OPT']]);
  }
  for (const flags of [0, 0x8000]) {
    const answer = await ask({ questions: [{ name: 'web.shop.svc.cluster.local', type: 'A' }], additionals: [{ ...additionals[0]!, flags }] });
    assert.equal(answer.additionals?.[0]?.flag_do, flags !== 0);
  }
});

test('the SOA of what is absent stands above it, forward and backward', async () => {
  const above = async (name: string, type: string): Promise<string | undefined> => (await ask({ questions: [{ name, type }] })).authorities?.map((each) => each.name).join();
  assert.equal(await above('absent.shop.svc.cluster.local', 'A'), 'cluster.local');
  assert.equal(await above('77.0.2.10.in-addr.arpa', 'PTR'), 'in-addr.arpa');
  assert.equal(await above(`c.${'0.'.repeat(23)}2.0.0.0.0.0.d.f.ip6.arpa`, 'PTR'), 'ip6.arpa');
});

test('an alias that leads to nothing says how long that may be kept', async () => {
  put('astray', { type: 'ExternalName', externalName: 'absent.shop.svc.cluster.local' });
  for (const [name, type, rcode, answers] of [['near', 'AAAA', 'NOERROR', 1], ['astray', 'A', 'NXDOMAIN', 1], ['near', 'CNAME', 'NOERROR', 1], ['near', 'A', 'NOERROR', 2]] as const) {
    const answer = await ask({ questions: [{ name: `${name}.shop.svc.cluster.local`, type }] });
    const isAbsent = type !== 'CNAME' && answers === 1;
    assert.deepEqual([answer.rcode, answer.answers?.length, answer.authorities?.map((each) => each.type)], [rcode, answers, isAbsent ? ['SOA'] : []], `${name} ${type}`);
  }
});

test('an EDNS that is not known is told which one is', async () => {
  const opt = { name: '.', type: 'OPT', udpPayloadSize: 4_096, data: [] };
  const known = await ask({ questions: [{ name: 'web.shop.svc.cluster.local', type: 'A' }], additionals: [opt] });
  assert.deepEqual([known.rcode, known.answers?.length, known.additionals?.[0]?.type], ['NOERROR', 1, 'OPT']);
  const unknown = await ask({ questions: [{ name: 'web.shop.svc.cluster.local', type: 'A' }], additionals: [{ ...opt, ednsVersion: 1 }] });
  assert.deepEqual([unknown.answers?.length, unknown.additionals?.[0]?.extendedRcode, unknown.additionals?.[0]?.ednsVersion], [0, 1, 0]);
});

test('other names go to the machine’s servers, once', async () => {
  const before = asked;
  for (const id of [21, 22]) {
    const answer = await ask({ id, questions: [{ name: 'www.example.com', type: 'A' }] });
    assert.deepEqual([answer.id, show(answer.answers ?? [])], [id, ['A 192.0.2.7']]);
  }
  assert.equal(asked, before + 1);
  assert.deepEqual(show((await ask({ questions: [{ name: 'far.shop.svc.cluster.local', type: 'A' }] })).answers ?? []), ['A 192.0.2.7', 'CNAME www.example.com']);
});

/** A server that knows addresses of `large`, whole over TCP alone, nothing of `nothing`, and one of any other name; it tells what it was asked. */
async function farServer(): Promise<{ resolver: Resolver; asked: Packet[]; close(): void }> {
  const asked: Packet[] = [];
  const soa = { name: 'example.com', type: 'SOA', ttl: 60, data: { mname: 'a.example.com', rname: 'b.example.com', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 60 } };
  const tell = (message: Buffer, overTcp: boolean): Buffer => {
    const packet = dnsPacket.decode(message);
    asked.push(packet);
    const name = packet.questions?.[0]?.name ?? '';
    const base: Packet = { type: 'response', id: packet.id ?? 0, questions: packet.questions ?? [] };
    if (name.startsWith('nothing')) return dnsPacket.encode({ ...base, authorities: [soa] });
    if (!name.startsWith('large')) return dnsPacket.encode({ ...base, answers: [{ name, type: 'A', ttl: 60, data: '192.0.2.7' }] });
    if (!overTcp) return dnsPacket.encode({ ...base, flags: dnsPacket.TRUNCATED_RESPONSE });
    return dnsPacket.encode({ ...base, answers: Array.from({ length: 60 }, (_, index) => ({ name, type: 'A', ttl: 60, data: `192.0.2.${index}` })) });
  };
  const tcp = createServer((socket) => void socket.on('error', () => {}).on('data', (data: Buffer) => {
    const answer = tell(data.subarray(2), true);
    socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
  }));
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', () => resolve()));
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4').on('message', (message, from) => void udp.send(tell(message, false), from.port, from.address));
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', () => resolve()));
  return {
    resolver: createResolver(zone, createUpstream({ exclude: [], servers: [`127.0.0.1:${port}`] })), asked,
    close() {
      tcp.close();
      udp.close();
    },
  };
}

test('one answer is for all who ask the same, in whatever letters and with whatever cookie; no cookie goes on', async () => {
  const { resolver, asked: seen, close } = await farServer();
  try {
    const opt = (...options: { code: number; data: Buffer }[]): object => ({ name: '.', type: 'OPT', udpPayloadSize: 1232, options });
    const cookie = (): object => opt({ code: 10, data: randomBytes(8) });
    const answerTo = async (name: string, additionals: object[] = []): Promise<Packet> => dnsPacket.decode((await resolver.resolve(query({ id: 3, questions: [{ name, type: 'A' }], additionals: additionals as DnsRecord[] }), false)) as Buffer);
    for (const name of ['www.example.com', 'WWW.Example.com']) {
      const answer = await answerTo(name);
      assert.deepEqual([answer.id, answer.questions?.[0]?.name, show(answer.answers ?? [])], [3, name, ['A 192.0.2.7']]);
    }
    assert.equal(seen.length, 1);
    for (let i = 0; i < 3; i++) assert.deepEqual(show((await answerTo('www.example.com', [cookie()])).answers ?? []), ['A 192.0.2.7']);
    assert.equal(seen.length, 2, 'with EDNS, and without');
    assert.deepEqual(seen.flatMap(({ additionals = [] }) => additionals.flatMap((each) => (each as { options?: object[] }).options ?? [])), []);
    await answerTo('www.example.com', [opt({ code: 8, data: Buffer.from([0, 1, 24, 0, 192, 0, 2]) })]);
    assert.equal(seen.length, 3, 'one that says where it comes from is another question');
    assert.equal((seen[2]?.additionals?.[0] as { options?: object[] } | undefined)?.options?.length, 1);
  } finally {
    close();
  }
});

test('a datagram is no longer than its client takes, though the answer is kept; aliases are followed over TCP', async () => {
  const { resolver, close } = await farServer();
  try {
    const large = (how: { overTcp: boolean; bytes?: number; name?: string }): Promise<Buffer> => resolver.resolve(query({ id: 4, questions: [{ name: how.name ?? 'large.example.com', type: 'A' }], ...(how.bytes === undefined ? {} : { additionals: [{ name: '.', type: 'OPT', udpPayloadSize: how.bytes, data: [] }] }) }), how.overTcp) as Promise<Buffer>;
    assert.equal(dnsPacket.decode(await large({ overTcp: true })).answers?.length, 60);
    const short = dnsPacket.decode(await large({ overTcp: false }));
    assert.deepEqual([short.id, short.questions?.[0]?.name, (short.flags ?? 0) & dnsPacket.TRUNCATED_RESPONSE], [4, 'large.example.com', dnsPacket.TRUNCATED_RESPONSE]);
    assert.equal(dnsPacket.decode(await large({ overTcp: true, bytes: 600 })).answers?.length, 60, 'kept, and too long for the same question over UDP');
    for (const [name, most] of [['large.example.com', undefined], ['large.example.com', 600], ['farther.shop.svc.cluster.local', undefined], ['farther.shop.svc.cluster.local', 600]] as const) {
      const bytes = await large({ overTcp: false, name, ...(most === undefined ? {} : { bytes: most }) });
      const { answers = [], additionals = [], flags = 0 } = dnsPacket.decode(bytes);
      const told = `${name}: ${answers.length} answers in ${bytes.length} bytes`;
      assert.ok(bytes.length <= (most ?? 512) && bytes.length > (most ?? 512) - 72 && answers.some(({ type }) => type === 'A') && (flags & dnsPacket.TRUNCATED_RESPONSE) !== 0, told);
      assert.deepEqual(additionals.map(({ type }) => type), most === undefined ? [] : ['OPT'], told);
    }
    assert.equal(dnsPacket.decode(await large({ overTcp: true, bytes: 4_096 })).answers?.length, 60);
    assert.equal(dnsPacket.decode(await large({ overTcp: false, bytes: 4_096 })).answers?.length, 60);
    assert.equal(dnsPacket.decode(await large({ overTcp: true, name: 'farther.shop.svc.cluster.local' })).answers?.length, 61);
    const none = dnsPacket.decode(await large({ overTcp: false, name: 'nothing.shop.svc.cluster.local' }));
    assert.deepEqual([show(none.answers ?? []), none.authorities?.map((each) => each.name)], [['CNAME nothing.example.com'], ['example.com']]);
  } finally {
    close();
  }
});

test('the absence of a name is kept as long as its zone says, and no longer', async () => {
  let questions = 0;
  const far = createSocket('udp4');
  far.on('message', (message, from) => {
    questions++;
    const { id, questions: [question] = [] } = dnsPacket.decode(message);
    const minimum = question?.name === 'briefly.example.com' ? 0 : 60;
    const soa = { name: 'example.com', type: 'SOA', ttl: 3_600, data: { mname: 'a.example.com', rname: 'b.example.com', serial: 1, refresh: 1, retry: 1, expire: 1, minimum } };
    far.send(dnsPacket.encode({ type: 'response', id, flags: 3, questions: question === undefined ? [] : [question], authorities: [soa] }), from.port, from.address);
  });
  await new Promise<void>((resolve) => far.bind(0, '127.0.0.1', () => resolve()));
  const resolver = createResolver(zone, createUpstream({ exclude: [], servers: [`127.0.0.1:${far.address().port}`] }));
  const rcodeOf = async (name: string): Promise<string | undefined> => dnsPacket.decode((await resolver.resolve(query({ questions: [{ name, type: 'A' }] }), false)) as Buffer).rcode;
  for (let i = 0; i < 3; i++) assert.equal(await rcodeOf('absent.example.com'), 'NXDOMAIN');
  assert.equal(questions, 1);
  for (let i = 0; i < 3; i++) assert.equal(await rcodeOf('briefly.example.com'), 'NXDOMAIN');
  assert.equal(questions, 4);
  far.close();
});

test('only what answers the question is an answer, in whatever letters; who refuses may leave the question out', async () => {
  const far = createSocket('udp4');
  far.on('message', (message, from) => {
    const { id = 0, questions: [question] = [] } = dnsPacket.decode(message);
    const { name, type } = question!;
    const send = (asked: { name: string; type: string }[], address: string, more: Packet = {}): void => void far.send(dnsPacket.encode({ type: 'response', id, questions: asked, answers: address === '' ? [] : [{ name, type: 'A', ttl: 60, data: address }], ...more }), from.port, from.address);
    if (name === 'refused.example.com') return send([], '', { flags: 5 });
    if (name === 'empty.example.com') return send([], '192.0.2.66');
    // As short as nothing, and as an answer is not.
    for (const bytes of [0, 1, 2, 11]) far.send(message.subarray(0, bytes), from.port, from.address);
    for (const other of [{ name: 'other.example.com', type }, { name, type: 'AAAA' }]) send([other], '192.0.2.66');
    send([], '192.0.2.66');
    far.send(message, from.port, from.address);
    send([{ name: name.toUpperCase(), type }], '192.0.2.7');
  });
  await new Promise<void>((resolve) => far.bind(0, '127.0.0.1', () => resolve()));
  const resolver = createResolver(zone, createUpstream({ exclude: [], servers: [`127.0.0.1:${far.address().port}`], timeoutMs: 1_000 }));
  const told = async (name: string): Promise<unknown[]> => {
    const { rcode, questions, answers } = dnsPacket.decode((await resolver.resolve(query({ questions: [{ name, type: 'A' }] }), false)) as Buffer);
    return [rcode, questions?.[0]?.name, show(answers ?? [])];
  };
  try {
    assert.deepEqual(await told('www.example.com'), ['NOERROR', 'www.example.com', ['A 192.0.2.7']]);
    assert.deepEqual(await told('refused.example.com'), ['REFUSED', undefined, []]);
    assert.deepEqual(await told('empty.example.com'), ['SERVFAIL', 'empty.example.com', []]);
  } finally {
    far.close();
  }
});

test('an unreachable server is SERVFAIL, soon', async () => {
  const lonely = createResolver(zone, createUpstream({ exclude: [], servers: ['127.0.0.1:9'], timeoutMs: 3_000 }));
  const bytes = query({ id: 5, questions: [{ name: 'www.example.com', type: 'A' }] });
  const started = performance.now();
  for (let i = 0; i < 5; i++) assert.equal(dnsPacket.decode((await lonely.resolve(bytes, false)) as Buffer).rcode, 'SERVFAIL');
  assert.ok(performance.now() - started < 9_000);
});

test('a slow name, or a packet that is lost, is no fault of the others', async () => {
  const lost = new Set<string>();
  const far = createSocket('udp4');
  far.on('message', (message, from) => {
    const { id, questions: [question] = [] } = dnsPacket.decode(message);
    const name = question?.name ?? '';
    if (name === 'slow.example.com' || (name === 'lost.example.com' && !lost.has(name))) return void lost.add(name);
    far.send(dnsPacket.encode({ type: 'response', id, questions: question === undefined ? [] : [question], answers: [{ name, type: 'A', ttl: 0, data: '192.0.2.7' }] }), from.port, from.address);
  });
  await new Promise<void>((resolve) => far.bind(0, '127.0.0.1', () => resolve()));
  const resolver = createResolver(zone, createUpstream({ exclude: [], servers: [`127.0.0.1:${far.address().port}`], timeoutMs: 300 }));
  const rcodeOf = async (name: string): Promise<string | undefined> => dnsPacket.decode((await resolver.resolve(query({ questions: [{ name, type: 'A' }] }), false)) as Buffer).rcode;
  try {
    assert.equal(await rcodeOf('lost.example.com'), 'NOERROR');
    for (let i = 0; i < 2; i++) {
      assert.equal(await rcodeOf('slow.example.com'), 'SERVFAIL');
      assert.equal(await rcodeOf(`quick-${i}.example.com`), 'NOERROR');
    }
  } finally {
    far.close();
  }
});

test('a server that is silent comes after one that answers', async () => {
  const silent = createSocket('udp4');
  let asked = 0;
  silent.on('message', () => asked++);
  await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', () => resolve()));
  const upstream = createUpstream({ exclude: [], servers: [`127.0.0.1:${silent.address().port}`, `127.0.0.1:${outside.address().port}`], timeoutMs: 300 });
  const resolver = createResolver(zone, upstream);
  try {
    for (let i = 0; i < 5; i++) assert.equal(dnsPacket.decode((await resolver.resolve(query({ questions: [{ name: `n${i}.example.com`, type: 'A' }] }), false)) as Buffer).rcode, 'NOERROR');
    assert.equal(asked, 2);
  } finally {
    silent.close();
  }
});

test('garbage is refused or dropped, never thrown', async () => {
  const resolver = createResolver(zone, createUpstream({ exclude: [], servers: [] }));
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(5), Buffer.alloc(12), Buffer.from('zzzzzzzzzzzzzzzzzzzzzzzzzz'), Buffer.concat([Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.alloc(40, 0xc0)])]) {
    const answer = await resolver.resolve(bytes, false);
    if (answer !== undefined) assert.notEqual(answer.readUInt8(3) & 15, 0);
  }
});

function query(packet: Packet): Buffer {
  return dnsPacket.encode({ type: 'query', id: 1, flags: dnsPacket.RECURSION_DESIRED, ...packet });
}

function ask(packet: Packet): Promise<Packet> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => { socket.close(); reject(new Error('no answer')); }, 3_000);
    socket.once('message', (message) => {
      clearTimeout(timer);
      socket.close();
      resolve(dnsPacket.decode(message));
    });
    socket.send(query(packet), server.port, server.address);
  });
}

function askTcp(packet: Packet): Promise<Packet> {
  return new Promise((resolve, reject) => {
    const bytes = query(packet);
    const socket = connect(server.port, server.address, () => socket.write(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])));
    let received: Buffer<ArrayBufferLike> = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      socket.destroy();
      resolve(dnsPacket.decode(received.subarray(2)));
    });
    socket.once('error', reject);
  });
}
