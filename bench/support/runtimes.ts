/** The peers of pod-start: podman and containerd's ctr, each with storage of its own in a folder that is removed afterwards. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { TEST_IMAGE, testImageLayout } from '../../test/fixtures/image.ts';
import { figureOf, type Figure } from '../result.ts';

const exec = promisify(execFile);

export interface Counts {
  oneByOne: number;
  burst: number;
}

/** Undefined where podman is not installed or does not run here. */
export function measurePodman(counts: Counts): Promise<Record<string, Figure> | undefined> {
  return measurePeer('podman', '/usr/bin/podman', counts, async (folder) => {
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
      start: (name) => podman('run', '-d', '--pull=never', '--name', name, TEST_IMAGE, 'sleep', '1000000'),
      remove: (names) => podman('rm', '-f', '-t', '0', ...names),
      end: async () => {},
    };
  });
}

/** Undefined where containerd is not installed or does not run here. */
export function measureCtr(counts: Counts): Promise<Record<string, Figure> | undefined> {
  return measurePeer('ctr', '/usr/bin/containerd', counts, async (folder) => {
    const socket = join(folder, 'containerd.sock');
    const config = join(folder, 'config.toml');
    writeFileSync(config, `version = 2\nroot = "${folder}/root"\nstate = "${folder}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${socket}"\n`);
    const daemon = spawn('containerd', ['-c', config, '-l', 'error'], { stdio: 'ignore' });
    const ctr = (...args: string[]): Promise<unknown> => exec('ctr', ['-a', socket, ...args]);
    for (let tries = 0; !existsSync(socket) && tries < 200; tries += 1) await sleep(50);
    const archive = join(folder, 'image.tar');
    await exec('skopeo', ['copy', '--quiet', `oci:${testImageLayout()}:latest`, `oci-archive:${archive}:${TEST_IMAGE}`]);
    await ctr('images', 'import', archive);
    return {
      start: (name) => ctr('run', '-d', TEST_IMAGE, name, 'sleep', '1000000'),
      async remove(names) {
        for (const name of names) {
          await ctr('task', 'kill', '-s', 'SIGKILL', name).catch(() => {});
          await sleep(20);
          await ctr('task', 'rm', '-f', name).catch(() => {});
          await ctr('container', 'rm', name).catch(() => {});
        }
      },
      end: () => endProcess(daemon),
    };
  });
}

interface Peer {
  /** Settles when the container runs. */
  start(name: string): Promise<unknown>;
  remove(names: readonly string[]): Promise<unknown>;
  end(): Promise<void>;
}

async function measurePeer(label: string, program: string, { oneByOne, burst }: Counts, open: (folder: string) => Promise<Peer>): Promise<Record<string, Figure> | undefined> {
  if (!existsSync(program)) {
    console.error(`${label} is not installed and is left out`);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), `llmos-${label}-`));
  mkdirSync(join(folder, 'root'), { recursive: true });
  let peer: Peer | undefined;
  try {
    peer = await open(folder);
    return await measureStarts(label, peer, { oneByOne, burst });
  } catch (error) {
    console.error(`${label} does not run here and is left out: ${(error as Error).message.slice(0, 500)}`);
    return undefined;
  } finally {
    await peer?.end();
    await exec('sh', ['-c', 'grep -o " $1[^ ]*" /proc/self/mounts | sort -r | xargs -r umount -l', 'sh', folder]).catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureStarts(label: string, peer: Peer, { oneByOne, burst }: Counts): Promise<Record<string, Figure>> {
  const single: number[] = [];
  for (let n = -1; n < oneByOne; n += 1) {
    const fromMs = performance.now();
    await peer.start(`one${n + 1}`);
    if (n >= 0) single.push(performance.now() - fromMs); // the first warms up
  }
  await peer.remove(Array.from({ length: oneByOne + 1 }, (_, n) => `one${n}`));
  const names = Array.from({ length: burst }, (_, n) => `burst${n}`);
  const fromMs = performance.now();
  await Promise.all(names.map((name) => peer.start(name)));
  const burstMs = performance.now() - fromMs;
  await peer.remove(names);
  console.error(`${label}: ${burstMs.toFixed(0)} ms for ${burst} at once`);
  return { oneAtATime: figureOf('ms', single), fiftyAtOnce: figureOf('ms', [burstMs]) };
}

async function endProcess(child: ChildProcess): Promise<void> {
  const ended = new Promise((settled) => child.once('exit', settled));
  if (child.exitCode === null) {
    child.kill('SIGTERM');
    await ended;
  }
}
