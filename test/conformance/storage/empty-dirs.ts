/** [sig-storage] EmptyDir volumes: users, modes, mediums, and containers that share one. */
import { behaviour, kubectl, namespace, podOf } from '../cluster.ts';
import { eventually } from '../../fixtures/instance.ts';
import { start } from '../node/pod.ts';
import { podCases, type PodCase } from './cases.ts';
import { SOME_LINUX } from './marks.ts';

const MEDIUMS = { default: {}, tmpfs: { medium: 'Memory' } } as const;
const writesOn = (medium: string): string[] => (medium === 'tmpfs' ? ['tmpfs'] : ['']);
/** The type of the mount at /v when it is in memory. */
const SORT = "awk '$2 == \"/v\" && $3 == \"tmpfs\" {found = 1} END {print found ? \"tmpfs\" : \"\"}' /proc/mounts";

export function emptyDirs(): void {
  const cases: PodCase[] = [];
  for (const [medium, emptyDir] of Object.entries(MEDIUMS)) {
    const volumes = [{ name: 'v', emptyDir }];
    cases.push({ name: `EmptyDir volumes volume on ${medium === 'tmpfs' ? 'tmpfs' : 'default medium'} should have the correct mode${SOME_LINUX}`, volumes, script: `stat -c %a /v; ${SORT}`, writes: ['777', ...writesOn(medium)].filter((each) => each !== '') });
    for (const user of ['root', 'non-root']) {
      for (const mode of ['0644', '0666', '0777']) {
        cases.push({
          name: `EmptyDir volumes should support (${user},${mode},${medium})${SOME_LINUX}`, volumes, script: `echo mount-tester > /v/file && chmod ${mode} /v/file && stat -c %a /v/file && ${SORT} && cat /v/file`,
          writes: [mode.slice(1), ...writesOn(medium), 'mount-tester'], ...(user === 'root' ? {} : { spec: { securityContext: { runAsUser: 1001 } } }),
        });
      }
    }
  }
  podCases(cases);
  behaviour('EmptyDir volumes pod should support shared volumes between containers', async () => {
    const space = await namespace();
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const pod = podOf('p', { container: { volumeMounts }, spec: { volumes: [{ name: 'v', emptyDir: {} }] } });
    pod.spec.containers.push({ ...pod.spec.containers[0], name: 'sub', command: ['sh', '-c', 'echo shared > /v/file; sleep 1000000'] });
    await start(space, pod);
    await eventually(async () => (await kubectl('-n', space, 'exec', 'p', '-c', 'main', '--', 'cat', '/v/file')) === 'shared\n', { what: 'the file of the other container' });
  });
}
