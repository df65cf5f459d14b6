/**
 * Links of pods bear their names on the machine's side too: CNI plugins call them by chance (`veth5c1e...`), so an alias says whose each is, as `ip link` shows.
 * It is a write to sysfs (sysfs-class-net, `ifalias`), so no start of a pod waits for a program.
 */
import { closeSync, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../base/log.ts';
import { run } from '../../../base/sys/run.ts';
import { unmountLazily } from '../../../base/sys/unmount.ts';

/** The end of a pod's link that the machine has. */
export interface PodLink { name: string; mac: string }

export interface LinkNames {
  /** Has the link say whose it is, after what it was told before; `undefined` for one that is not known. Nobody needs to wait: it rejects never. */
  tell(link: PodLink | undefined, who: string): Promise<void>;
  close(): Promise<void>;
}

/** As the links of the machine are shown where nothing else is said. */
const MACHINE = '/sys/class/net';
/** linux/if.h, IFALIASZ, with the end of the text. */
const MOST_BYTES = 255;

export interface LinkNamesOptions {
  /** Begins every alias: `llmos/INSTANCE/`. */
  instance: string;
  /** Where sysfs may be mounted for a moment. */
  folder: string;
  /** The network namespace of the links; default that of llmos. */
  network?: string | undefined;
  log: Log;
}

export function linkNames({ instance, folder, network, log }: LinkNamesOptions): LinkNames {
  let last: Promise<void> = Promise.resolve();
  let own: { fd: number } | 'refused' | undefined;
  let place: string | undefined;

  /** sysfs shows the links of the namespace in which it was mounted, and /sys may be of another one. What is held open stays when it is mounted no more. */
  async function mounted(): Promise<{ fd: number } | 'refused'> {
    try {
      mkdirSync(folder, { recursive: true });
      const [program = '', ...args] = [...(network === undefined ? [] : ['nsenter', `--net=${network}`]), 'mount', '-t', 'sysfs', '-o', 'nosuid,nodev,noexec', 'sysfs', folder];
      await run(program, args);
      try {
        return { fd: openSync(join(folder, 'class/net'), 'r') };
      } finally {
        await unmountLazily([folder]);
        rmdirSync(folder);
      }
    } catch (error) {
      log.warn('the links of pods do not say whose they are', { error });
      return 'refused';
    }
  }

  /** Where sysfs shows that link, and so all; undefined while that is not known. */
  async function placeOf({ name, mac }: PodLink): Promise<string | undefined> {
    const isIt = async (links: string): Promise<boolean> => (await readFile(join(links, name, 'address'), 'utf8').catch(() => '')).trim() === mac;
    if (await isIt(MACHINE)) return MACHINE;
    own ??= await mounted();
    const shown = own === 'refused' ? undefined : `/proc/self/fd/${own.fd}`;
    return shown !== undefined && (await isIt(shown)) ? shown : undefined;
  }

  async function tellNow(link: PodLink, who: string): Promise<void> {
    place ??= await placeOf(link);
    if (place !== undefined) await writeFile(join(place, link.name, 'ifalias'), Buffer.from(`llmos/${instance}/${who}`).subarray(0, MOST_BYTES));
  }

  return {
    tell(link, who) {
      if (link === undefined) return Promise.resolve();
      return (last = last.then(() => tellNow(link, who)).catch((error: unknown) => log.debug('a link does not say whose it is', { link: link.name, error })));
    },
    async close() {
      await last;
      if (typeof own === 'object') closeSync(own.fd);
      [own, place] = [undefined, undefined];
    },
  };
}
