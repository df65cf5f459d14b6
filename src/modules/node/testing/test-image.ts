/** A tiny image out of the machine's static busybox, as an OCI layout, brought into the store with skopeo. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../base/sys/run.ts';
import type { ImageConfig } from '../images/storage.ts';
import { tar, type TarEntry } from './tar.ts';

const APPLETS = ['sh', 'sleep', 'echo', 'cat', 'true', 'false', 'ls', 'id', 'hostname', 'env', 'head', 'dd', 'kill', 'nc', 'httpd', 'wget', 'touch', 'test', 'stat', 'seq', 'tty', 'stty', 'rm', 'mkdir', 'yes', 'trap', 'ps', 'grep', 'nslookup', 'date'];

/** `scratch` is a folder that may be filled and is emptied again. */
export async function importTestImage(options: { scratch: string; images: { root: string; runRoot: string }; name: string; config?: ImageConfig; files?: readonly TarEntry[] }): Promise<void> {
  const layout = join(options.scratch, 'layout');
  mkdirSync(join(layout, 'blobs', 'sha256'), { recursive: true });
  const blob = (data: Buffer | string): { digest: string; size: number } => {
    const bytes = Buffer.from(data);
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(layout, 'blobs', 'sha256', hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const layer = blob(tar([
    ...['bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root'].map((path) => ({ path: `${path}/`, folder: true, mode: path === 'tmp' ? 0o1777 : 0o755 })),
    { path: 'bin/busybox', data: readFileSync('/bin/busybox'), mode: 0o755 },
    ...APPLETS.map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
    { path: 'etc/passwd', data: Buffer.from('root:x:0:0:root:/root:/bin/sh\nweb:x:33:33:web:/tmp:/bin/sh\n') },
    { path: 'etc/group', data: Buffer.from('root:x:0:\nweb:x:33:\n') },
    ...(options.files ?? []),
  ]));
  const config = blob(JSON.stringify({ architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux', config: options.config ?? { Env: ['PATH=/bin'], Cmd: ['/bin/sh'] }, rootfs: { type: 'layers', diff_ids: [layer.digest] }, history: [{}] }));
  const manifest = blob(JSON.stringify({
    schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config }, layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
  }));
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'test' } }] }));
  mkdirSync(options.images.root, { recursive: true, mode: 0o700 });
  await run('skopeo', ['copy', '--quiet', '--insecure-policy', `oci:${layout}:test`, `containers-storage:[overlay@${options.images.root}+${options.images.runRoot}]${options.name}`]);
  rmSync(layout, { recursive: true });
}
