/** Reads the whole answer to a request, bounded. */
import type { ClientRequest } from 'node:http';

export interface Answer {
  code: number;
  text: string;
}

/** The caller sends the request, before or after. Rejects with what ended it, or an Error when the answer is longer than `mostBytes`. */
export function readAnswer(request: ClientRequest, { mostBytes }: { mostBytes: number }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (answer) => {
      const parts: Buffer[] = [];
      let length = 0;
      answer.on('data', (part: Buffer) => {
        if ((length += part.length) > mostBytes) request.destroy(new Error('the answer is too large'));
        else parts.push(part);
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ code: answer.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }));
    });
  });
}
