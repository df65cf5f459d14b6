/** The peers of pod-start, exec and pod-memory: podman, containerd's ctr and bare crun, each with storage of its own in a folder that is removed afterwards. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { TEST_IMAGE, testImageLayout } from '../../test/fixtures/image.ts';
import type { Figure } from '../result.ts';
import { containerd, socketOf } from './daemons.ts';

const exec = promisify(execFile);

/** What is done with a runtime that is ready, for its figures. `folder` holds all that is its own, and stands in the command lines of its processes. */
export type Measure = (peer: Runtime, label: string, folder: string) => Promise<Record<string, Figure>>;

/** Undefined where podman is not installed or does not run here. */
export function withPodman(measure: Measure): Promise<Record<string, Figure> | undefined> {
  return withRuntime('podman', '/usr/bin/podman', measure, async (folder) => {
    writeFileSync(join(folder, 'containers.conf'), '[containers]\ndefault_ulimits=["nofile=20000:20000","nproc=4096:4096"]\n[engine]\ncgroup_manager="cgroupfs"\nevents_logger="file"\n');
    const env = { ...process.env, CONTAINERS_CONF: join(folder, 'containers.conf') };
    // One mount namespace for all of its calls, as llmos has: without the unified cgroup tree, beside which crun refuses to run on hybrid
    // machines, and with a /run/netns of its own, so that nothing is left on the machine.
    const namespace = join(folder, 'mount-namespace');
    await exec('sh', ['-c', 'mount --bind "$1" "$1" && mount --make-private "$1" && : > "$2"', 'sh', folder, namespace]);
    await exec('unshare', [`--mount=${namespace}`, 'sh', '-c', 'umount /sys/fs/cgroup/unified 2>/dev/null; mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns']);
    const podman = (...args: string[]): Promise<unknown> => exec('nsenter', [`--mount=${namespace}`,
      'podman', '--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver', 'overlay', ...args], { env });
    await exec('skopeo', ['copy', '--quiet', `oci:${testImageLayout()}:latest`, `containers-storage:[overlay@${join(folder, 'root')}+${join(folder, 'run')}]${TEST_IMAGE}`]);
    return {
      exec: (name, command) => podman('exec', name, ...command),
      start: (name) => podman('run', '-d', '--pull=never', '--name', name, TEST_IMAGE, 'sleep', '1000000'),
      remove: (names) => podman('rm', '-f', '-t', '0', ...names),
      end: async () => {},
    };
  });
}

/** Undefined where containerd is not installed or does not run here. */
export function withCtr(measure: Measure): Promise<Record<string, Figure> | undefined> {
  return withRuntime('ctr', '/usr/bin/containerd', measure, async (folder) => {
    const daemon = await containerd.start(folder);
    const ctr = (...args: string[]): Promise<unknown> => exec('ctr', ['-a', socketOf(folder), ...args]);
    const archive = join(folder, 'image.tar');
    await exec('skopeo', ['copy', '--quiet', `oci:${testImageLayout()}:latest`, `oci-archive:${archive}:${TEST_IMAGE}`]);
    await ctr('images', 'import', archive);
    let execs = 0;
    return {
      exec: (name, command) => ctr('task', 'exec', '--exec-id', `e${(execs += 1)}`, name, ...command),
      start: (name) => ctr('run', '-d', TEST_IMAGE, name, 'sleep', '1000000'),
      async remove(names) {
        for (const name of names) {
          await ctr('task', 'kill', '-s', 'SIGKILL', name).catch(() => {});
          await sleep(20);
          await ctr('task', 'rm', '-f', name).catch(() => {});
          await ctr('container', 'rm', name).catch(() => {});
        }
      },
      end: () => daemon.end(),
    };
  });
}

/** crun by hand on an overlay, with the least of a configuration: no monitor, no log, no network. Undefined where it is not installed or does not run here. */
export function withCrun(measure: Measure): Promise<Record<string, Figure> | undefined> {
  return withRuntime('crun', '/usr/bin/crun', measure, async (folder) => {
    const namespace = join(folder, 'mount-namespace');
    await exec('sh', ['-c', 'mount --bind "$1" "$1" && mount --make-private "$1" && : > "$2"', 'sh', folder, namespace]);
    await exec('unshare', [`--mount=${namespace}`, 'sh', '-c', 'umount /sys/fs/cgroup/unified 2>/dev/null; true']);
    const image = join(folder, 'image');
    mkdirSync(join(image, 'bin'), { recursive: true });
    await exec('cp', ['/bin/busybox', join(image, 'bin/busybox')]);
    await exec('ln', ['-s', 'busybox', join(image, 'bin/sleep')]);
    await exec('crun', ['spec', '--bundle', folder]);
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as { process: { terminal: boolean; args: string[] }; linux: { resources?: unknown } };
    Object.assign(config.process, { terminal: false, args: ['/bin/sleep', '1000000'] });
    delete config.linux.resources;
    const start = 'mkdir -p "$1/upper" "$1/work" "$1/rootfs" && mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/rootfs" && cd "$1" && exec crun --cgroup-manager=cgroupfs --root "$3" run -d "$4" < /dev/null > /dev/null 2>&1';
    const inside = (...args: string[]): Promise<unknown> => exec('nsenter', [`--mount=${namespace}`, ...args]);
    const crun = (...args: string[]): Promise<unknown> => inside('crun', '--cgroup-manager=cgroupfs', '--root', join(folder, 'root'), ...args);
    return {
      exec: (name, command) => crun('exec', name, ...command),
      async start(name) {
        mkdirSync(join(folder, name));
        writeFileSync(join(folder, name, 'config.json'), JSON.stringify(config));
        await inside('sh', '-c', start, 'sh', join(folder, name), image, join(folder, 'root'), name);
      },
      async remove(names) {
        for (const name of names) {
          await crun('delete', '--force', name);
          await inside('umount', '-l', join(folder, name, 'rootfs'));
          rmSync(join(folder, name), { recursive: true, force: true });
        }
      },
      end: async () => {},
    };
  });
}

export interface Runtime {
  /** Settles when the container runs. */
  start(name: string): Promise<unknown>;
  /** Settles when the command has ended in the container. */
  exec(name: string, command: readonly string[]): Promise<unknown>;
  remove(names: readonly string[]): Promise<unknown>;
  end(): Promise<void>;
}

async function withRuntime(label: string, program: string, measure: Measure, open: (folder: string) => Promise<Runtime>): Promise<Record<string, Figure> | undefined> {
  if (!existsSync(program)) {
    console.error(`${label} is not installed and is left out`);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), `llmos-${label}-`));
  mkdirSync(join(folder, 'root'), { recursive: true });
  let peer: Runtime | undefined;
  try {
    peer = await open(folder);
    return await measure(peer, label, folder);
  } catch (error) {
    console.error(`${label} does not run here and is left out: ${(error as Error).message.slice(0, 500)}`);
    return undefined;
  } finally {
    await peer?.end();
    await exec('sh', ['-c', 'grep -o " $1[^ ]*" /proc/self/mounts | sort -r | xargs -r umount -l', 'sh', folder]).catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  }
}
