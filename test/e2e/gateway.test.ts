/** The gateway and its neighbours: certificates from an ACME server, spans for a collector, the access log. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { startAcmeServer, type AcmeServer } from '../fixtures/acme-server.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';

describe('certificates, traces and the log of the gateway', { timeout: 180_000 * PATIENCE }, () => {
  let llmos: Instance;
  let acme: AcmeServer;
  let folder = '';
  let collector: Server;
  const spans: { traceId: string; spanId: string; parentSpanId?: string; name: string; status: { code?: number }; startTimeUnixNano: string; endTimeUnixNano: string }[] = [];
  const addresses = new Map<string, string>();

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-acme-'));
    acme = await startAcmeServer((name) => ({ address: addresses.get(name) ?? '127.0.0.1', port: 80 }));
    collector = createServer((incoming, response) => {
      let text = '';
      incoming.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => {
        for (const { scopeSpans } of JSON.parse(text).resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
        response.end('{}');
      });
    });
    await new Promise<void>((settle) => collector.listen(0, '127.0.0.1', () => settle()));
    writeFileSync(join(folder, 'ca.pem'), acme.caPem);
    llmos = await bootInstance({ config: `modules: { gateway: { accessLog: true, otlp: { endpoint: 'http://127.0.0.1:${(collector.address() as AddressInfo).port}' }, acme: { directory: '${acme.directory}', email: admin@example.com, caFile: ${join(folder, 'ca.pem')} } } }\n` });
  });

  after(async () => {
    await llmos?.destroy();
    await acme?.close();
    collector?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function apply(object: object): Promise<void> {
    await applyTo(llmos, object);
  }

  async function text(...args: string[]): Promise<string> {
    return (await llmos.kubectl(...args)).stdout;
  }

  /** The names of the certificate that is shown, when the server's authority has signed it. */
  function shown(address: string, servername: string): Promise<string | undefined> {
    return new Promise((settle) => {
      const socket = connect({ host: address, port: 443, servername, ca: acme.caPem }, () => { settle(socket.getPeerCertificate().subjectaltname); socket.destroy(); });
      socket.on('error', () => settle(undefined));
    });
  }

  it('gives a Gateway a certificate for its hostnames, and a new one when they change', async () => {
    const gateway = (...hostnames: string[]): object => ({
      apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'edge', namespace: 'default', annotations: { 'llmos.dev/issuer': 'acme' } },
      spec: { gatewayClassName: 'llmos', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }, ...hostnames.map((hostname, index) => ({ name: `https-${index}`, port: 443, protocol: 'HTTPS', hostname, tls: { certificateRefs: [{ name: 'edge' }] } }))] },
    });
    await apply(gateway('shop.example.com'));
    const address = await eventually(async () => (await text('get', 'gateway', 'edge', '-o', 'jsonpath={.status.addresses[0].value}')) || undefined, { what: 'an address' });
    for (const name of ['shop.example.com', 'blog.example.com']) addresses.set(name, address);
    await eventually(async () => (await shown(address, 'shop.example.com')) === 'DNS:shop.example.com', { timeoutMs: 40_000, what: 'the certificate' });
    assert.equal(await text('get', 'gateway', 'edge', '-o', 'jsonpath={.status.conditions[?(@.type=="Programmed")].status}'), 'True');
    assert.match(await text('get', 'events', '--field-selector', 'reason=CertificateIssued', '-o', 'jsonpath={.items[*].message}'), /Secret edge holds a certificate for shop.example.com/);
    await apply(gateway('shop.example.com', 'blog.example.com'));
    await eventually(async () => (await shown(address, 'blog.example.com')) === 'DNS:blog.example.com, DNS:shop.example.com', { timeoutMs: 40_000, what: 'the new certificate' });
    assert.deepEqual(acme.issued, ['shop.example.com', 'blog.example.com shop.example.com']);
  });

  it('renews one that lasts for minutes when a third of its time is left, not before, and not again and again', async () => {
    // With the five minutes before it was signed it lasts for 460 s, so it is due after 160 - 153 s.
    acme.nextLifetimeSeconds = 160;
    const before = acme.issued.length;
    await apply({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'brief', namespace: 'default', annotations: { 'llmos.dev/issuer': 'acme' } }, spec: { gatewayClassName: 'llmos', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }, { name: 'https', port: 443, protocol: 'HTTPS', hostname: 'brief.example.com', tls: { certificateRefs: [{ name: 'brief' }] } }] } });
    addresses.set('brief.example.com', await eventually(async () => (await text('get', 'gateway', 'brief', '-o', 'jsonpath={.status.addresses[0].value}')) || undefined, { what: 'an address' }));
    await eventually(async () => (await shown(addresses.get('brief.example.com')!, 'brief.example.com')) === 'DNS:brief.example.com', { timeoutMs: 40_000, what: 'the certificate' });
    // A server that was set up anew knows our account no more.
    acme.forgetAccounts();
    await eventually(() => Promise.resolve(acme.issued.length > before + 1), { timeoutMs: 60_000, what: 'its renewal' });
    assert.deepEqual(acme.issued.slice(before), ['brief.example.com', 'brief.example.com']);
    const [first = 0, second = 0] = acme.issuedAtMs.slice(before);
    assert.ok(second - first > 5_000, `renewed after ${second - first} ms`);
  });

  it('gives an Ingress the Secret that it names, and says why when it cannot', async () => {
    const ingress = (name: string, host: string): object => ({
      apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name, namespace: 'default', annotations: { 'llmos.dev/issuer': 'acme' } },
      spec: { rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } }], tls: [{ hosts: [host], secretName: name }] },
    });
    addresses.set('nowhere.example.org', '127.0.0.2');
    await apply(ingress('lost', 'nowhere.example.org'));
    await eventually(async () => /could not see that nowhere.example.org is here/.test(await text('get', 'events', '--field-selector', 'reason=CertificateNotIssued', '-o', 'jsonpath={.items[*].message}')), { what: 'an event' });
    const address = await eventually(async () => (await text('get', 'ingress', 'lost', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}')) || undefined, { what: 'an address' });
    addresses.set('www.example.org', address);
    await apply(ingress('found', 'www.example.org'));
    await eventually(async () => (await shown(address, 'www.example.org')) === 'DNS:www.example.org', { timeoutMs: 40_000, what: 'the certificate' });
  });

  it('answers challenges for the names that it asks for, and leaves those of others to their routes', async () => {
    const address = addresses.get('www.example.org')!;
    const told = (host: string): Promise<[number | undefined, string]> => new Promise((settle, fail) => request({ host: address, path: '/.well-known/acme-challenge/some_Token-1', headers: { host }, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => settle([answer.statusCode, text]));
    }).on('error', fail).end());
    const [status, text] = await told('www.example.org');
    assert.equal(status, 200);
    assert.match(text, /^some_Token-1\.[A-Za-z0-9_-]{43}$/);
    assert.equal((await told('elsewhere.example.org'))[0], 404);
  });

  it('sends spans to a collector, as parts of the traces of those who ask', async () => {
    const [trace, parent] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
    const asked = (flags: string): Promise<void> => new Promise((settle, fail) => request({ host: addresses.get('www.example.org')!, headers: { host: 'www.example.org', traceparent: `00-${trace}-${parent}-${flags}` }, agent: false }, (answer) => void answer.resume().on('end', () => settle())).on('error', fail).end());
    await asked('00');
    await asked('01');
    const span = await eventually(async () => spans.find(({ traceId }) => traceId === trace), { what: 'the span' });
    assert.deepEqual([span.parentSpanId, span.name, span.status.code, BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano)], [parent, 'GET default/found', 2, true]);
    assert.notEqual(span.spanId, parent);
    assert.equal(spans.filter(({ traceId }) => traceId === trace).length, 1, 'what is not sampled is not sent');
  });

  it('is the parent of the span of the backend; what a collector that is away would have got waits for it', async () => {
    const gatewayIp = await text('get', 'endpointslices', '-n', 'kube-system', '-l', 'kubernetes.io/service-name=llmos-ingress', '-o', 'jsonpath={.items[0].endpoints[0].addresses[0]}');
    const seen: string[] = [];
    const backend = createServer((incoming, response) => { seen.push(String(incoming.headers['traceparent'])); response.end('well'); });
    await new Promise<void>((settle) => backend.listen(0, gatewayIp, () => settle()));
    try {
      const { port } = backend.address() as AddressInfo;
      await apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec: { ports: [{ port: 80 }] } });
      await apply({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'web', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } }, addressType: 'IPv4', endpoints: [{ addresses: [gatewayIp] }], ports: [{ port }] });
      const ask = (path: string): Promise<number | undefined> => new Promise((settle, fail) => request({ host: addresses.get('www.example.org')!, path, headers: { host: 'www.example.org' }, agent: false }, (answer) => void answer.resume().on('end', () => settle(answer.statusCode))).on('error', fail).end());
      await eventually(async () => (await ask('/child')) === 200, { what: 'the backend' });
      const [, traceId, spanId] = seen.at(-1)!.split('-');
      await eventually(() => Promise.resolve(spans.some((each) => each.traceId === traceId && each.spanId === spanId)), { what: 'the span that the backend was told of' });

      const at = (collector.address() as AddressInfo).port;
      collector.closeAllConnections();
      await new Promise((settle) => collector.close(settle));
      const traces: string[] = [];
      const askTraced = async (path: string): Promise<void> => {
        assert.equal(await ask(path), 200);
        traces.push(seen.at(-1)!.split('-')[1]!);
      };
      await askTraced('/waits');
      await eventually(() => Promise.resolve(/spans of requests wait, as the collector cannot be reached/.test(llmos.log())), { what: 'a warning' });
      await new Promise<void>((settle) => collector.listen(at, '127.0.0.1', () => settle()));
      await askTraced('/next');
      for (const trace of traces) await eventually(() => Promise.resolve(spans.some(({ traceId }) => traceId === trace)), { what: 'the span that waited, and the next one' });
      assert.match(await text('get', '--raw', '/metrics'), /^llmos_gateway_spans_total\{outcome="dropped"\} 0$/m);
    } finally {
      backend.close();
      backend.closeAllConnections();
    }
  });

  it('writes each request to the access log', async () => {
    const address = addresses.get('www.example.org')!;
    const status = await new Promise((settle, fail) => request({ host: address, path: '/logged', headers: { host: 'www.example.org' }, agent: false }, (answer) => { settle(answer.statusCode); answer.resume(); }).on('error', fail).end());
    assert.equal(status, 503);
    const line = await eventually(async () => readFileSync(join(llmos.state, 'gateway/access.log'), 'utf8').split('\n').find((each) => each.includes('"/logged"')), { what: 'the line' });
    const { kind, name, gateway, host, method, status: told } = JSON.parse(line) as Record<string, unknown>;
    assert.deepEqual([kind, name, gateway, host, method, told], ['Ingress', 'found', 'ingress:80', 'www.example.org', 'GET', 503]);
  });
});
