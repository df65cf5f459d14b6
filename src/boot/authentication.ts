/** Whose tokens are believed beside our own, by the AuthenticationConfiguration that the configuration names. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { OutsideAuthenticator } from '../kernel/apiserver/jwt/index.ts';

/** As upstream looks at its file. */
const LOOK_MS = 60_000;

export interface OpenAuthentication {
  outside: OutsideAuthenticator;
  close(): void;
}

interface Facts {
  /** The issuer of service account tokens, for which no other may speak. */
  ownIssuer: string;
  clock: Clock;
  log: Log;
}

/** Throws an Error that says what is wrong with the file. One that is changed later counts within a minute; while it is wrong, the one before it does. */
export async function openAuthentication(file: string, { ownIssuer, clock, log }: Facts): Promise<OpenAuthentication> {
  const { checkAuthentication, createOutsideAuthenticator } = await import('../kernel/apiserver/jwt/index.ts');
  const ending = new AbortController();
  const { parse } = await import('yaml');
  const check = (text: string): ReturnType<typeof checkAuthentication> => checkAuthentication(parse(text), [ownIssuer]);
  let seen: string;
  let outside: OutsideAuthenticator;
  try {
    seen = await readFile(file, 'utf8');
    outside = createOutsideAuthenticator(check(seen), { clock, log, signal: ending.signal });
  } catch (error) {
    throw new Error(`the authentication configuration ${file} cannot be used: ${(error as Error).message}`, { cause: error });
  }
  const look = async (): Promise<void> => {
    try {
      const text = await readFile(file, 'utf8');
      if (text === seen) return;
      seen = text;
      outside.configure(check(text));
      log.info('the authentication configuration was read anew', { file });
    } catch (error) {
      log.error('the authentication configuration cannot be used: that of before counts on', { file, error: (error as Error).message });
    }
  };
  void (async () => {
    while (!ending.signal.aborted) {
      await clock.sleep(LOOK_MS, ending.signal);
      if (!ending.signal.aborted) await look();
    }
  })().catch(() => {});
  return { outside, close: () => ending.abort() };
}
