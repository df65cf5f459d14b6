/**
 * Which images were pulled here, and with whose credentials, so that a pod which has none of them cannot have an image only because another brought it
 * (upstream: pkg/kubelet/images/pullmanager, KubeletEnsureSecretPulledImages). Files beside the images: one for each image that was pulled, and one for
 * each pull under way, so that one that llmos did not live to see the end of is not taken for an image that somebody put there.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '../read-files.ts';
import { parseImageName } from './name.ts';
import type { SecretCoordinates, ShownSecret } from './credentials.ts';
import type { ImageStorage } from './storage.ts';

/** Of one repository. */
export interface PulledWith {
  /** The machine's own credentials, or none: every pod here may have it. */
  everyone?: boolean;
  secrets?: ShownSecret[];
}

export interface PullRecords {
  /** Before a pull. */
  begin(name: string): void;
  /** After it; `imageId` and what was shown are absent when it failed. Settled pulls of one name at a time are counted. */
  end(name: string, pulled?: { imageId: string; repository: string; shown: ShownSecret | 'everyone' }): void;
  /** Undefined when the image was not pulled here from that repository, but put there otherwise: by hand it can be so beside a pull from another. */
  of(imageId: string, image: { name: string; repository: string }): PulledWith | undefined;
  /** Whether a pod with these secrets may have it without asking the registry; what it shows is kept where it is new. */
  allows(imageId: string, repository: string, secrets: readonly ShownSecret[]): boolean;
  /** Forgets images that are there no more. */
  keepOnly(imageIds: ReadonlySet<string>): void;
}

/** Of one image; above it no more are noted, so that namespaces that come and go do not let the file grow without end. */
const MOST_NOTED = 100;
const PULLING = '.pulling';
const PULLED = '.json';

/** `owner` tells the pulls of one agent from those of others that share its images. */
export function pullRecords({ storage, owner }: { storage: Pick<ImageStorage, 'root' | 'find'>; owner: string }): PullRecords {
  const folder = join(storage.root, 'records');
  const ownEnd = `.${owner}${PULLING}`;
  const read = new Map<string, { stamp: string; record: Record<string, PulledWith> }>();
  const underWay = new Map<string, number>();
  const fileOf = (imageId: string): string => join(folder, `${imageId}${PULLED}`);
  const intentOf = (name: string): string => join(folder, `${createHash('sha256').update(name).digest('hex')}${ownEnd}`);

  function recordOf(imageId: string): Record<string, PulledWith> | undefined {
    const file = fileOf(imageId);
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) return void read.delete(imageId);
    const stamp = `${stat.mtimeMs}/${stat.ino}/${stat.size}`;
    if (read.get(imageId)?.stamp !== stamp) read.set(imageId, { stamp, record: parse(readFileSync(file, 'utf8')) });
    return read.get(imageId)?.record;
  }

  function write(file: string, text: string): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  function note(imageId: string, repository: string, shown?: ShownSecret | 'everyone'): void {
    const record = recordOf(imageId) ?? {};
    const before = record[repository] ?? {};
    if (before.everyone === true) return;
    const now: PulledWith = shown === 'everyone' ? { everyone: true } : shown === undefined ? before : { secrets: [...(before.secrets ?? []).filter((each) => !isSame(each, shown)), shown] };
    write(fileOf(imageId), JSON.stringify({ ...record, [repository]: now }));
  }

  for (const each of namesIn(folder).filter((file) => file.endsWith(ownEnd))) {
    const name = readFileSync(join(folder, each), 'utf8');
    const [image, repository] = [storage.find(name), parseImageName(name)?.repository];
    if (image !== undefined && repository !== undefined) note(image.id, repository); // by whom nobody knows: each must show that it may
    rmSync(join(folder, each), { force: true });
  }

  return {
    begin(name) {
      write(intentOf(name), name);
      underWay.set(name, (underWay.get(name) ?? 0) + 1);
    },
    end(name, pulled) {
      try {
        if (pulled !== undefined) note(pulled.imageId, pulled.repository, pulled.shown);
      } catch {
        return; // on a full disk: it stays one whose pull is under way, and is not taken for one that somebody put there
      }
      const left = (underWay.get(name) ?? 1) - 1;
      if (left > 0) return void underWay.set(name, left);
      underWay.delete(name);
      rmSync(intentOf(name), { force: true });
    },
    of: (imageId, { name, repository }) => recordOf(imageId)?.[repository] ?? recordOf(imageId)?.[ANY] ?? (underWay.has(name) ? {} : undefined),
    allows(imageId, repository, secrets) {
      const { everyone = false, secrets: noted = [] } = recordOf(imageId)?.[repository] ?? {};
      if (everyone) return true;
      // The same credential in another secret, or the same secret with a new credential.
      const mine = secrets.find((each) => noted.some((other) => other.credentialHash === each.credentialHash || isSame(other, each)));
      if (mine === undefined) return false;
      const isNoted = noted.some((other) => isSame(other, mine) && other.credentialHash === mine.credentialHash);
      try {
        if (!isNoted && noted.length < MOST_NOTED) note(imageId, repository, mine);
      } catch {
        // A full disk: it is noted the next time.
      }
      return true;
    },
    keepOnly(imageIds) {
      for (const name of namesIn(folder)) if (name.endsWith(PULLED) && !imageIds.has(name.slice(0, -PULLED.length))) rmSync(join(folder, name), { force: true });
    },
  };
}

const isSame = (one: SecretCoordinates, other: SecretCoordinates): boolean => one.uid === other.uid && one.namespace === other.namespace && one.name === other.name;

/** Instead of a repository: whichever it was. */
const ANY = '*';

/** A file that cannot be read says that the image was pulled, and no more. */
function parse(text: string): Record<string, PulledWith> {
  try {
    return JSON.parse(text) as Record<string, PulledWith>;
  } catch {
    return { [ANY]: {} };
  }
}
