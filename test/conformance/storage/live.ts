/** Pods that are looked into while they run. */
import { kubectl, type Body } from '../cluster.ts';
import { eventually } from '../../fixtures/instance.ts';
import { outputOf, scriptPod, start as startPod } from '../node/pod.ts';

export { pathOf } from '../node/pod.ts';

/** Starts the pod; gives what waits until a script in it writes that text. */
export async function start(space: string, pod: Body, script: string): Promise<(wanted: string) => Promise<unknown>> {
  await startPod(space, pod);
  return (wanted) => {
    let last = '';
    return eventually(async () => (last = (await kubectl('-n', space, 'exec', pod.metadata.name, '--', 'sh', '-c', script)).trimEnd()) === wanted, { timeoutMs: 20_000 })
      .catch(() => { throw new Error(`${script} never wrote ${JSON.stringify(wanted)}, at last ${JSON.stringify(last)}`); });
  };
}

/** What the script writes in a pod with these volumes, each at `/NAME`. */
export function podOutput(space: string, script: string, volumes: readonly Body[]): Promise<string> {
  return outputOf(space, scriptPod('p', script, { volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/${name}` })) }, { volumes }));
}
