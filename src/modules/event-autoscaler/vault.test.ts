import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { VaultSpec } from '../../api/keda/vault.ts';
import { vaultParameters } from './vault.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
/** What its engines answer with, by path. */
const ENGINES: Readonly<Record<string, object>> = {
  'kv/app': { lease_duration: 0, data: { user: 'scaler', many: 3 } },
  'secret/data/app': { lease_duration: 0, data: { data: { user: 'second', data: 'odd' }, metadata: { version: 4 } } },
  'database/creds/app': { lease_duration: 600, data: { username: 'u-1', password: 'p-1' } },
  'pki/issue/app': { lease_duration: 0, data: { certificate: 'CERT', ca_chain: ['ONE', 'TWO'] } },
};

describe('a vault', () => {
  let server: Server;
  let asked: string[] = [];
  const spec = (more: Partial<VaultSpec>): VaultSpec => ({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, authentication: 'token', credential: { token: 'root' }, secrets: [], ...more });
  const secretValue = ({ name, key }: { name: string; key: string }): Promise<string> => Promise.resolve(name === 'vault' && key === 'token' ? 'root' : 'wrong');
  const ask = (more: Partial<VaultSpec>): ReturnType<typeof vaultParameters> => vaultParameters(spec(more), { secretValue, accountToken: (name) => Promise.resolve(`of ${name}`), nowMs: NOW });
  const one = async (path: string, key: string, type?: VaultSpec['secrets'][number]['type']): Promise<string | undefined> => (await ask({ secrets: [{ parameter: 'it', path, key, type }] })).parameters['it'];

  before(async () => {
    server = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const body = Buffer.concat(chunks).toString();
        const path = request.url!.replace('/v1/', '');
        const { 'x-vault-token': token, 'x-vault-namespace': namespace } = request.headers;
        asked.push([request.method, path, namespace, body].filter(Boolean).join(' '));
        const answer = (status: number, value: object): void => void response.writeHead(status).end(JSON.stringify(value));
        if (path === 'auth/cluster/login') return body === '{"jwt":"of reader","role":"scaler"}' ? answer(200, { auth: { client_token: 'root', lease_duration: 3_600 } }) : answer(403, {});
        const found = ENGINES[path];
        return token === 'root' && found !== undefined ? answer(200, found) : answer(token === 'root' ? 404 : 403, { errors: [] });
      })();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  beforeEach(() => (asked = []));
  after(() => server.close());

  it('gives secrets of both versions, told or found out', async () => {
    assert.deepEqual([await one('kv/app', 'user'), await one('kv/app', 'user', 'secret'), await one('secret/data/app', 'user'), await one('/secret/data/app', 'user', 'secretV2')], ['scaler', 'scaler', 'second', 'second']);
    await assert.rejects(one('kv/app', 'user', 'secretV2'), /kv\/app has no key user/);
    await assert.rejects(one('secret/data/app', 'user', 'secret'), /no key user/);
    await assert.rejects(one('kv/app', 'many'), /a key many that is no text/);
    await assert.rejects(one('kv/app', 'toString'), /no key toString/);
    await assert.rejects(one('kv/none', 'user'), /the vault, asked for kv\/none: 127\.0\.0\.1:\d+ answered 404/);
  });
  it('reads a path once, and says when what it gave ends', async () => {
    const secrets = [{ parameter: 'userName', path: 'database/creds/app', key: 'username' }, { parameter: 'password', path: 'database/creds/app', key: 'password' }];
    assert.deepEqual(await ask({ secrets, namespace: 'team' }), { parameters: { userName: 'u-1', password: 'p-1' }, expiresMs: NOW + 600_000 });
    assert.deepEqual(asked, ['GET database/creds/app team']);
    assert.equal((await ask({ secrets: [{ parameter: 'a', path: 'kv/app', key: 'user' }] })).expiresMs, Infinity);
  });
  it('has certificates issued', async () => {
    const pkiData = { commonName: 'scaler.example.com', altNames: 'a.example.com', ttl: '1h' };
    const { parameters } = await ask({ secrets: [{ parameter: 'cert', path: 'pki/issue/app', key: 'certificate', type: 'pki', pkiData }, { parameter: 'ca', path: 'pki/issue/app', key: 'ca_chain', type: 'pki', pkiData }] });
    assert.deepEqual(parameters, { cert: 'CERT', ca: 'ONE\nTWO' });
    assert.deepEqual(asked, ['POST pki/issue/app {"common_name":"scaler.example.com","alt_names":"a.example.com","ttl":"1h"}']);
  });
  it('is signed in to by a token of a secret, or by that of a service account', async () => {
    const secrets = [{ parameter: 'user', path: 'kv/app', key: 'user' }];
    assert.equal((await ask({ secrets, credential: { token: 'old', tokenFrom: { secretKeyRef: { name: 'vault', key: 'token' } } } })).parameters['user'], 'scaler');
    const found = await ask({ secrets, authentication: 'kubernetes', mount: 'cluster', role: 'scaler', credential: { serviceAccountName: 'reader' } });
    assert.deepEqual(found, { parameters: { user: 'scaler' }, expiresMs: NOW + 3_600_000 });
    await assert.rejects(ask({ secrets, authentication: 'kubernetes', mount: 'cluster', role: 'scaler', credential: { serviceAccountName: 'other' } }), /asked for auth\/cluster\/login: .* answered 403/);
    await assert.rejects(ask({ secrets, credential: { token: 'old' } }), /answered 403/);
    await assert.rejects(ask({ secrets, credential: {} }), /needs a token/);
    await assert.rejects(ask({ secrets, authentication: 'kubernetes', role: 'scaler', credential: { serviceAccountName: 'reader' } }), /needs the mount and the role/);
    await assert.rejects(ask({ secrets, authentication: 'kubernetes', mount: 'cluster', role: 'scaler', credential: { serviceAccount: '/etc/shadow' } }), /needs a service account/);
  });
});
