/**
 * Volumes in files: a sparse file of the size of the volume, attached to a loop device, with a file system in it or as the block device that it is: ext4, or XFS where
 * this process may not let a mounted ext4 grow (CAP_SYS_RESOURCE) and the programs of XFS are there. Every step holds a lock of the file (flock(2)), so that several processes may do them; a file that is attached already is never attached a second time.
 */
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { run, runAny } from './run.ts';

const TIMEOUT_MS = 10 * 60_000;
const LEAST_BYTES = 1024 * 1024;
/** The kernel mounts none below; of less than 300 MiB mkfs.xfs makes one only when told that nobody supports it: its log is too small for many disks. */
const LEAST_XFS_BYTES = 16 * 1024 * 1024;
const SUPPORTED_XFS_BYTES = 300 * 1024 * 1024;
const STILL_SMALL = 75;

/** Where the file of a volume lies, by the folder at which it is mounted. */
export function volumeFileOf(folder: string): string {
  return `${folder}.img`;
}

let xfsIsHere: boolean | undefined;

/**
 * What a volume with a file system has at least, in bytes. Where this process may not let a mounted ext4 grow, small ones are of 16 MiB and XFS: so they can grow while they are in use.
 */
export function leastFilesystemBytes(): number {
  if (mayGrowMounted()) return LEAST_BYTES;
  xfsIsHere ??= (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'mkfs.xfs')));
  return xfsIsHere ? LEAST_XFS_BYTES : LEAST_BYTES;
}

/** There whole or not at all; left alone when it is there. Sizes are rounded up to 4 KiB, and to 1 MiB at least, with a file system to {@link leastFilesystemBytes}. */
export async function makeVolumeFile(file: string, sizeBytes: number, options: { filesystem: boolean }): Promise<void> {
  if (existsSync(file)) return;
  const wantedBytes = Math.max(rounded(sizeBytes), options.filesystem ? leastFilesystemBytes() : 0);
  const partial = partialOf(file);
  rmSync(partial, { force: true });
  mkdirSync(dirname(file), { recursive: true, mode: 0o711 });
  try {
    const made = openSync(partial, 'wx', 0o600);
    try {
      ftruncateSync(made, wantedBytes);
    } finally {
      closeSync(made);
    }
    if (options.filesystem) await makeFilesystem(partial, wantedBytes);
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, { force: true }); // on a full disk it holds what others wait for
    throw error;
  }
}

const partialOf = (file: string): string => `${file}.partial`;

/** A new file reads as zeros, so tables of inodes need not be written. The log of XFS takes 64 MiB of the disk at once, 3.4 MiB where it is small. */
async function makeFilesystem(file: string, sizeBytes: number): Promise<void> {
  if (sizeBytes >= LEAST_XFS_BYTES && !mayGrowMounted() && (await makeXfs(file, sizeBytes))) return;
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'assume_storage_prezeroed=1,nodiscard', file], { timeoutMs: TIMEOUT_MS });
}

/** Small ones are one allocation group, so that they have not too many when they have grown. Programs from before 5.19 know no `--unsupported`, and do without. */
async function makeXfs(file: string, sizeBytes: number): Promise<boolean> {
  const attempts = sizeBytes >= SUPPORTED_XFS_BYTES ? [[]] : [['--unsupported', '-d', 'agcount=1'], ['-d', 'agcount=1']];
  for (const more of attempts) {
    const made = await runAny('mkfs.xfs', ['-q', '-K', ...more, file], { timeoutMs: TIMEOUT_MS }).catch(() => undefined);
    if (made?.code === 0) return true;
  }
  return false;
}

/**
 * Mounts the file system of the file, and lets it grow to the size of the file. Without `mayUnmount` somebody may have it mounted: then it grows only where the
 * kernel lets a mounted one grow. `mountOptions` are those of mount(8). Safe to call again; gives whether it is still smaller than its file.
 */
export async function placeVolumeFile(file: string, folder: string, options: { mayUnmount: boolean; mountOptions?: readonly string[] }): Promise<{ isSmall: boolean }> {
  const { code, stderr } = await locked(file, PLACE, [file, folder, options.mayUnmount ? 'yes' : 'no', ['loop', 'discard', ...(options.mountOptions ?? [])].join(',')]);
  if (code !== 0 && code !== STILL_SMALL) throw new Error(`the volume ${file} could not be mounted: ${stderr.trim().split('\n')[0] || `code ${code}`}`);
  return { isSmall: code === STILL_SMALL };
}

/** Never shrinks. A block device that is attached grows with its file at once. */
export async function growVolumeFile(file: string, sizeBytes: number): Promise<void> {
  if (statSync(file).size >= sizeBytes) return;
  await lockedOrThrow(file, 'truncate -s "$2" "$1"; for device in $(losetup -nO NAME -j "$1"); do losetup -c "$device"; done', [file, String(rounded(sizeBytes))]);
}

/** Attaches the file, or finds where it is; gives the path of the device. */
export async function attachVolumeFile(file: string): Promise<string> {
  const device = await lockedOrThrow(file, 'found=$(losetup -nO NAME -j "$1" | head -n 1); [ -n "$found" ] || found=$(losetup --find --show "$1"); echo "$found"', [file]);
  return device.trim();
}

/** A device that is still open goes when it is closed. */
export async function detachVolumeFile(file: string): Promise<void> {
  if (existsSync(file)) await lockedOrThrow(file, 'for device in $(losetup -nO NAME -j "$1"); do losetup -d "$device"; done', [file]);
}

/** Unmounts, detaches and deletes, with what a making that was broken off has left. */
export async function removeVolumeFile(file: string, folder: string): Promise<void> {
  rmSync(partialOf(file), { force: true });
  if (existsSync(file)) await lockedOrThrow(file, 'while mountpoint -q "$2"; do umount -l "$2"; done; for device in $(losetup -nO NAME -j "$1"); do losetup -d "$device"; done; rm -f "$1"', [file, folder]);
}

/** Prints nothing; ends with 75 when the file system stays smaller than its file. */
const PLACE = `
device() { losetup -nO NAME -j "$1" | head -n 1; }
sizes() { if [ "$kind" = xfs ]; then mountpoint -q "$2" && xfs_info "$2" 2>/dev/null | sed -n 's/^data *= *bsize=\\([0-9]*\\) *blocks=\\([0-9]*\\),.*/\\1 \\2/p' | awk '{printf "%.0f", $1*$2}'; else sizes_ext4 "$1"; fi; }
sizes_ext4() { attached=$(device "$1"); dumpe2fs -h "\${attached:-$1}" 2>/dev/null | awk -F: '/^Block count/ {n=$2} /^Block size/ {s=$2} END {printf "%.0f", n*s}'; }
is_small() { known=$(sizes "$1" "$2"); [ -n "$known" ] && [ $(( $(stat -c %s "$1") - known )) -ge 1048576 ]; }
put() { mkdir -p "$2"; mountpoint -q "$2" || { mount -o "$3" "$1" "$2"; rmdir "$2/lost+found" 2>/dev/null || true; }; }
kind=$(blkid -p -s TYPE -o value "$1" || true)
if [ "$kind" = xfs ]; then
  put "$1" "$2" "$4"
  if is_small "$1" "$2"; then losetup -c "$(device "$1")"; xfs_growfs -d "$2" >/dev/null; fi
elif is_small "$1"; then
  if [ -n "$(device "$1")" ]; then losetup -c "$(device "$1")"; mountpoint -q "$2" && resize2fs "$(device "$1")" >/dev/null 2>&1 || true; fi
  if is_small "$1" && { [ "$3" = yes ] || [ -z "$(device "$1")" ]; }; then
    while mountpoint -q "$2"; do umount "$2"; done
    for turn in 1 2 3 4 5 6 7 8 9 10; do [ -z "$(device "$1")" ] && break; sleep 0.05; done
    if [ -z "$(device "$1")" ]; then e2fsck -fp "$1" >/dev/null || [ $? -le 1 ]; resize2fs "$1" >/dev/null; fi
  fi
fi
put "$1" "$2" "$4"
if is_small "$1" "$2"; then exit ${STILL_SMALL}; fi
`;

const CAP_SYS_RESOURCE = 24n;

function mayGrowMounted(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return ((BigInt(`0x${effective ?? '0'}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}

function locked(file: string, script: string, args: readonly string[]): ReturnType<typeof runAny> {
  return runAny('flock', ['--exclusive', file, 'sh', '-ec', script, 'sh', ...args], { timeoutMs: TIMEOUT_MS });
}

async function lockedOrThrow(file: string, script: string, args: readonly string[]): ReturnType<typeof run> {
  return run('flock', ['--exclusive', file, 'sh', '-ec', script, 'sh', ...args], { timeoutMs: TIMEOUT_MS });
}

function rounded(sizeBytes: number): number {
  return Math.max(LEAST_BYTES, Math.ceil(sizeBytes / 4_096) * 4_096);
}
