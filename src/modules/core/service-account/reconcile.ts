/** What every namespace has: the ServiceAccount `default`, and the ConfigMap `kube-root-ca.crt` by which pods trust the API server. */
import { ConfigMap } from '../../../api/core/config-map.ts';
import { Namespace } from '../../../api/core/namespace.ts';
import { ServiceAccount } from '../../../api/core/service-account.ts';
import { isApiError } from '../../../api/errors.ts';
import { watching, type Client, type Controller, type ReconcileContext } from '../../../sdk/index.ts';

export const ROOT_CA = 'kube-root-ca.crt';
export const DEFAULT_ACCOUNT = 'default';

const DESCRIPTION = { 'kubernetes.io/description': 'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.' };

export function namespaceContentController(caPem: () => string): Controller<Namespace> {
  return {
    name: 'namespace-content',
    for: Namespace,
    watches: [
      watching(ServiceAccount, ({ metadata }) => (metadata.name === DEFAULT_ACCOUNT ? [metadata.namespace ?? ''] : [])),
      watching(ConfigMap, ({ metadata }) => (metadata.name === ROOT_CA ? [metadata.namespace ?? ''] : [])),
    ],
    writes: [ServiceAccount, ConfigMap],
    reconcile: (name, namespace, context) => reconcile(name, namespace, caPem(), context),
  };
}

async function reconcile(name: string, namespace: Namespace | undefined, caPem: string, { client, caches }: ReconcileContext): Promise<void> {
  if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return;
  if (caches.of(ServiceAccount).get(`${name}/${DEFAULT_ACCOUNT}`) === undefined) await createDefaultAccount(client, name);
  const rootCa = caches.of(ConfigMap).get(`${name}/${ROOT_CA}`);
  const data = { 'ca.crt': caPem };
  if (rootCa === undefined) await ifAbsent(client.create(ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: ROOT_CA, namespace: name, annotations: DESCRIPTION }, data }));
  else if (rootCa.data?.['ca.crt'] !== caPem || Object.keys(rootCa.data).length !== 1) await client.update(ConfigMap, { ...rootCa, data });
}

export function createDefaultAccount(client: Client, namespace: string): Promise<void> {
  return ifAbsent(client.create(ServiceAccount, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: DEFAULT_ACCOUNT, namespace } }));
}

/** Someone was faster, or the namespace goes: both are fine. */
async function ifAbsent(write: Promise<unknown>): Promise<void> {
  await write.catch((error: unknown) => {
    const isGoing = isApiError(error, 'Forbidden') && error.details?.causes?.some((each) => each.reason === 'NamespaceTerminating') === true;
    if (!isGoing && !isApiError(error, 'AlreadyExists', 'NotFound')) throw error;
  });
}
