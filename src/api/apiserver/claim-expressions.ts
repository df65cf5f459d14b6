/** What expressions of an AuthenticationConfiguration see: the claims of a token, or the user that was made of them (upstream: apiserver/pkg/authentication/cel). */
import type { Scope } from '../cel/checker/check.ts';
import { listOf, mapOf, objectOf, STRING, DYN, type Type } from '../cel/checker/type.ts';
import type { Environment } from '../cel/environment.ts';
import { cel } from '../cel/lazy.ts';

export type Seen = 'claims' | 'user';

const USER = objectOf('kubernetes.UserInfo', new Map<string, Type>([['username', STRING], ['uid', STRING], ['groups', listOf(STRING)], ['extra', mapOf(STRING, listOf(STRING))]]));
const TYPES: Readonly<Record<Seen, Type>> = { claims: mapOf(STRING, DYN), user: USER };

const environments = new Map<Seen, Environment>();

export function claimsEnvironment(seen: Seen): Environment {
  let environment = environments.get(seen);
  if (environment === undefined) environments.set(seen, (environment = cel().createEnvironment({ [seen]: 'map<string, dyn>' })));
  return environment;
}

export function scopeOf(seen: Seen): Scope {
  return { variables: new Map([[seen, TYPES[seen]]]) };
}
