/** The list of subcommands; each is loaded when it is called. */
import type { CommandEntry } from './command.ts';

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  up: { summary: 'boot llmos in the background and wait until it is ready', load: async () => (await import('./commands/up.ts')).up },
  down: { summary: 'stop llmos and its containers; --purge also removes all data', load: async () => (await import('./commands/down.ts')).down },
  status: { summary: 'show phases, modules, memory and addresses', load: async () => (await import('./commands/status.ts')).status },
  run: { summary: 'run llmos in the foreground (for a service unit)', load: async () => (await import('./commands/run.ts')).run },
  apply: { summary: 'apply manifests to the cluster (server-side)', load: async () => (await import('./commands/apply.ts')).apply },
  demo: { summary: 'build, deploy and try the web example', load: async () => (await import('./commands/demo.ts')).demo },
  build: { summary: 'build an image from a Dockerfile', load: async () => (await import('./commands/build.ts')).build },
  image: { summary: 'list, pull, push, import, export and remove images', load: async () => (await import('./commands/image.ts')).image },
  attach: { summary: 'run portable modules against another Kubernetes cluster', load: async () => (await import('./commands/attach.ts')).attach },
  node: { summary: 'list further nodes, lose one, start it again', load: async () => (await import('./commands/node.ts')).node },
  module: { summary: 'list, load and unload modules of the running system', load: async () => (await import('./commands/module.ts')).module },
  queue: { summary: 'list queues and what waits in them, and explain why a job waits', load: async () => (await import('./commands/queue.ts')).queue },
  kubeconfig: { summary: "print the administrator's kubeconfig", load: async () => (await import('./commands/kubeconfig.ts')).kubeconfig },
  kubectl: { summary: 'call kubectl against this llmos', load: async () => (await import('./commands/kubectl.ts')).kubectl },
  backup: { summary: 'copy the store to a file while it runs', load: async () => (await import('./commands/backup.ts')).backup },
  restore: { summary: 'put a backup in place of the store of a stopped llmos', load: async () => (await import('./commands/restore.ts')).restore },
  snapshot: { summary: 'name, compare and go back to states of the running cluster', load: async () => (await import('./commands/snapshot.ts')).snapshot },
  bill: { summary: 'what namespaces, workloads and labels cost', load: async () => (await import('./commands/bill.ts')).bill },
  usage: { summary: 'how well requested and present resources are used', load: async () => (await import('./commands/usage.ts')).usage },
  scale: { summary: 'why a workload has its replicas, and a plot of it', load: async () => (await import('./commands/scale.ts')).scale },
  simulate: { summary: 'try the policies of the queue and of scaling on recorded workloads', load: async () => (await import('./commands/simulate.ts')).simulate },
  top: { summary: 'routes by their requests, errors and durations', load: async () => (await import('./commands/top.ts')).top },
  version: { summary: 'print the version', load: async () => (await import('./commands/version.ts')).version },
};
