/** Hands a request to the server behind an APIService, and its answer back. */
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { RouteRequest } from '../../sdk/module.ts';
import { returnedHeaders } from '../../sdk/proxy/headers.ts';
import { passOn, type Returned } from '../../sdk/proxy/pass-on.ts';
import { forwardedHeaders } from './headers.ts';
import type { Remote } from './remote.ts';

const REDIRECTED = 'the backend attempted to redirect this request, which is not permitted';
const UNAVAILABLE = 'service unavailable';

/** `remote` is undefined while the server is not available. Settles when the answer is through. */
export async function proxy(request: RouteRequest, remote: Remote | undefined): Promise<void> {
  if (remote === undefined) return refuse(request, 503, UNAVAILABLE);
  let unreachable = false;
  const open = async (): Promise<ClientRequest> => {
    const { http, user, upgrade, signal } = request;
    try {
      const headers = forwardedHeaders(http, user, remote.host);
      // One request keeps one id on its way through both (upstream: NewRequestForProxy).
      const auditId = request.response?.getHeader('audit-id');
      if (auditId !== undefined) headers['audit-id'] = auditId;
      if (upgrade !== undefined) Object.assign(headers, { connection: 'Upgrade', upgrade: http.headers.upgrade });
      return await remote.open({ method: request.method, path: request.url.pathname + request.url.search, headers, signal, alone: upgrade !== undefined });
    } catch (error) {
      unreachable = true;
      throw error;
    }
  };
  try {
    await passOn(request, { open, returned });
  } catch (error) {
    if (request.signal.aborted) (request.response ?? request.upgrade!.socket).destroy();
    else refuse(request, 503, unreachable ? UNAVAILABLE : `error trying to reach service: ${(error as Error).message}`);
  }
}

function returned(answer: IncomingMessage): Returned {
  const code = answer.statusCode ?? 502;
  if (code >= 300 && code <= 399 && answer.headers.location !== undefined) return { code: 502, headers: plain(REDIRECTED), text: `${REDIRECTED}\n` };
  return { code, headers: returnedHeaders(answer) };
}

function refuse({ http, response, upgrade }: RouteRequest, code: number, text: string): void {
  http.resume();
  if (response === undefined) upgrade!.socket.end(`HTTP/1.1 ${code} Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text) + 1}\r\nConnection: close\r\n\r\n${text}\n`);
  else if (response.headersSent) response.destroy();
  else response.writeHead(code, plain(text)).end(`${text}\n`);
}

function plain(text: string): OutgoingHttpHeaders {
  return { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff', 'Content-Length': Buffer.byteLength(text) + 1 };
}
