/** Admission of pods: each runs as a service account, which must exist (upstream: admission plugin ServiceAccount). */
import { podReferences } from '../../../api/core/pod-references.ts';
import { Pod } from '../../../api/core/pod.ts';
import { ServiceAccount } from '../../../api/core/service-account.ts';
import { ApiError, isApiError } from '../../../api/errors.ts';
import { generatedSuffix } from './suffix.ts';
import type { Admission, AdmissionRequest, Client, ModuleContext } from '../../../sdk/index.ts';
import { ephemeralRefusal, limitsSecrets, secretRefusal } from './mountable-secrets.ts';
import { giveServiceAccount } from './mount.ts';
import { createDefaultAccount, DEFAULT_ACCOUNT } from './reconcile.ts';

const MIRROR = 'kubernetes.io/config.mirror';

export const serviceAccountAdmission: Admission = {
  name: 'ServiceAccount',
  kinds: [Pod],
  operations: ['CREATE', 'UPDATE'],
  async admit(request, context) {
    const pod = request.object as Pod | undefined;
    if (request.operation !== 'CREATE' || request.subresource || pod?.spec === undefined || pod.metadata.annotations?.[MIRROR] !== undefined) return;
    pod.spec.serviceAccountName ||= pod.spec.serviceAccount || DEFAULT_ACCOUNT;
    pod.spec.serviceAccount = pod.spec.serviceAccountName;
    const account = await accountOf(request, pod.spec.serviceAccountName, context);
    giveServiceAccount(pod, account, generatedSuffix());
  },
  async validate(request, context) {
    const isLater = request.subresource === 'ephemeralcontainers';
    const pod = request.object as Pod | undefined;
    if (!(isLater || (request.operation === 'CREATE' && !request.subresource)) || pod?.spec === undefined) return;
    if (pod.metadata.annotations?.[MIRROR] !== undefined) {
      const why = isLater ? undefined : mirrorRefusal(pod);
      if (why !== undefined) throw forbidden(pod, why);
      return;
    }
    const account = await lookUp(context.client, pod.spec.serviceAccountName || DEFAULT_ACCOUNT, request.namespace ?? '');
    if (account === undefined || !limitsSecrets(account)) return;
    const why = isLater ? ephemeralRefusal(pod, account) : secretRefusal(pod, account);
    if (why !== undefined) throw forbidden(pod, why);
  },
};

/** What shows a pod that a kubelet has by itself has no part in what is kept here. */
function mirrorRefusal(pod: Pod): string | undefined {
  const references = podReferences(pod);
  if (references.serviceAccount !== '') return 'a mirror pod may not reference service accounts';
  if (references.secrets.size > 0) return 'a mirror pod may not reference secrets';
  const asks = pod.spec?.volumes?.some(({ projected }) => projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken !== undefined && serviceAccountToken !== null));
  return asks === true ? 'a mirror pod may not use ServiceAccountToken volume projections' : undefined;
}

function forbidden({ metadata: { name = '' } }: Pod, why: string): ApiError {
  return new ApiError('Forbidden', `pods "${name}" is forbidden: ${why}`, { name, kind: 'pods' });
}

/** One that has gone since says nothing. */
async function lookUp(client: Client, name: string, namespace: string): Promise<ServiceAccount | undefined> {
  try {
    return await client.get(ServiceAccount, name, { namespace });
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function accountOf(request: AdmissionRequest, name: string, { client }: ModuleContext): Promise<ServiceAccount> {
  const namespace = request.namespace ?? '';
  try {
    return await client.get(ServiceAccount, name, { namespace });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    if (name === DEFAULT_ACCOUNT) return defaultAccount(client, namespace, request);
    const pod = request.object?.metadata.name ?? request.object?.metadata.generateName ?? '';
    throw new ApiError('Forbidden', `pods "${pod}" is forbidden: error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`, { name: pod, kind: 'pods' });
  }
}

/** A pod may come right after its namespace, before the controller has made the account. */
async function defaultAccount(client: Client, namespace: string, { dryRun }: AdmissionRequest): Promise<ServiceAccount> {
  if (dryRun) return { metadata: { name: DEFAULT_ACCOUNT, namespace } };
  await createDefaultAccount(client, namespace);
  return client.get(ServiceAccount, DEFAULT_ACCOUNT, { namespace });
}
