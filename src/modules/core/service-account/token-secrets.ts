/**
 * Secrets of type kubernetes.io/service-account-token, as people make them by hand for tools outside: each gets a token of its account that is
 * good until the Secret or the account is deleted (upstream: serviceaccount tokens controller).
 */
import { Secret } from '../../../api/core/secret.ts';
import { ServiceAccount } from '../../../api/core/service-account.ts';
import { isApiError } from '../../../api/errors.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import type { ModuleContext } from '../../../sdk/module.ts';

const TOKEN_SECRET = 'kubernetes.io/service-account-token';
const NAME = 'kubernetes.io/service-account.name';
const UID = 'kubernetes.io/service-account.uid';
const SELECTED = { fieldSelector: `type=${TOKEN_SECRET}` };
const AGAIN_MS = 1_000;
/** The longest that is given: it is not time that ends these. */
const EXPIRATION_SECONDS = 2 ** 32;

/** Settles after the signal aborted. Few of these Secrets are there, so they are watched and not kept. */
export async function keepTokenSecrets(context: ModuleContext): Promise<void> {
  const { client, caches, signal, clock, log } = context;
  const stop = caches.of(ServiceAccount).subscribe(({ type, object }) => {
    if (type === 'deleted') void removeOrphans(object, context).catch((error: unknown) => log.warn('token secrets of an account could not be removed', { error }));
  });
  while (!signal.aborted) {
    try {
      for await (const event of client.watch(Secret, { ...SELECTED, signal })) {
        if (event.type === 'ADDED' || event.type === 'MODIFIED') await fill(event.object, context);
      }
    } catch (error) {
      if (!signal.aborted && !isApiError(error, 'Expired', 'Conflict')) log.warn('token secrets could not be looked after, trying again', { error });
    }
    await clock.sleep(AGAIN_MS, signal);
  }
  stop();
}

async function removeOrphans({ metadata }: ServiceAccount, { client }: ModuleContext): Promise<void> {
  const { items } = await client.list(Secret, { namespace: metadata.namespace, ...SELECTED });
  for (const secret of items) if (secret.metadata.annotations?.[NAME] === metadata.name && [undefined, metadata.uid].includes(secret.metadata.annotations?.[UID])) await remove(secret, client);
}

async function fill(secret: Secret, context: ModuleContext): Promise<void> {
  const { client, machine } = context;
  const { namespace = '', name = '', uid, annotations = {} } = secret.metadata;
  if (secret.metadata.deletionTimestamp !== undefined) return;
  const account = await accountOf(client, namespace, annotations[NAME] ?? '');
  if (account === undefined || (annotations[UID] !== undefined && annotations[UID] !== account.metadata.uid)) return remove(secret, client);
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const caPem = encode(machine.apiServer.caPem);
  if (secret.data?.['token'] && secret.data['ca.crt'] === caPem && secret.data['namespace'] === encode(namespace) && annotations[UID] !== undefined) return;
  const token = secret.data?.['token'] || encode(await tokenFor(client, account, { name, uid: uid ?? '' }));
  const next = { ...secret, metadata: { ...secret.metadata, annotations: { ...annotations, [UID]: account.metadata.uid ?? '' } }, data: { ...secret.data, token, 'ca.crt': caPem, namespace: encode(namespace) } };
  try {
    await client.update(Secret, next);
  } catch (error) {
    if (!isApiError(error, 'Conflict', 'NotFound')) throw error; // the next event has the news
  }
}

async function accountOf(client: ModuleContext['client'], namespace: string, name: string): Promise<ServiceAccount | undefined> {
  return ifThere(client.get(ServiceAccount, name, { namespace }));
}

async function tokenFor(client: ModuleContext['client'], { metadata }: ServiceAccount, secret: { name: string; uid: string }): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec: { expirationSeconds: EXPIRATION_SECONDS, boundObjectRef: { apiVersion: 'v1', kind: 'Secret', ...secret } } };
  const { status } = await client.createSubresource<KubeObject, KubeObject & { status: { token: string } }>(ServiceAccount as never, { namespace: metadata.namespace, name: metadata.name ?? '' }, 'token', body as KubeObject);
  return status.token;
}

async function remove({ metadata }: Secret, client: ModuleContext['client']): Promise<void> {
  try {
    await client.delete(Secret, metadata.name ?? '', { namespace: metadata.namespace, preconditions: { uid: metadata.uid } });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
  }
}
