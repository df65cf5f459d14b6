/** The objects of another server as a Client, for those who follow owners and dependents wherever they are kept. */
import type { IncomingMessage } from 'node:http';
import { ApiError } from '../../api/errors.ts';
import { clientOver } from '../../sdk/client/http.ts';
import { aborted, connectionError, failureOf, type CallRequest, type Transport } from '../../sdk/client/transport.ts';
import type { Client } from '../../sdk/client.ts';
import { userHeaders } from './headers.ts';
import type { Remote } from './remote.ts';

const COLLECTOR = { name: 'system:serviceaccount:kube-system:generic-garbage-collector', groups: ['system:masters'] };

/** Calls are made as a master of the cluster. The signal ends what is under way. */
export function clientOf(remote: Remote, signal: AbortSignal): Client {
  const server = `https://${remote.host}`;
  const transport: Transport = { server, open: (request) => open(remote, server, request, signal), close: () => {} };
  return clientOver(transport, { name: 'llmos-aggregation', namespace: 'default' });
}

async function open(remote: Remote, server: string, request: CallRequest, ending: AbortSignal): Promise<IncomingMessage> {
  const { method, path, body, contentType = 'application/json', signal, timeoutMs, stream } = request;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  const both = AbortSignal.any([ending, late.signal, ...(signal === undefined ? [] : [signal])]);
  const headers = { ...userHeaders(COLLECTOR), host: remote.host, accept: 'application/json', ...(body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }) };
  try {
    const sent = await remote.open({ method, path, headers, signal: both, alone: stream });
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve).on('error', reject);
      sent.end(body);
    });
    const code = answer.statusCode ?? 0;
    if (code < 200 || code > 299) throw await failureOf(answer);
    // Of a call the whole answer is bound by the time, of a stream its head.
    if (stream === true) clearTimeout(timer);
    else answer.once('close', () => clearTimeout(timer));
    return answer;
  } catch (error) {
    clearTimeout(timer);
    if (signal?.aborted === true || ending.aborted) throw aborted();
    if (late.signal.aborted) throw new ApiError('Timeout', `${server} did not answer within ${timeoutMs / 1_000} s`);
    throw connectionError(server, error as Error);
  }
}
