/** What expressions about requests ask: the rights of the user (apiserver cel/library authz), and variables that are evaluated when first read. */
import type { Environment } from '@marcbachmann/cel-js';
import { define, type Value } from './define.ts';

/** What is asked: a verb on a resource or on a path. */
export interface AccessQuestion {
  verb: string;
  resource?: { group: string; plural: string; subresource?: string; namespace?: string; name?: string; fieldSelector?: string; labelSelector?: string };
  path?: string;
  /** Instead of the user of the request. */
  serviceAccount?: { namespace: string; name: string };
}

export type Ask = (question: AccessQuestion) => { allowed: boolean; reason: string };

/** `authorizer`; its own property `requestResource` is a check of what the request is about. */
export class Authorizer {
  readonly ask: Ask;
  readonly serviceAccount: AccessQuestion['serviceAccount'];
  readonly requestResource: ResourceCheck | null;

  constructor(ask: Ask, about?: AccessQuestion['resource'], serviceAccount?: AccessQuestion['serviceAccount']) {
    this.ask = ask;
    this.serviceAccount = serviceAccount;
    this.requestResource = about === undefined ? null : new ResourceCheck(this, about);
  }
}

class PathCheck {
  readonly authorizer: Authorizer;
  readonly path: string;

  constructor(authorizer: Authorizer, path: string) {
    this.authorizer = authorizer;
    this.path = path;
  }
}

class GroupCheck {
  readonly authorizer: Authorizer;
  readonly group: string;

  constructor(authorizer: Authorizer, group: string) {
    this.authorizer = authorizer;
    this.group = group;
  }
}

class ResourceCheck {
  readonly authorizer: Authorizer;
  readonly resource: NonNullable<AccessQuestion['resource']>;

  constructor(authorizer: Authorizer, resource: NonNullable<AccessQuestion['resource']>) {
    this.authorizer = authorizer;
    this.resource = resource;
  }
}

class Decision {
  readonly isAllowed: boolean;
  readonly why: string;

  constructor({ allowed, reason }: ReturnType<Ask>) {
    this.isAllowed = allowed;
    this.why = reason;
  }
}

/** Variables of a policy by name; each is evaluated once, when an expression reads it. */
export class LazyVariables extends Map<string, Value> {
  readonly #makers: ReadonlyMap<string, () => Value>;

  constructor(makers: ReadonlyMap<string, () => Value>) {
    super();
    this.#makers = makers;
  }

  override get(name: string): Value {
    if (!this.has(name)) {
      const make = this.#makers.get(name);
      if (make === undefined) return undefined;
      this.set(name, make());
    }
    return super.get(name);
  }
}

export function registerAdmission(environment: Environment): void {
  const at = 'kubernetes.authorization';
  for (const type of [Authorizer, PathCheck, GroupCheck, ResourceCheck, Decision]) environment.registerType(`${at}.${type.name}`, type);
  environment.registerType('kubernetes.Variables', LazyVariables);
  const with_ = (check: ResourceCheck, more: Partial<ResourceCheck['resource']>): ResourceCheck => new ResourceCheck(check.authorizer, { ...check.resource, ...more });
  define(environment, {
    [`${at}.Authorizer.path(string): ${at}.PathCheck`]: (authorizer: Authorizer, path: string) => new PathCheck(authorizer, path),
    [`${at}.Authorizer.group(string): ${at}.GroupCheck`]: (authorizer: Authorizer, group: string) => new GroupCheck(authorizer, group),
    [`${at}.Authorizer.serviceAccount(string, string): ${at}.Authorizer`]: ({ ask }: Authorizer, namespace: string, name: string) => new Authorizer(ask, undefined, { namespace, name }),
    [`${at}.PathCheck.check(string): ${at}.Decision`]: ({ authorizer, path }: PathCheck, verb: string) => new Decision(authorizer.ask({ verb, path, serviceAccount: authorizer.serviceAccount })),
    [`${at}.GroupCheck.resource(string): ${at}.ResourceCheck`]: ({ authorizer, group }: GroupCheck, plural: string) => new ResourceCheck(authorizer, { group, plural }),
    [`${at}.ResourceCheck.subresource(string): ${at}.ResourceCheck`]: (check: ResourceCheck, subresource: string) => with_(check, { subresource }),
    [`${at}.ResourceCheck.namespace(string): ${at}.ResourceCheck`]: (check: ResourceCheck, namespace: string) => with_(check, { namespace }),
    [`${at}.ResourceCheck.name(string): ${at}.ResourceCheck`]: (check: ResourceCheck, name: string) => with_(check, { name }),
    [`${at}.ResourceCheck.fieldSelector(string): ${at}.ResourceCheck`]: (check: ResourceCheck, fieldSelector: string) => with_(check, { fieldSelector }),
    [`${at}.ResourceCheck.labelSelector(string): ${at}.ResourceCheck`]: (check: ResourceCheck, labelSelector: string) => with_(check, { labelSelector }),
    [`${at}.ResourceCheck.check(string): ${at}.Decision`]: ({ authorizer, resource }: ResourceCheck, verb: string) => new Decision(authorizer.ask({ verb, resource, serviceAccount: authorizer.serviceAccount })),
    [`${at}.Decision.allowed(): bool`]: ({ isAllowed }: Decision) => isAllowed,
    [`${at}.Decision.reason(): string`]: ({ why }: Decision) => why,
    [`${at}.Decision.errored(): bool`]: () => false,
    [`${at}.Decision.error(): string`]: () => '',
  });
}
