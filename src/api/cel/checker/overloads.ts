/** The functions that expressions of Kubernetes 1.36 may call, with the types that they take and give (cel-go stdlib and ext, apiserver cel/library, cel/environment base.go). */
import { parseType, splitTypes, type Type } from './type.ts';

export interface Overload {
  /** As it is written below, without the result: `(string).contains(string)`. */
  id: string;
  /** Called as `target.name()`; the target is the first of `args`. */
  member: boolean;
  args: readonly Type[];
  result: Type;
}

const SIZED = ['string', 'bytes', 'list(A)', 'map(A, B)'];
const ORDERED = ['bool', 'int', 'uint', 'double', 'string', 'bytes', 'timestamp', 'duration'];
const NUMBERS = ['int', 'uint', 'double'];
const QUANTITY = 'kubernetes.Quantity';
const SEMVER = 'kubernetes.Semver';
const DECISION = 'kubernetes.authorization.Decision';
const RESOURCE_CHECK = 'kubernetes.authorization.ResourceCheck';
const FORMATS = ['dns1123Label', 'dns1123Subdomain', 'dns1035Label', 'dns1123LabelPrefix', 'dns1123SubdomainPrefix', 'dns1035LabelPrefix', 'qualifiedName', 'labelValue', 'uri', 'uuid', 'byte', 'date', 'datetime'];

/** `name(args): result`, or `(target).name(args): result`. */
const OPERATORS = [
  '_?_:_(bool, A, A): A', '_&&_(bool, bool): bool', '_||_(bool, bool): bool', '!_(bool): bool', '_==_(A, A): bool', '_!=_(A, A): bool',
  ...['bytes', 'double', 'int', 'uint', 'string', 'list(A)'].map((type) => `_+_(${type}, ${type}): ${type}`),
  '_+_(duration, duration): duration', '_+_(duration, timestamp): timestamp', '_+_(timestamp, duration): timestamp',
  ...NUMBERS.flatMap((type) => ['_-_', '_*_', '_/_'].map((name) => `${name}(${type}, ${type}): ${type}`)),
  '_-_(duration, duration): duration', '_-_(timestamp, duration): timestamp', '_-_(timestamp, timestamp): duration',
  '_%_(int, int): int', '_%_(uint, uint): uint', '-_(int): int', '-_(double): double',
  ...['_<_', '_<=_', '_>_', '_>=_'].flatMap((name) => [...ORDERED.map((type) => [type, type]), ...NUMBERS.flatMap((a) => NUMBERS.filter((b) => b !== a).map((b) => [a, b]))].map(([a, b]) => `${name}(${a}, ${b}): bool`)),
  '_[_](list(A), int): A', '_[_](map(A, B), A): B', '_[_](optional_type(list(A)), int): optional_type(A)', '_[_](optional_type(map(A, B)), A): optional_type(B)',
  '_[?_](list(A), int): optional_type(A)', '_[?_](map(A, B), A): optional_type(B)', '_[?_](optional_type(list(A)), int): optional_type(A)', '_[?_](optional_type(map(A, B)), A): optional_type(B)',
  '@in(A, list(A)): bool', '@in(A, map(A, B)): bool',
];

const CONVERSIONS = [
  ...SIZED.flatMap((type) => [`size(${type}): int`, `(${type}).size(): int`]), 'type(A): type(A)', 'dyn(A): dyn',
  ...Object.entries({
    bool: 'bool string', bytes: 'bytes string', double: 'double int string uint', duration: 'duration int string', int: 'int double duration string timestamp uint',
    string: 'string bool bytes double duration int timestamp uint', timestamp: 'timestamp int string', uint: 'uint double int string',
  }).flatMap(([to, from]) => from.split(' ').map((type) => `${to}(${type}): ${to}`)),
];

const TIMES = [
  ...['getFullYear', 'getMonth', 'getDayOfYear', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'].flatMap((name) => [`(timestamp).${name}(): int`, `(timestamp).${name}(string): int`]),
  ...['getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'].map((name) => `(duration).${name}(): int`),
];

const STRINGS = [
  ...['contains', 'endsWith', 'startsWith', 'matches'].map((name) => `(string).${name}(string): bool`), 'matches(string, string): bool',
  '(string).charAt(int): string', '(string).indexOf(string): int', '(string).indexOf(string, int): int', '(string).lastIndexOf(string): int', '(string).lastIndexOf(string, int): int',
  '(string).lowerAscii(): string', '(string).upperAscii(): string', '(string).trim(): string', '(string).replace(string, string): string', '(string).replace(string, string, int): string',
  '(string).split(string): list(string)', '(string).split(string, int): list(string)', '(string).substring(int): string', '(string).substring(int, int): string',
  '(string).format(list(dyn)): string', 'strings.quote(string): string', '(list(string)).join(): string', '(list(string)).join(string): string',
  '(string).find(string): string', '(string).findAll(string): list(string)', '(string).findAll(string, int): list(string)',
];

const LISTS = [
  ...ORDERED.flatMap((type) => [`(list(${type})).isSorted(): bool`, `(list(${type})).min(): ${type}`, `(list(${type})).max(): ${type}`, `(list(${type})).sort(): list(${type})`]),
  ...[...NUMBERS, 'duration'].map((type) => `(list(${type})).sum(): ${type}`), '(list(A)).indexOf(A): int', '(list(A)).lastIndexOf(A): int',
  '(list(A)).slice(int, int): list(A)', '(list(list(A))).flatten(): list(A)', '(list(dyn)).flatten(int): list(dyn)', '(list(A)).distinct(): list(A)', '(list(A)).reverse(): list(A)', 'lists.range(int): list(int)',
  '(list(A)).first(): optional_type(A)', '(list(A)).last(): optional_type(A)',
  ...['contains', 'equivalent', 'intersects'].map((name) => `sets.${name}(list(A), list(A)): bool`),
];

const OPTIONALS = [
  'optional.of(A): optional_type(A)', 'optional.ofNonZeroValue(A): optional_type(A)', 'optional.none(): optional_type(A)', '(optional_type(A)).value(): A', '(optional_type(A)).hasValue(): bool',
  '(optional_type(A)).or(optional_type(A)): optional_type(A)', '(optional_type(A)).orValue(A): A', 'optional.unwrap(list(optional_type(A))): list(A)', '(list(optional_type(A))).unwrapOpt(): list(A)',
];

const LIBRARIES = [
  'url(string): kubernetes.URL', 'isURL(string): bool', ...['Scheme', 'Host', 'Hostname', 'Port', 'EscapedPath'].map((part) => `(kubernetes.URL).get${part}(): string`), '(kubernetes.URL).getQuery(): map(string, list(string))',
  `quantity(string): ${QUANTITY}`, 'isQuantity(string): bool', `(${QUANTITY}).sign(): int`, `(${QUANTITY}).isInteger(): bool`, `(${QUANTITY}).asInteger(): int`, `(${QUANTITY}).asApproximateFloat(): double`,
  ...['add', 'sub'].flatMap((name) => [QUANTITY, 'int'].map((type) => `(${QUANTITY}).${name}(${type}): ${QUANTITY}`)),
  ...[QUANTITY, SEMVER].flatMap((type) => [`(${type}).isLessThan(${type}): bool`, `(${type}).isGreaterThan(${type}): bool`, `(${type}).compareTo(${type}): int`]),
  ...['', ', bool'].flatMap((more) => [`semver(string${more}): ${SEMVER}`, `isSemver(string${more}): bool`]), ...['major', 'minor', 'patch'].map((part) => `(${SEMVER}).${part}(): int`),
  'ip(string): net.IP', 'isIP(string): bool', 'ip.isCanonical(string): bool', 'string(net.IP): string', '(net.IP).family(): int', ...['isUnspecified', 'isLoopback', 'isLinkLocalMulticast', 'isLinkLocalUnicast', 'isGlobalUnicast'].map((name) => `(net.IP).${name}(): bool`),
  'cidr(string): net.CIDR', 'isCIDR(string): bool', 'string(net.CIDR): string', '(net.CIDR).containsIP(string): bool', '(net.CIDR).containsIP(net.IP): bool', '(net.CIDR).containsCIDR(string): bool', '(net.CIDR).containsCIDR(net.CIDR): bool',
  '(net.CIDR).ip(): net.IP', '(net.CIDR).masked(): net.CIDR', '(net.CIDR).prefixLength(): int',
  'format.named(string): optional_type(kubernetes.NamedFormat)', '(kubernetes.NamedFormat).validate(string): optional_type(list(string))', ...FORMATS.map((name) => `format.${name}(): kubernetes.NamedFormat`),
];

const AUTHORIZATION = [
  '(kubernetes.authorization.Authorizer).path(string): kubernetes.authorization.PathCheck', '(kubernetes.authorization.Authorizer).group(string): kubernetes.authorization.GroupCheck', '(kubernetes.authorization.Authorizer).serviceAccount(string, string): kubernetes.authorization.Authorizer',
  `(kubernetes.authorization.PathCheck).check(string): ${DECISION}`, `(kubernetes.authorization.GroupCheck).resource(string): ${RESOURCE_CHECK}`, `(${RESOURCE_CHECK}).check(string): ${DECISION}`,
  ...['subresource', 'namespace', 'name', 'fieldSelector', 'labelSelector'].map((name) => `(${RESOURCE_CHECK}).${name}(string): ${RESOURCE_CHECK}`),
  `(${DECISION}).allowed(): bool`, `(${DECISION}).reason(): string`, `(${DECISION}).errored(): bool`, `(${DECISION}).error(): string`,
];

/** By name, of global functions with what stands before it: `sets.contains`. */
export const OVERLOADS: ReadonlyMap<string, readonly Overload[]> = byName([...OPERATORS, ...CONVERSIONS, ...TIMES, ...STRINGS, ...LISTS, ...OPTIONALS, ...LIBRARIES, ...AUTHORIZATION]);

/** What policies that change objects have beside these. */
export const PATCH_OVERLOADS: ReadonlyMap<string, readonly Overload[]> = byName(['jsonpatch.escapeKey(string): string']);

/** Names of types, which are values too: `type(x) == int`. */
export const TYPE_NAMES: ReadonlyMap<string, Type> = new Map(
  [...['bool', 'int', 'uint', 'double', 'string', 'bytes', 'list', 'map', 'type', 'null_type', 'optional_type'], ...['google.protobuf.Timestamp', 'google.protobuf.Duration', 'net.IP', 'net.CIDR', 'kubernetes.URL', 'kubernetes.NamedFormat', QUANTITY, SEMVER]]
    .map((name) => [name, { kind: 'type', name: 'type', parts: [parseType(name)] } as const]),
);

function byName(lines: readonly string[]): Map<string, Overload[]> {
  const made = new Map<string, Overload[]>();
  for (const line of lines) {
    const { name, overload } = parse(line);
    const before = made.get(name);
    if (before === undefined) made.set(name, [overload]);
    else before.push(overload);
  }
  return made;
}

function parse(line: string): { name: string; overload: Overload } {
  const result = line.lastIndexOf('): ');
  const target = /^\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)\.(?=\w+\()/.exec(line);
  const rest = line.slice(target?.[0].length ?? 0, result);
  const open = rest.indexOf('(');
  const args = [...(target === null ? [] : [target[1]!]), ...splitTypes(rest.slice(open + 1))].map(parseType);
  return { name: rest.slice(0, open), overload: { id: line.slice(0, result + 1), member: target !== null, args, result: parseType(line.slice(result + 3)) } };
}
