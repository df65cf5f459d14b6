/** `llmos attach`: runs portable modules against another Kubernetes cluster, in the foreground. */
import { stringify } from 'yaml';
import { createLog } from '../../base/log.ts';
import { UsageError, type Command } from '../command.ts';

export const attach: Command = {
  usage: '[--kubeconfig FILE] [--context NAME] [--serve ADDRESS:PORT] MODULE ... | --rules MODULE ... | --crds MODULE ...',
  flags: { kubeconfig: { type: 'string' }, context: { type: 'string' }, serve: { type: 'string' }, rules: { type: 'boolean' }, crds: { type: 'boolean' } },
  async run({ positionals, flags, folders }) {
    if (positionals.length === 0) throw new UsageError(`usage: llmos attach ${attach.usage}`);
    const { attach: run, clusterRoleOf, definitionsOf } = await import('../../boot/attach.ts');
    if (flags['rules'] === true) {
      console.log(positionals.map((name) => stringify(clusterRoleOf(name))).join('---\n'));
      return 0;
    }
    if (flags['crds'] === true) {
      console.log(positionals.flatMap(definitionsOf).map((each) => stringify(each)).join('---\n'));
      return 0;
    }
    const { findCluster } = await import('../../sdk/client/kubeconfig.ts');
    const { loadConfig } = await import('../../boot/config.ts');
    const { parseServing } = await import('../../boot/attach-routes.ts');
    const access = findCluster({ path: flags['kubeconfig'] as string | undefined, context: flags['context'] as string | undefined });
    const abort = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => abort.abort('stop'));
    await run({ access, modules: positionals, config: (await loadConfig(folders)).modules, log: createLog(), signal: abort.signal, ...(flags['serve'] !== undefined && { serve: parseServing(flags['serve'] as string) }) });
    return 0;
  },
};
