/** Webhooks that are functions, each on a path of its own of one server. */
import { startWebhookServer, type WebhookServer } from '../fixtures/webhook-server.ts';
import type { Body } from './cluster.ts';

/** Gets the request of a review, gives its response without the uid. */
export type Hook = (request: Body) => Body | Promise<Body>;

export interface Hooks {
  /** What a webhook configuration says of a hook. */
  clientConfig(hook: Hook): { url: string; caBundle: string };
  stop(): Promise<void>;
}

export async function openHooks(): Promise<Hooks> {
  const hooks: Hook[] = [];
  const server: WebhookServer = await startWebhookServer(async (path, review: Body) => ({
    apiVersion: review.apiVersion, kind: review.kind, response: { uid: review.request.uid, ...(await hooks[Number(path.slice(1))]?.(review.request)) },
  }));
  return { clientConfig: (hook) => ({ url: `${server.url}/${hooks.push(hook) - 1}`, caBundle: server.caBundle }), stop: server.stop };
}

export const allow: Hook = () => ({ allowed: true });

export function deny(message: string): Body {
  return { allowed: false, status: { message } };
}

/** A hook that changes every object by a JSON patch. */
export function patching(operations: (object: Body) => Body[]): Hook {
  return ({ object }) => {
    const patch = operations(object);
    return patch.length === 0 ? { allowed: true } : { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
  };
}
