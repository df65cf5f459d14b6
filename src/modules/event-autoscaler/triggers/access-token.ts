/** Access tokens of OAuth 2 for a client of its own (RFC 6749, section 4.4), kept until shortly before they end. */
import { TriggerError, type Parameters } from './trigger.ts';
import { fetchText, parseJson, type AccessToken, type WebOptions } from './web.ts';

/** Asked for so long before the old one ends. */
const EARLY_MS = 10_000;
interface Way { body: URLSearchParams; headers: Readonly<Record<string, string>> }
interface TokenAnswer { access_token?: unknown; token_type?: unknown; expires_in?: unknown; error?: unknown }

/** By `oauthTokenURI`, `clientID`, `clientSecret`, and where they are there `scopes` (commas) and `endpointParams` (a query). Throws TriggerError. */
export function accessToken(parameters: Parameters, { ca, cert, key, unsafeSsl, timeoutMs }: Pick<WebOptions, 'ca' | 'cert' | 'key' | 'unsafeSsl' | 'timeoutMs'>): AccessToken {
  const url = parameters.needed('oauthTokenURI');
  const [id, secret] = [parameters.needed('clientID'), parameters.needed('clientSecret')];
  if (URL.parse(url) === null) throw new TriggerError('oauthTokenURI is no http or https address');
  const form = new URLSearchParams(parameters.text('endpointParams') ?? '');
  form.set('grant_type', 'client_credentials');
  const scopes = parameters.list('scopes');
  if (scopes.length > 0) form.set('scope', scopes.join(' '));
  const basic = `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;
  const inBody = new URLSearchParams([...form, ['client_id', id], ['client_secret', secret]]);
  /** A server takes the client's secret in a header, or in the form: which of them is found out once. */
  const ways: readonly Way[] = [{ body: form, headers: { authorization: basic } }, { body: inBody, headers: {} }];
  let way: Way | undefined;
  let held: { header: string; untilMs: number } | undefined;
  let underWay: Promise<string> | undefined;

  async function ask({ body, headers }: Way, signal: AbortSignal): Promise<string> {
    const text = await fetchText(url, { ca, cert, key, unsafeSsl, timeoutMs, method: 'POST', headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }, body: body.toString() }, signal);
    const { access_token: token, token_type: type, expires_in: seconds } = parseJson(text, URL.parse(url)!.host) as TokenAnswer;
    if (typeof token !== 'string' || token === '') throw new Error(`${URL.parse(url)!.host} gave no access_token`);
    const header = `${typeof type === 'string' && type.toLowerCase() !== 'bearer' ? type : 'Bearer'} ${token}`;
    held = { header, untilMs: Number(seconds) > 0 ? performance.now() + Number(seconds) * 1_000 - EARLY_MS : Infinity };
    return header;
  }

  async function fresh(signal: AbortSignal): Promise<string> {
    let failure: unknown;
    for (const each of way === undefined ? ways : [way]) {
      try {
        const header = await ask(each, signal);
        way = each;
        return header;
      } catch (error) {
        failure ??= error;
      }
    }
    throw new Error(`no access token: ${(failure as Error).message}`, { cause: failure });
  }

  return {
    async header(signal) {
      if (held !== undefined && performance.now() < held.untilMs) return held.header;
      underWay ??= fresh(signal).finally(() => (underWay = undefined));
      return underWay;
    },
    forget: () => void (held = undefined),
  };
}
