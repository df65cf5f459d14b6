/** A server that answers for a group version: how it is reached, and small questions to it. */
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { ClientRequest, OutgoingHttpHeaders } from 'node:http';
import type { APIServiceSpec } from '../../api/apiregistration/api-service.ts';
import type { Client } from '../../sdk/client.ts';
import type { Aggregation } from '../../sdk/module.ts';
import { readAnswer } from '../../sdk/read-answer.ts';
import { addressOfService } from '../../sdk/service-address.ts';
import { userHeaders } from './headers.ts';

const ASK_MS = 5_000;
const MOST_ANSWER_BYTES = 32 * 1024 * 1024;
const IDLE_MS = 10_000;
const MASTER = { name: 'system:kube-aggregator', groups: ['system:masters'] };

export interface Remote {
  /** `name.namespace.svc`, which the certificate of the server must be for. */
  readonly host: string;
  /** Opens a request; rejects when the service has no endpoint. The caller sends the body. */
  open(request: { method: string; path: string; headers: OutgoingHttpHeaders; signal: AbortSignal; alone?: boolean }): Promise<ClientRequest>;
  /** Asks as a master of the cluster; GET unless `method` says otherwise. Rejects with an Error that says what went wrong. `trusting` does without the check of the certificate. */
  ask(path: string, how: { signal: AbortSignal; trusting?: boolean; method?: 'GET' | 'DELETE' }): Promise<unknown>;
  /** Lets go of idle connections; what is under way goes on. */
  close(): void;
}

export function createRemote(spec: APIServiceSpec, client: Client, frontProxy: Aggregation['frontProxy']): Remote {
  const { namespace = '', name = '', port = 443 } = spec.service ?? {};
  const host = `${name}.${namespace}.svc`;
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS, maxFreeSockets: 16 });
  const trust = (trusting: boolean): RequestOptions => {
    if (trusting || spec.insecureSkipTLSVerify === true) return { rejectUnauthorized: false };
    return spec.caBundle ? { ca: Buffer.from(spec.caBundle, 'base64').toString('utf8') } : {};
  };
  const open = async (method: string, path: string, headers: OutgoingHttpHeaders, signal: AbortSignal, how: { alone?: boolean; trusting?: boolean }): Promise<ClientRequest> => {
    const address = await addressOfService(client, { namespace, name, port });
    const { keyPem, certificatePem } = frontProxy();
    return httpsRequest({ ...address, method, path, headers, signal, servername: host, key: keyPem, cert: certificatePem, agent: how.alone === true ? false : agent, ...trust(how.trusting === true) });
  };
  return {
    host,
    open: ({ method, path, headers, signal, alone }) => open(method, path, headers, signal, { alone }),
    async ask(path, { signal, trusting, method = 'GET' }) {
      const ending = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
      const shown = `https://${host}:${port}${path}`;
      try {
        const request = await open(method, path, { ...userHeaders(MASTER), host, accept: 'application/json' }, ending, { trusting });
        const answer = await readAnswer(request.end(), { mostBytes: MOST_ANSWER_BYTES });
        if (answer.code < 200 || answer.code > 299) throw new Error(`bad status from ${shown}: ${answer.code}`);
        return JSON.parse(answer.text);
      } catch (error) {
        const why = ending.aborted ? 'context deadline exceeded' : (error as Error).message;
        throw new Error(`failing or missing response from ${shown}: ${why}`, { cause: error });
      }
    },
    close: () => Object.values(agent.freeSockets).forEach((sockets) => sockets?.forEach((socket) => socket.destroy())),
  };
}
