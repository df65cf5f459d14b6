/** Authenticate: who asks, by client certificate or bearer token (upstream: x509, service account and JWT authenticators). */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { BOOTSTRAP_TOKEN_TYPE, bootstrapEndMs, bootstrapGroups, bootstrapSecretName, bootstrapValue, mayBootstrap, parseBootstrapToken } from '../../api/core/bootstrap-token.ts';
import type { Secret } from '../../api/core/secret.ts';
import type { Clock } from '../../base/clock.ts';
import type { UserInfo } from '../../sdk/module.ts';
import type { Store } from '../store/store.ts';
import type { Claims, Holder, TokenSigner } from './identity/tokens.ts';
import { userOfClaims } from './identity/tokens.ts';
import type { OutsideAuthenticator } from './jwt/authenticator.ts';

export interface Authenticator {
  /** undefined when the request names nobody or nobody that is known. */
  ofRequest(http: IncomingMessage): UserInfo | undefined;
  /** When the certificate ends by which a request names somebody; undefined where it does not. */
  certificateEndMs(http: IncomingMessage): number | undefined;
  /** Also for TokenReview. */
  ofToken(token: string, audiences?: readonly string[]): UserInfo | undefined;
  /** The same for tokens of issuers outside, whose keys may have to be asked for. It is to be asked only where nobody is known otherwise; absent where no issuer is configured. */
  readonly outside?: {
    ofRequest(http: IncomingMessage): Promise<UserInfo | undefined>;
    ofToken(token: string, audiences?: readonly string[]): Promise<UserInfo | undefined>;
  };
  /** Those of `audiences` that a good token is for. */
  audiencesOf(token: string, audiences: readonly string[]): readonly string[];
}

const PROTOCOL = 'base64url.bearer.authorization.k8s.io.';
const AUTHENTICATED = 'system:authenticated';
/** How long the signature of a token that was found good is taken for good without another look; what it is bound to is looked at each time. */
const REMEMBER_MS = 10_000;
const REMEMBER_MOST = 1_000;

export interface AuthenticatorOptions {
  tokens: TokenSigner;
  store: Store;
  clock: Clock;
  audiences: readonly string[];
  outside?: OutsideAuthenticator;
}

/** A token that was found good. */
interface Known {
  user: UserInfo;
  /** Of our own tokens: what they are bound to. */
  claims?: Claims;
  untilMs: number;
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const bySocket = new WeakMap<object, UserInfo | 'nobody'>();
  const ends = new WeakMap<object, number>();
  // Those that reviews ask about for other audiences stand apart: no text that somebody sends as a token must be the key of one of them.
  const [forUs, forOthers] = [new Map<string, Known>(), new Map<string, Known>()];
  const memoryFor = (audiences: readonly string[]): Map<string, Known> => (audiences === options.audiences ? forUs : forOthers);
  const keyFor = (token: string, audiences: readonly string[]): string => (audiences === options.audiences ? token : JSON.stringify([token, ...audiences]));
  const remember = (token: string, audiences: readonly string[], known: Known): UserInfo => {
    const memory = memoryFor(audiences);
    if (memory.size >= REMEMBER_MOST) memory.clear();
    memory.set(keyFor(token, audiences), known);
    return known.user;
  };
  /** Not bound to an audience of ours: it is for this server. */
  const isForUs = (audiences: readonly string[]): boolean => audiences.some((each) => options.audiences.includes(each));
  const ofSocket = (http: IncomingMessage): UserInfo | undefined => {
    const socket = socketOf(http);
    let user = bySocket.get(socket);
    if (user === undefined) bySocket.set(socket, (user = userOfCertificate(socket) ?? 'nobody'));
    return user === 'nobody' ? undefined : user;
  };
  const ofToken = (token: string, audiences: readonly string[] = options.audiences): UserInfo | undefined => {
    const nowMs = options.clock.nowMs();
    const bootstrap = parseBootstrapToken(token);
    if (bootstrap !== undefined) return isForUs(audiences) ? userOfBootstrapToken(options.store, bootstrap, nowMs) : undefined;
    const memory = memoryFor(audiences);
    const key = keyFor(token, audiences);
    const known = memory.get(key);
    if (known !== undefined && known.untilMs > nowMs && (known.claims === undefined || stillBound(options.store, known.claims, nowMs))) return known.user;
    memory.delete(key);
    const claims = options.tokens.verify(token, nowMs);
    if (claims === undefined || !claims.aud.some((each) => audiences.includes(each)) || !stillBound(options.store, claims, nowMs)) return undefined;
    return remember(token, audiences, { user: userOfClaims(claims), claims, untilMs: Math.min(nowMs + REMEMBER_MS, claims.exp * 1_000) });
  };
  return {
    ofToken,
    ...(options.outside === undefined ? {} : { outside: outsideOf(options.outside) }),
    certificateEndMs(http) {
      const socket = socketOf(http);
      if (http.headers.authorization !== undefined || socket.authorized !== true) return undefined;
      let endMs = ends.get(socket);
      if (endMs === undefined) ends.set(socket, (endMs = Date.parse(socket.getPeerCertificate().valid_to)));
      return endMs;
    },
    audiencesOf(token, audiences) {
      const claims = parseBootstrapToken(token) === undefined ? options.tokens.verify(token, options.clock.nowMs()) : undefined;
      return audiences.filter((each) => (claims?.aud ?? options.audiences).includes(each));
    },
    ofRequest(http) {
      const token = tokenOf(http);
      if (token === undefined) return ofSocket(http);
      // A subprotocol that is no token of ours is another's affair, a header is not.
      return ofToken(token) ?? (http.headers.authorization === undefined ? ofSocket(http) : undefined);
    },
  };

  function outsideOf(outside: OutsideAuthenticator): NonNullable<Authenticator['outside']> {
    const ofOutsideToken = async (token: string, audiences: readonly string[] = options.audiences): Promise<UserInfo | undefined> => {
      if (!isForUs(audiences)) return undefined;
      const found = await outside.ofToken(token);
      return found === undefined ? undefined : remember(token, audiences, { user: found.user, untilMs: Math.min(options.clock.nowMs() + REMEMBER_MS, found.endMs) });
    };
    return {
      ofToken: ofOutsideToken,
      async ofRequest(http) {
        const token = tokenOf(http);
        return token === undefined ? undefined : ofOutsideToken(token);
      },
    };
  }
}

const BEARER = /^Bearer +(\S+) *$/i;

/** The token that a request brings. Browsers can set no header on a WebSocket: theirs comes as a subprotocol (upstream: request/websocket/protocol.go). */
function tokenOf({ headers }: IncomingMessage): string | undefined {
  if (headers.authorization !== undefined) return BEARER.exec(headers.authorization)?.[1];
  const offered = headers['sec-websocket-protocol']?.split(',').map((each) => each.trim()).find((each) => each.startsWith(PROTOCOL));
  return offered === undefined ? undefined : Buffer.from(offered.slice(PROTOCOL.length), 'base64url').toString();
}

function socketOf(http: IncomingMessage): TLSSocket {
  const { stream } = http as unknown as { stream?: { session?: { socket: TLSSocket } } };
  return stream?.session?.socket ?? (http.socket as TLSSocket);
}

/** Common name and organizations of a certificate that our authority signed. */
function userOfCertificate(socket: TLSSocket): UserInfo | undefined {
  if (socket.authorized !== true) return undefined;
  const certificate = socket.getPeerCertificate();
  const subject = certificate?.subject as { CN?: string | string[]; O?: string | string[] } | undefined;
  const name = [subject?.CN ?? []].flat()[0];
  if (name === undefined) return undefined;
  const credential = `X509SHA256=${(certificate.fingerprint256 ?? '').replaceAll(':', '').toLowerCase()}`;
  return { name, groups: [...[subject?.O ?? []].flat(), AUTHENTICATED], extra: { 'authentication.kubernetes.io/credential-id': [credential] } };
}

/** Who comes with a bootstrap token: its Secret must have it, be in force, and say that it is for this. */
function userOfBootstrapToken(store: Store, { id, secret }: { id: string; secret: string }, nowMs: number): UserInfo | undefined {
  const kept = store.get(`/core/secrets/kube-system/${bootstrapSecretName(id)}`)?.object as Secret | undefined;
  if (kept === undefined || kept.metadata.deletionTimestamp !== undefined || kept.type !== BOOTSTRAP_TOKEN_TYPE) return undefined;
  const [right, given] = [Buffer.from(bootstrapValue(kept, 'token-secret')), Buffer.from(secret)];
  if (right.length !== given.length || !timingSafeEqual(right, given) || bootstrapValue(kept, 'token-id') !== id) return undefined;
  if (bootstrapEndMs(kept) <= nowMs || !mayBootstrap(kept, 'authentication')) return undefined;
  const groups = bootstrapGroups(kept);
  return groups === undefined ? undefined : { name: `system:bootstrap:${id}`, groups: [...groups, AUTHENTICATED] };
}

/** How long after its time to go something may still be named by a token, for clocks that differ (upstream: serviceaccount/claims.go, jwt.DefaultLeeway). */
const LEEWAY_MS = 60_000;

/** A token ends with its service account and with the pod that it was made for: when these are gone, or should have been for a minute. */
function stillBound(store: Store, claims: Claims, nowMs: number): boolean {
  const own = claims['kubernetes.io'];
  const lives = (path: string, of: Holder | undefined): boolean => {
    if (of === undefined) return true;
    const { uid, deletionTimestamp } = store.get(`/core/${path}/${of.name}`)?.object.metadata ?? {};
    return uid !== undefined && uid === of.uid && (deletionTimestamp === undefined || Date.parse(deletionTimestamp) >= nowMs - LEEWAY_MS);
  };
  // A pod outlives no node; a token for a node itself ends with it.
  const node = own.pod === undefined ? own.node : undefined;
  return lives('nodes', node) && lives(`serviceaccounts/${own.namespace}`, own.serviceaccount) && lives(`pods/${own.namespace}`, own.pod) && lives(`secrets/${own.namespace}`, own.secret);
}
