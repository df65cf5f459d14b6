import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { createServer as createWebServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RegistryFiles } from '../../../base/sys/registries.ts';
import { skopeoPuller } from './pull.ts';
import { imageStorage } from './storage.ts';

/** A registry that does this with every connection. */
async function withRegistry(meet: (socket: Socket) => void, work: (address: string) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    meet(socket);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  try {
    await work(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** containers/storage mounts its own folder on itself. */
function remove(folder: string): void {
  spawnSync('umount', ['-l', join(folder, 'images/overlay')]);
  rmSync(folder, { recursive: true, force: true });
}

const pullerIn = (folder: string, registries?: RegistryFiles) => skopeoPuller({ registries, owner: 'test', skopeo: 'skopeo', storage: imageStorage({ root: join(folder, 'images'), runRoot: join(folder, 'run') }), patience: { firstMs: 1_000, nextMs: 1_000 }, mostAtOnce: 1 });

test('a registry that hangs is given up, and the next in line has its turn', async () => {
  await withRegistry(() => {}, async (address) => {
    const folder = mkdtempSync(join(tmpdir(), 'pull-test-'));
    const puller = pullerIn(folder);
    const hanging = puller.pull(`${address}/a:1`);
    const next = puller.pull('127.0.0.1:1/b:1');
    await assert.rejects(hanging, /the registry sent nothing for 1 s/);
    await assert.rejects(next, /the registry 127\.0\.0\.1:1 .*cannot be reached/);
    assert.deepEqual(readdirSync(join(folder, 'images')).filter((name) => name.startsWith('pull-')), [], 'nothing half fetched is left');
    remove(folder);
  });
});

test('a registry that breaks off says so', async () => {
  await withRegistry((socket) => socket.resetAndDestroy(), async (address) => {
    const folder = mkdtempSync(join(tmpdir(), 'pull-test-'));
    await assert.rejects(pullerIn(folder).pull(`${address}/a:1`), /reset|EOF|sent nothing/i);
    remove(folder);
  });
});

const sha256 = (data: Buffer | string): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;

/** One image `app:1` of one layer, of which as much is sent as `send` says, and nothing after it; without an end the connection stays open. */
function imageServer(send: (layer: Buffer) => Buffer): ReturnType<typeof createWebServer> {
  const layer = spawnSync('tar', ['-C', import.meta.dirname, '--transform', 's,^,files/,', '-c', 'pull.test.ts', '-O']).stdout;
  const config = JSON.stringify({ architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [sha256(layer)] } });
  const manifest = JSON.stringify({
    schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256(config), size: config.length },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha256(layer), size: layer.length }],
  });
  return createWebServer((request, response) => {
    const path = request.url ?? '';
    if (path.includes('/manifests/')) return void response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }).end(manifest);
    if (path.endsWith(sha256(config))) return void response.end(config);
    if (!path.endsWith(sha256(layer))) return void response.end('{}');
    const part = send(layer);
    response.writeHead(200, { 'content-length': layer.length });
    response.write(part);
    if (part.length === layer.length) response.end();
  });
}

test('a registry that stalls in the middle of a layer is given up, one that sends other bytes is not believed; afterwards the image comes whole', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pull-test-'));
  let send = (layer: Buffer): Buffer => layer.subarray(0, layer.length / 2);
  const server = imageServer((layer) => send(layer));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const conf = join(folder, 'registries.conf');
  writeFileSync(conf, `[[registry]]\nlocation = "${address}"\ninsecure = true\n`);
  const storage = imageStorage({ root: join(folder, 'images'), runRoot: join(folder, 'run') });
  const puller = pullerIn(folder, { conf, isMirrored: () => false });
  try {
    await assert.rejects(puller.pull(`${address}/app:1`), /the registry sent nothing for 1 s/);
    send = (layer) => Buffer.alloc(layer.length, 'x');
    await assert.rejects(puller.pull(`${address}/app:1`), /digest|did not match|unexpected/i);
    assert.deepEqual([readdirSync(storage.root).filter((name) => name.startsWith('pull-')), storage.list()], [[], []], 'nothing half fetched is left');
    send = (layer) => layer;
    await puller.pull(`${address}/app:1`);
    assert.equal(storage.list().length, 1);
  } finally {
    server.closeAllConnections();
    server.close();
    remove(folder);
  }
});
