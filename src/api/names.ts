/** What names, label keys and label values may look like, said in upstream's words (apimachinery util/validation). [] means valid. */

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const DNS1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const KEY = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const VALUE = `(${KEY})?`;
const CONFIG_KEY = '[-._a-zA-Z0-9]+';

const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`);
const LABEL_RE = whole(LABEL);
const SUBDOMAIN_RE = whole(SUBDOMAIN);
const DNS1035_RE = whole(DNS1035);
const KEY_RE = whole(KEY);
const VALUE_RE = whole(VALUE);
const CONFIG_KEY_RE = whole(CONFIG_KEY);

const LABEL_SHAPE = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const SUBDOMAIN_SHAPE = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const DNS1035_SHAPE = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const KEY_SHAPE = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const VALUE_SHAPE = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const CONFIG_KEY_SHAPE = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";

/** A check of one string. */
export type NameCheck = (text: string) => string[];

/** Most names: Namespace, Node, Service ports' owners, containers. At most 63 characters. */
export function dns1123LabelErrors(text = ''): string[] {
  const errors = tooLong(text, 63);
  if (!LABEL_RE.test(text)) errors.push(SUBDOMAIN_RE.test(text) ? 'must not contain dots' : wrongShape(LABEL_SHAPE, LABEL, 'my-name', '123-abc'));
  return errors;
}

/** The names of most objects. At most 253 characters. */
export function dns1123SubdomainErrors(text = ''): string[] {
  const errors = tooLong(text, 253);
  if (!SUBDOMAIN_RE.test(text)) errors.push(wrongShape(SUBDOMAIN_SHAPE, SUBDOMAIN, 'example.com'));
  return errors;
}

/** The names of Services. At most 63 characters. */
export function dns1035LabelErrors(text = ''): string[] {
  const errors = tooLong(text, 63);
  if (!DNS1035_RE.test(text)) errors.push(wrongShape(DNS1035_SHAPE, DNS1035, 'my-name', 'abc-123'));
  return errors;
}

/** Names that need only be safe in a path: RBAC objects. */
export function pathSegmentErrors(text = ''): string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`];
  return ['/', '%'].filter((part) => text.includes(part)).map((part) => `may not contain '${part}'`);
}

/** Label and annotation keys, finalizers: `[prefix/]name`. */
export function labelKeyErrors(text = ''): string[] {
  const parts = text.split('/');
  const shape = wrongShape(KEY_SHAPE, KEY, 'MyName', 'my.name', '123-abc');
  if (parts.length > 2) return [`a valid label key ${shape} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  const errors: string[] = [];
  const [prefix, name = ''] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (prefix === '') errors.push('prefix part must be non-empty');
  else if (prefix !== undefined) errors.push(...dns1123SubdomainErrors(prefix).map((error) => `prefix part ${error}`));
  if (name === '') errors.push('name part must be non-empty');
  else errors.push(...tooLong(name, 63).map((error) => `name part ${error}`));
  if (!KEY_RE.test(name)) errors.push(`name part ${shape}`);
  return errors;
}

export function labelValueErrors(text = ''): string[] {
  const errors = tooLong(text, 63);
  if (!VALUE_RE.test(text)) errors.push(wrongShape(VALUE_SHAPE, VALUE, 'MyValue', 'my_value', '12345'));
  return errors;
}

/** Keys of ConfigMaps and Secrets. */
export function configMapKeyErrors(text = ''): string[] {
  const errors = tooLong(text, 253);
  if (!CONFIG_KEY_RE.test(text)) errors.push(wrongShape(CONFIG_KEY_SHAPE, CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name'));
  return [...errors, ...dotErrors(text)];
}

/** Names of environment variables, as Kubernetes has them from 1.34 on: printable ASCII without `=`. */
export function relaxedEnvVarNameErrors(text = ''): string[] {
  if (text === '') return ['environment variable name must be non-empty'];
  return /^[ -<>-~]*$/.test(text) ? [] : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** Names of container and service ports (IANA_SVC_NAME). */
export function portNameErrors(text = ''): string[] {
  const errors = tooLong(text, 15);
  if (!/^[-a-z0-9]+$/.test(text)) errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(text)) errors.push('must contain at least one letter (a-z)');
  if (text.includes('--')) errors.push('must not contain consecutive hyphens');
  if (text.startsWith('-') || text.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

export function portNumberErrors(port: number): string[] {
  return rangeErrors(port, { min: 1, max: 65535 });
}

function rangeErrors(number: number, range: { min: number; max: number }): string[] {
  return number >= range.min && number <= range.max ? [] : [`must be between ${range.min} and ${range.max}, inclusive`];
}

/** `errors` of a generateName: what is appended makes a trailing dash valid. */
export function generateNameErrors(prefix: string, check: NameCheck): string[] {
  return check(prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix);
}

function dotErrors(text: string): string[] {
  if (text === '.' || text === '..') return [`must not be '${text}'`];
  return text.startsWith('..') ? ["must not start with '..'"] : [];
}

function tooLong(text: string, maxBytes: number): string[] {
  return Buffer.byteLength(text) > maxBytes ? [`must be no more than ${maxBytes} characters`] : [];
}

/** Says what a text must look like, with examples and the pattern. */
export function wrongShape(shape: string, pattern: string, ...examples: string[]): string {
  const such = examples.map((example) => `'${example}', `).join(' or ');
  return `${shape} (${such === '' ? '' : `e.g. ${such}`}regex used for validation is '${pattern}')`;
}
