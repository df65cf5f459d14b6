/** Who a token speaks for, by the rules of an AuthenticationConfiguration (upstream: plugin/pkg/authenticator/token/oidc). */
import type { JwtAuthenticator, PrefixedClaimOrExpression } from '../../../api/apiserver/authentication-configuration.ts';
import { claimsEnvironment, type Seen } from '../../../api/apiserver/claim-expressions.ts';
import { cel } from '../../../api/cel/lazy.ts';
import type { UserInfo } from '../../../sdk/module.ts';
import type { Claims } from './signature.ts';

const AUTHENTICATED = 'system:authenticated';

type Evaluate = (value: unknown) => unknown;

/** Compiles the rules once. What is given throws an Error that says which rule the claims do not keep. */
export function userOfClaimsBy({ claimMappings, claimValidationRules = [], userValidationRules = [] }: JwtAuthenticator): (claims: Claims) => UserInfo {
  const username = mapping(claimMappings.username, 'username');
  const groups = mapping(claimMappings.groups ?? {}, 'groups');
  const uid = mapping(claimMappings.uid ?? {}, 'uid');
  const extra = (claimMappings.extra ?? []).map(({ key, valueExpression }) => ({ key, evaluate: expression(valueExpression, 'claims') }));
  const claimRules = claimValidationRules.map(({ claim = '', requiredValue = '', expression: text = '', message = '' }) => (claim === '' ? rule(text, message, 'claims') : sameValue(claim, requiredValue)));
  const userRules = userValidationRules.map(({ expression: text, message = '' }) => rule(text, message, 'user'));
  return (claims) => {
    for (const check of claimRules) check(claims);
    const name = username(claims);
    if (typeof name !== 'string' || name === '') throw new Error('the username is no text, or an empty one');
    if (claimMappings.username.claim === 'email' && claims['email_verified'] !== undefined && claims['email_verified'] !== true) throw new Error('email not verified');
    const id = uid(claims);
    if (id !== undefined && typeof id !== 'string') throw new Error('the uid is no text');
    const more = Object.fromEntries(extra.map(({ key, evaluate }) => [key, textsOf(evaluate(claims), key)] as const).filter(([, values]) => values.length > 0));
    const user = { username: name, uid: id ?? '', groups: textsOf(groups(claims), 'groups'), extra: more };
    for (const check of userRules) check(user);
    return { name, ...(user.uid === '' ? {} : { uid: user.uid }), groups: [...new Set([...user.groups, AUTHENTICATED])], ...(Object.keys(more).length === 0 ? {} : { extra: more }) };
  };
}

/** What becomes of a claim, or of an expression over all of them; undefined where there is neither. */
function mapping({ claim = '', prefix = '', expression: text = '' }: PrefixedClaimOrExpression, what: 'username' | 'groups' | 'uid'): (claims: Claims) => unknown {
  if (text !== '') return expression(text, 'claims');
  if (claim === '') return () => undefined;
  return (claims) => {
    const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
    if (value === undefined && what !== 'groups') throw new Error(`there is no claim ${claim}, of which the ${what} is made`);
    if (what === 'groups') return value === undefined ? undefined : textsOf(value, 'groups').map((group) => prefix + group);
    return typeof value === 'string' ? prefix + value : value;
  };
}

function expression(text: string, seen: Seen): Evaluate {
  const { compileExpression, untypedToCel, fromCel, Budget } = cel();
  const program = compileExpression(claimsEnvironment(seen), text);
  return (value) => fromCel(program.evaluate({ [seen]: untypedToCel(value) }, new Budget()) as never);
}

function rule(text: string, message: string, seen: Seen): (value: unknown) => void {
  const evaluate = expression(text, seen);
  return (value) => {
    if (evaluate(value) !== true) throw new Error(`validation expression '${text}' failed: ${message}`);
  };
}

function sameValue(claim: string, wanted: string): (claims: Claims) => void {
  return (claims) => {
    if (!Object.hasOwn(claims, claim)) throw new Error(`required claim ${claim} not present in ID token`);
    if (claims[claim] !== wanted) throw new Error(`required claim ${claim} value does not match`);
  };
}

/** A text is one of them, an empty one none; so is null. */
function textsOf(value: unknown, what: string): string[] {
  if (value === undefined || value === null) return [];
  const all = Array.isArray(value) ? value : [value];
  if (!all.every((each): each is string => typeof each === 'string')) throw new Error(`the ${what} are no text, and no list of texts`);
  return all.filter((each) => each !== '');
}
