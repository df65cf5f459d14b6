/** Sandboxes of which the maker was killed: between any two of the namespaces that it keeps, with llmos or without. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { runAny } from '../../../base/sys/run.ts';
import { inNamespaces } from '../testing/test-node.ts';
import type { Cni } from './cni.ts';
import { sandboxPool } from './pool.ts';
import { isAlive, makeSandbox, namespacePath, removeSandbox } from './sandbox.ts';

if (await inNamespaces(import.meta.filename)) {
  const root = mkdtempSync(join(tmpdir(), 'llmos-sandboxes-'));
  after(() => rmSync(root, { recursive: true }));
  const KINDS = ['net', 'uts', 'ipc'] as const;
  const mounts = (): string[] => readFileSync('/proc/self/mounts', 'utf8').split('\n').filter((line) => line.includes(root));

  /** Kills who makes the namespaces as it is about to keep the one of this number, from 1 on; 0 lets it live. Notes what was mounted then, and whether it was told of a network to end. */
  function networkThatKills(nth: number): Cni & { kept: number[]; ended: boolean[]; told: boolean[] } {
    const [kept, ended, told] = [[], [], []] as [number[], boolean[], boolean[]];
    return {
      kept, ended, told,
      ready: () => true,
      async add(_id, netns, first) {
        // Of the calls of mount(2) only those upon the namespaces' own files count.
        const paths = KINDS.flatMap((kind) => ['-P', join(netns, '..', kind)]);
        const [program = '', ...args] = nth === 0 ? first : ['strace', '-f', '-qq', '-o', '/dev/null', ...paths, '-e', 'trace=mount', '-e', `inject=mount:signal=KILL:when=${nth}`, ...first];
        const { code, stderr } = await runAny(program, args, { timeoutMs: 30_000 });
        kept.push(mounts().length);
        ended.push(mounts().some((line) => line.includes('/net ')));
        if (code !== 0) throw new Error(`who makes the namespaces ended with ${code}: ${stderr}`);
        return { ips: ['10.0.0.2'] };
      },
      remove: async (_id, netns) => void told.push(netns !== ''),
    };
  }

  for (const nth of [1, 2, 3]) {
    test(`killed as it keeps the ${nth}. of them, it leaves nothing`, async () => {
      const network = networkThatKills(nth);
      await assert.rejects(makeSandbox({ root, id: `made${nth}`, cni: network }), /ended with/);
      assert.deepEqual([network.kept, network.told], [[nth - 1], network.ended]);
      assert.deepEqual([mounts(), existsSync(join(root, `made${nth}`))], [[], false]);
    });

    test(`what it kept before the ${nth}. is found and given back by the next llmos`, async () => {
      const id = `abcdef0123456789${nth}`; // programs that name it are ended
      const sandbox = { id, folder: join(root, id), ips: [] };
      mkdirSync(sandbox.folder);
      for (const kind of KINDS) writeFileSync(namespacePath(sandbox, kind), '');
      const network = networkThatKills(nth);
      await assert.rejects(network.add(sandbox.id, namespacePath(sandbox, 'net'), ['unshare', ...KINDS.map((kind) => `--${kind}=${namespacePath(sandbox, kind)}`), 'true']), /ended with/);
      assert.deepEqual([network.kept, isAlive(sandbox)], [[nth - 1], false]);
      await sandboxPool({ root, cni: network, names: { tell: async () => {}, close: async () => {} }, clock: realClock, log: silentLog, size: 0 }).run(AbortSignal.abort());
      assert.deepEqual([mounts(), existsSync(sandbox.folder), network.told], [[], false, network.ended]);
    });
  }

  test('one that lives is whole, and goes as a whole', async () => {
    const network = networkThatKills(0);
    const sandbox = await makeSandbox({ root, id: 'whole', cni: network });
    assert.deepEqual([isAlive(sandbox), mounts().length], [true, KINDS.length]);
    await removeSandbox(sandbox, network);
    assert.deepEqual([mounts(), existsSync(sandbox.folder), network.told], [[], false, [true]]);
  });

  test('its link is told whose it is, and again by the next llmos', async () => {
    const network = networkThatKills(0);
    const link = { name: 'veth0', mac: '02:00:00:00:00:01' };
    const told: unknown[] = [];
    const options = { root, cni: { ...network, add: async (...args: Parameters<Cni['add']>) => ({ ...(await network.add(...args)), link }) }, names: { tell: async (...words: unknown[]) => void told.push(words), close: async () => {} }, clock: realClock, log: silentLog, size: 0 };
    const first = await sandboxPool(options).take('uid1', 'default/web');
    assert.deepEqual(told.splice(0), [[link, 'ready'], [link, 'pod=default/web']]);
    const next = sandboxPool(options);
    assert.equal((await next.take('uid1', 'default/web')).id, first.id);
    assert.deepEqual(told, [[link, 'pod=default/web']]);
    await next.drain();
    assert.deepEqual(mounts(), []);
  });
} else test('inside namespaces', () => {});
