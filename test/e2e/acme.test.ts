/** Certificates of an ACME server that is busy, limits how often it is asked, or does not take what it is sent; and routes that take all paths. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { createAcmeClient, newAccountKey, thumbprintOf } from '../../src/modules/gateway/acme-client.ts';
import { createIssuer } from '../../src/modules/gateway/issuer.ts';
import { INGRESS_CONTROLLER, type Observed } from '../../src/modules/gateway/observed.ts';
import { retryAfterMs } from '../../src/modules/gateway/retry-after.ts';
import type { ModuleContext } from '../../src/sdk/module.ts';
import { startAcmeServer, type AcmeServer } from '../fixtures/acme-server.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { PATIENCE } from '../fixtures/patience.ts';

describe('the client of an ACME server', { timeout: 120_000 * PATIENCE }, () => {
  it('has several orders under way at once, each request with a nonce of its own', async () => {
    const keyPem = newAccountKey();
    const answering = createServer((incoming, response) => void response.end(`${incoming.url?.split('/').at(-1)}.${thumbprintOf(keyPem)}`));
    await new Promise<void>((settle) => answering.listen(0, '127.0.0.1', () => settle()));
    const acme = await startAcmeServer(() => ({ address: '127.0.0.1', port: (answering.address() as AddressInfo).port }));
    try {
      const client = createAcmeClient({ directory: acme.directory, keyPem, caPem: acme.caPem, signal: AbortSignal.timeout(60_000 * PATIENCE) });
      const names = Array.from({ length: 8 }, (_, index) => `n${index}.example.com`);
      const pairs = await Promise.all(names.map((name) => client.certificate([name])));
      assert.equal(new Set(pairs.map(({ keyPem: key }) => key)).size, names.length);
      assert.deepEqual(acme.issued.toSorted(), names);
    } finally {
      await acme.close();
      answering.close();
    }
  });

  it('asks no more often than the server says while an order is processed', async () => {
    const keyPem = newAccountKey();
    const answering = createServer((incoming, response) => void response.end(`${incoming.url?.split('/').at(-1)}.${thumbprintOf(keyPem)}`));
    await new Promise<void>((settle) => answering.listen(0, '127.0.0.1', () => settle()));
    const acme = await startAcmeServer(() => ({ address: '127.0.0.1', port: (answering.address() as AddressInfo).port }));
    acme.processing = 2;
    try {
      const client = createAcmeClient({ directory: acme.directory, keyPem, caPem: acme.caPem, signal: AbortSignal.timeout(60_000 * PATIENCE) });
      const beganMs = Date.now();
      await client.certificate(['slow.example.com']);
      assert.equal(acme.polls, 2);
      assert.ok(Date.now() - beganMs >= 4_000, 'two waits of two seconds');
    } finally {
      await acme.close();
      answering.close();
    }
  });

  it('says what the server says where it refuses, and when it may be asked again', async () => {
    const acme = await startAcmeServer(() => ({ address: '127.0.0.1', port: 1 }));
    try {
      for (const [path, retryAfter, expectedMs] of [['/directory', '120', 120_000], ['/nonce', '7', 7_000], ['/account', '3600', 3_600_000], ['/order', 'never', undefined]] as const) {
        const client = createAcmeClient({ directory: acme.directory, keyPem: newAccountKey(), caPem: acme.caPem, signal: AbortSignal.timeout(60_000) });
        acme.refuse = { path, times: 1, retryAfter };
        await assert.rejects(client.certificate(['a.example.com']), (error: Error & { retryAfterMs?: number }) => {
          // What answers HEAD has no body to say it in.
          assert.match(error.message, path === '/nonce' ? /refuses \/nonce: 429/ : new RegExp(`refuses ${path}: too many of them`));
          assert.equal(error.retryAfterMs, expectedMs);
          return true;
        });
      }
    } finally {
      await acme.close();
    }
  });

  it('reads how long to wait', () => {
    const nowMs = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
    for (const [header, expected] of [[undefined, undefined], ['', undefined], ['5', 5_000], [' 5 ', 5_000], ['Wed, 21 Oct 2026 07:29:00 GMT', 60_000], ['Wed, 21 Oct 2026 07:27:00 GMT', 0], ['soon', undefined]] as const) assert.equal(retryAfterMs(header, nowMs), expected, header);
  });
});

describe('an ACME server that asks for more patience than a certificate has', { timeout: 120_000 * PATIENCE }, () => {
  it('is asked again a day later', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-acme-'));
    const acme = await startAcmeServer(() => ({ address: '127.0.0.1', port: 1 }));
    const stop = new AbortController();
    try {
      writeFileSync(join(folder, 'ca.pem'), acme.caPem);
      let nowMs = Date.now();
      const told: string[] = [];
      const observed = { classes: [], gateways: [], ingressClasses: [{ metadata: { name: 'llmos' }, spec: { controller: INGRESS_CONTROLLER } }], ingresses: [{ metadata: { name: 'web', namespace: 'shop', annotations: { 'llmos.dev/issuer': 'acme' } }, spec: { ingressClassName: 'llmos', tls: [{ secretName: 'web', hosts: ['web.example.com'] }] } }], secret: () => undefined } as unknown as Observed;
      const context = { clock: { nowMs: () => nowMs }, events: { event: (_about: object, _type: string, reason: string) => void told.push(reason) }, log: silentLog, machine: { stateFolder: folder }, signal: stop.signal } as unknown as ModuleContext;
      const issuer = createIssuer({ directory: acme.directory, caFile: join(folder, 'ca.pem') }, context, () => observed);
      acme.refuse = { path: '/order', times: 2, retryAfter: '999999999' };
      issuer.look(observed);
      await eventually(async () => told.length === 1, { what: 'the refusal is told' });
      nowMs += 86_400_000;
      issuer.look(observed);
      await eventually(async () => told.length === 2, { what: 'it is asked again', timeoutMs: 20_000 * PATIENCE });
      assert.deepEqual([told, acme.refuse.times], [['CertificateNotIssued', 'CertificateNotIssued'], 0]);
    } finally {
      stop.abort();
      await acme.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('certificates of an ACME server that limits how often it is asked', { timeout: 180_000 * PATIENCE }, () => {
  let llmos: Instance;
  let acme: AcmeServer;
  let folder = '';
  let address = '';

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-acme-'));
    acme = await startAcmeServer(() => ({ address, port: 80 }));
    writeFileSync(join(folder, 'ca.pem'), acme.caPem);
    llmos = await bootInstance({ config: `modules: { gateway: { acme: { directory: '${acme.directory}', caFile: ${join(folder, 'ca.pem')} } } }\n` });
    await apply(ingress('everything', undefined));
    address = await eventually(async () => (await llmos.kubectl('get', 'ingress', 'everything', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}')).stdout || undefined, { what: 'an address' });
  });

  after(async () => {
    await llmos?.destroy();
    await acme?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function apply(object: object): Promise<void> {
    const { code, stderr } = await llmos.kubectlWith(JSON.stringify(object), 'apply', '-f', '-');
    assert.equal(code, 0, stderr);
  }

  function ingress(name: string, host: string | undefined): object {
    return {
      apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name, namespace: 'default', annotations: { 'llmos.dev/ssl-redirect': 'true', ...(host === undefined ? {} : { 'llmos.dev/issuer': 'acme' }) } },
      spec: { rules: [{ ...(host === undefined ? {} : { host }), http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } }], ...(host === undefined ? {} : { tls: [{ hosts: [host], secretName: name }] }) },
    };
  }

  const orders = (name: string): number[] => acme.askedAtMs.filter(({ names }) => names === name).map(({ atMs }) => atMs);

  it('asks again when the server says that it may, not before', async () => {
    acme.refuse = { path: '/order', times: 1, retryAfter: '18' };
    await apply(ingress('limited', 'limited.example.com'));
    await eventually(async () => /too many of them/.test((await llmos.kubectl('get', 'events', '--field-selector', 'reason=CertificateNotIssued', '-o', 'jsonpath={.items[*].message}')).stdout), { what: 'an event that tells of it' });
    await eventually(() => Promise.resolve(acme.issued.includes('limited.example.com')), { timeoutMs: 60_000 * PATIENCE, what: 'the certificate' });
    const [placed = 0] = orders('limited.example.com');
    const [refused = 0] = orders('refused');
    assert.ok(placed - refused >= 18_000, `asked again after ${placed - refused} ms`);
  });

  it('asks at once for other names than those that were refused', async () => {
    acme.refuse = { path: '/order', times: 1, retryAfter: '86400' };
    await apply(ingress('mistyped', 'exmaple.example.com'));
    await eventually(() => Promise.resolve(acme.refuse?.times === 0), { what: 'the refusal' });
    await apply(ingress('mistyped', 'example.example.com'));
    await eventually(() => Promise.resolve(acme.issued.includes('example.example.com')), { timeoutMs: 60_000 * PATIENCE, what: 'the certificate for the right name' });
    assert.deepEqual(orders('exmaple.example.com'), []);
  });

  it('answers challenges before any route, and before it leads to HTTPS', async () => {
    const told = (path: string): Promise<[number | undefined, string | undefined]> => new Promise((settle, fail) => request({ host: address, path, headers: { host: 'limited.example.com' }, agent: false }, (answer) => void answer.resume().on('end', () => settle([answer.statusCode, answer.headers.location]))).on('error', fail).end());
    await eventually(async () => (await told('/'))[0] === 308, { what: 'the way to HTTPS' });
    assert.deepEqual(await told('/.well-known/acme-challenge/token'), [200, undefined]);
    assert.deepEqual(await told('/.well-known/acme-challenge/to/ken'), [308, 'https://limited.example.com/.well-known/acme-challenge/to/ken']);
  });

  it('goes on with its account when it is started again, and asks for nothing that it has', async () => {
    // What the server has given is not yet had.
    for (const name of ['limited', 'mistyped']) await eventually(async () => (await llmos.kubectl('get', 'secret', name)).code === 0, { what: `the certificate of ${name} in its Secret` });
    const before = acme.issued.length;
    await llmos.kill();
    await llmos.boot();
    await apply(ingress('later', 'later.example.com'));
    await eventually(() => Promise.resolve(acme.issued.includes('later.example.com')), { timeoutMs: 60_000 * PATIENCE, what: 'the certificate' });
    assert.deepEqual(acme.issued.slice(before), ['later.example.com']);
    assert.equal(acme.accountKeys.size, 1);
  });
});
