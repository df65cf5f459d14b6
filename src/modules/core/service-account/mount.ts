/** How a pod gets its service account: the name, the token volume and its mounts, the pull secrets (upstream: admission plugin ServiceAccount). Pure. */
import type { Container, Pod, ServiceAccount, Volume } from '../../../api/generated/core-v1.ts';
import { ROOT_CA } from './reconcile.ts';

export const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** An hour and a little, by which upstream tells its own tokens. */
const TOKEN_SECONDS = 3607;

/** Changes `pod`, which is not validated yet: what it must have may be missing. `suffix` makes the volume's name unique. */
export function giveServiceAccount(pod: Pod, account: ServiceAccount, suffix: string): void {
  const spec = pod.spec;
  if (spec === undefined) return;
  if ((spec.imagePullSecrets?.length ?? 0) === 0 && (account.imagePullSecrets?.length ?? 0) > 0) spec.imagePullSecrets = structuredClone(account.imagePullSecrets);
  if ((spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) === false) return;
  const present = spec.volumes?.find((each) => each.name?.startsWith(VOLUME_PREFIX));
  const name = present?.name ?? `${VOLUME_PREFIX}${suffix}`;
  const mounted = [...(spec.initContainers ?? []), ...(spec.containers ?? [])].map((each) => mountIn(each, name)).some(Boolean);
  if (mounted && present === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

/** Gives whether a mount was added: a container that mounts something there itself keeps it. */
function mountIn(container: Container, name: string): boolean {
  if (container.volumeMounts?.some((each) => each.mountPath === TOKEN_PATH) === true) return false;
  container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: TOKEN_PATH }];
  return true;
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: ROOT_CA, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  };
}
