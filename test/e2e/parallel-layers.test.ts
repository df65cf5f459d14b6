/** The layers of an image are pulled at the same time: a registry that answers for no layer before it is asked for several. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { createServer } from '../../src/base/http.ts';
import { bootInstance, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

const LAYERS = 4;
const AT_ONCE = 3;

const blobs = new Map<string, Buffer>();
const keep = (bytes: Buffer): { digest: string; size: number } => {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  blobs.set(digest, bytes);
  return { digest, size: bytes.length };
};

let llmos: Instance;
let manifest: Buffer;
const layers = new Set<string>();
const waiting: [ServerResponse, Buffer][] = [];
let most = 0;

const server = createServer((request, response) => {
  const path = request.url ?? '';
  if (path.includes('/manifests/')) return void response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json', 'docker-content-digest': keep(manifest).digest, 'content-length': manifest.length }).end(request.method === 'HEAD' ? undefined : manifest);
  const blob = blobs.get(path.split('/').at(-1) ?? '');
  if (blob === undefined) return void response.writeHead(path === '/v2/' ? 200 : 404).end('{}');
  if (!layers.has(path.split('/').at(-1) ?? '')) return void response.end(blob);
  waiting.push([response, blob]);
  most = Math.max(most, waiting.length);
  if (most >= AT_ONCE) for (const [each, bytes] of waiting.splice(0)) each.end(bytes);
});

before(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-layers-'));
  try {
    const made = Array.from({ length: LAYERS }, (_, index) => {
      mkdirSync(join(folder, String(index)));
      writeFileSync(join(folder, String(index), `file-${index}`), `layer ${index}`);
      const tar = execFileSync('tar', ['-C', join(folder, String(index)), '-c', '.']);
      writeFileSync(join(folder, `${index}.tar`), tar);
      execFileSync('gzip', ['-n', join(folder, `${index}.tar`)]);
      const layer = keep(readFileSync(join(folder, `${index}.tar.gz`)));
      layers.add(layer.digest);
      return { diffId: `sha256:${createHash('sha256').update(tar).digest('hex')}`, layer };
    });
    const config = keep(Buffer.from(JSON.stringify({ architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: made.map(({ diffId }) => diffId) } })));
    manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config }, layers: made.map(({ layer }) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...layer })) }));
  } finally {
    rmSync(folder, { recursive: true });
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  llmos = await bootInstance({ config: `modules: { node: { registries: [{ location: "127.0.0.1:${(server.address() as AddressInfo).port}", insecure: true }] } }\n` });
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await llmos?.destroy();
});

it('several layers are asked for before the first has come', { timeout: 120_000 }, async () => {
  await ok(llmos.llmos('image', 'pull', `127.0.0.1:${(server.address() as AddressInfo).port}/layers/four:1`));
  assert.ok(most >= AT_ONCE, `${most} at once`);
});
