/** Who went away before we listened for it: what is said once is not said again. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** Whether nobody waits for the answer, or for what comes over a connection, any more. Answers of HTTP/2 do not say so themselves: their stream does. */
export function isGone(to: ServerResponse | IncomingMessage | Duplex): boolean {
  return to.destroyed || (to as { stream?: { destroyed: boolean } }).stream?.destroyed === true;
}
