import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
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

const pullerIn = (folder: string) => skopeoPuller({ skopeo: 'skopeo', storage: imageStorage({ root: join(folder, 'images'), runRoot: join(folder, 'run') }), patience: { firstMs: 1_000, nextMs: 1_000 }, mostAtOnce: 1 });

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
