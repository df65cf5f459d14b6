/** Who comes with a token of an issuer outside: OpenID Connect as AuthenticationConfiguration has it. */
import type { AuthenticationConfiguration, JwtAuthenticator } from '../../../api/apiserver/authentication-configuration.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import type { UserInfo } from '../../../sdk/module.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import { isSignedBy, readToken, type Token } from './signature.ts';
import { userOfClaimsBy } from './user-of-claims.ts';

export interface OutsideAuthenticator {
  /** undefined for what is no good token of a known issuer. */
  ofToken(token: string): Promise<{ user: UserInfo; endMs: number } | undefined>;
  /** Goes by another configuration from now on. */
  configure(configuration: AuthenticationConfiguration): void;
}

/** How far ahead of ours an issuer's clock may be (go-oidc v2, verify.go). */
const EARLY_MS = 60_000;
/** Of what somebody says whom nobody has checked yet so much is told. */
const TOLD_CHARACTERS = 200;
/** Refusals are told at most so often. */
const TELL_MS = 10_000;

type Authenticate = (token: Token) => Promise<{ user: UserInfo; endMs: number }>;

export function createOutsideAuthenticator(configuration: AuthenticationConfiguration, { clock, log, signal }: { clock: Clock; log: Log; signal: AbortSignal }): OutsideAuthenticator {
  let byIssuer = new Map<string, Authenticate>();
  let toldMs = -Infinity;
  const configure = ({ jwt = [] }: AuthenticationConfiguration): void => {
    // Whoever is asked about already is still judged by those of before.
    byIssuer = new Map(jwt.map((each) => [each.issuer.url, authenticateBy(each, { clock, signal })] as const));
  };
  configure(configuration);
  return {
    configure,
    async ofToken(text) {
      const token = readToken(text);
      const issuer = token?.claims['iss'];
      const authenticate = typeof issuer === 'string' ? byIssuer.get(issuer === 'accounts.google.com' ? 'https://accounts.google.com' : issuer) : undefined;
      if (token === undefined || authenticate === undefined) return undefined;
      try {
        return await authenticate(token);
      } catch (error) {
        if (clock.nowMs() - toldMs >= TELL_MS) {
          toldMs = clock.nowMs();
          log.warn('a token of an issuer outside is refused', { issuer, error: (error as Error).message });
        }
        return undefined;
      }
    },
  };
}

function authenticateBy(settings: JwtAuthenticator, { clock, signal }: { clock: Clock; signal: AbortSignal }): Authenticate {
  const keys = createIssuerKeys(settings.issuer, { clock, signal });
  const userOf = userOfClaimsBy(settings);
  return async (token) => {
    const endMs = checkTimes(token, clock.nowMs());
    const audiences = [token.claims['aud']].flat();
    if (!audiences.some((each) => settings.issuer.audiences.includes(each as string))) throw new Error(`it is for ${JSON.stringify(audiences).slice(0, TOLD_CHARACTERS)}, not for one of ${JSON.stringify(settings.issuer.audiences)}`);
    // The issuer may have begun to sign with another one.
    if (!isSignedBy(token, await keys.known()) && !isSignedBy(token, await keys.newest())) throw new Error('none of the issuer\'s keys signed it');
    return { user: userOf(token.claims), endMs };
  };
}

function checkTimes({ claims }: Token, nowMs: number): number {
  const { exp, nbf } = claims;
  if (typeof exp !== 'number' || exp * 1_000 <= nowMs) throw new Error('it has ended');
  if (nbf !== undefined && (typeof nbf !== 'number' || nbf * 1_000 > nowMs + EARLY_MS)) throw new Error('it does not hold yet');
  return exp * 1_000;
}
