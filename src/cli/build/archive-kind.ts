/** What kind of image archive a file is, and what its images are called. */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runAny } from '../../base/sys/run.ts';

export interface ArchiveKind {
  /** For skopeo: `docker-archive:FILE`, `oci-archive:FILE` or `oci:FOLDER`. */
  source: string;
  names: string[];
}

/** Rejects when it is none of the kinds that can be loaded. */
export async function ensureArchiveKind(file: string): Promise<ArchiveKind> {
  if (statSync(file).isDirectory()) {
    if (!existsSync(join(file, 'index.json'))) throw new Error(`${file} is a folder without index.json, so it is no OCI image`);
    return { source: `oci:${file}`, names: namesOfIndex(await readFile(join(file, 'index.json'), 'utf8')) };
  }
  const manifest = await member(file, 'manifest.json');
  if (manifest !== undefined) {
    const entries = JSON.parse(manifest) as { RepoTags?: string[] | null }[];
    return { source: `docker-archive:${file}`, names: entries.flatMap((each) => each.RepoTags ?? []) };
  }
  const index = await member(file, 'index.json');
  if (index !== undefined) return { source: `oci-archive:${file}`, names: namesOfIndex(index) };
  throw new Error(`${file} is neither a docker archive nor an OCI archive; 'docker save', 'podman save' and 'llmos image export' write such files`);
}

function namesOfIndex(text: string): string[] {
  const index = JSON.parse(text) as { manifests?: { annotations?: Record<string, string> }[] };
  return (index.manifests ?? []).map((each) => each.annotations?.['io.containerd.image.name'] ?? each.annotations?.['org.opencontainers.image.ref.name'] ?? '').filter((name) => name !== '');
}

async function member(file: string, name: string): Promise<string | undefined> {
  for (const path of [name, `./${name}`]) {
    const { code, stdout } = await runAny('tar', ['-xOf', file, path]);
    if (code === 0) return stdout;
  }
  return undefined;
}
