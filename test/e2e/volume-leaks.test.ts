/** Pods with volumes of every sort, a SIGKILL of llmos under them, and their end: of mounts, loop devices, control groups, links, rules and files there is as much as before. */
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { PersistentVolume } from '../../src/api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../src/api/core/persistent-volume-claim.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { ServiceAccount } from '../../src/api/core/service-account.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { comesBackTo, holdingsAtRest, holdingsOf } from '../fixtures/leaks.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const namespace = 'default';
const PODS = 3;
const claimSpec = (volumeMode = 'Filesystem'): object => ({ volumeMode, accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '20Mi' } } });

const volumesOf = (index: number): Record<string, object> => ({
  empty: { emptyDir: {} }, memory: { emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }, host: { hostPath: { path: '/tmp' } }, image: { image: { reference: TEST_IMAGE } },
  projected: { projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }, { serviceAccountToken: { path: 'token' } }, { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } }] } },
  claim: { persistentVolumeClaim: { claimName: `filesystem-${index}` } }, ephemeral: { ephemeral: { volumeClaimTemplate: { spec: claimSpec() } } }, block: { persistentVolumeClaim: { claimName: `block-${index}` } },
});

function podOf(index: number): Pod {
  const volumes = volumesOf(index);
  return {
    metadata: { name: `pod-${index}`, namespace }, spec: {
      terminationGracePeriodSeconds: 0, ...(index % 2 === 0 ? { hostUsers: false } : { securityContext: { fsGroup: 2_000 } }),
      volumes: Object.entries(volumes).map(([name, source]) => ({ name, ...source })),
      containers: [{
        name: 'main', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['sleep', '1000000'], ports: [{ containerPort: 80, hostPort: 9_000 + index }], resources: { requests: { cpu: '1m' } },
        volumeDevices: [{ name: 'block', devicePath: '/dev/block' }], volumeMounts: Object.keys(volumes).filter((name) => name !== 'block').map((name) => ({ name, mountPath: `/volumes/${name}` })),
      }],
    },
  } as Pod;
}

async function comeAndGo(llmos: Instance, options: { kill: boolean }): Promise<void> {
  const { client } = llmos;
  for (let index = 0; index < PODS; index += 1) {
    for (const mode of ['Filesystem', 'Block']) await client.create(PersistentVolumeClaim, { metadata: { name: `${mode.toLowerCase()}-${index}`, namespace }, spec: claimSpec(mode) } as PersistentVolumeClaim);
    await client.create(Pod, podOf(index));
  }
  const ready = ({ status }: Pod): boolean => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
  await eventually(async () => (await client.list(Pod, { namespace })).items.filter(ready).length === PODS, { timeoutMs: 90_000, what: 'ready pods' });
  if (options.kill) {
    await llmos.kill();
    await llmos.boot();
  }
  for (let index = 0; index < PODS; index += 1) await client.delete(Pod, `pod-${index}`, { namespace });
  for (let index = 0; index < PODS; index += 1) for (const mode of ['filesystem', 'block']) await client.delete(PersistentVolumeClaim, `${mode}-${index}`, { namespace });
  await eventually(async () => (await client.list(PersistentVolume)).items.length === 0 && (await client.list(Pod, { namespace })).items.length === 0, { timeoutMs: 90_000, what: 'the end of pods and volumes' });
}

it('nothing is left of pods and of their volumes, over a kill of llmos too', { timeout: 300_000 * PATIENCE }, async () => {
  const llmos = await bootInstance({ config: 'modules: { node: { readySandboxes: 2 } }\n' });
  try {
    importTestImage(llmos);
    await eventually(async () => (await llmos.client.list(ServiceAccount, { namespace })).items.length > 0);
    await comeAndGo(llmos, { kill: false }); // what is made with the first pod, and stays
    await eventually(async () => !Object.keys(holdingsOf(llmos)).some((each) => each.includes('/bundles/')), { timeoutMs: 180_000, what: 'the end of the containers' }); // pods that are gone may still have some
    const before = await holdingsAtRest(llmos);
    await comeAndGo(llmos, { kill: true });
    await comesBackTo(before, llmos);
    await eventually(async () => !execFileSync('losetup', ['-nO', 'BACK-FILE'], { encoding: 'utf8' }).includes(llmos.state), { timeoutMs: 180_000, what: 'the end of the loop devices' });
  } finally {
    await llmos.destroy();
  }
});
