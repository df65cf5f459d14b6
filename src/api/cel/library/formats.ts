/** Named formats (apiserver cel/library format): `!format.dns1123Label().validate(self.name).hasValue()`. */
import type { Environment } from '@marcbachmann/cel-js';
import { dns1035LabelErrors, dns1123LabelErrors, dns1123SubdomainErrors, generateNameErrors, labelKeyErrors, labelValueErrors } from '../../names.ts';
import { formatError } from '../../schema/formats.ts';
import { define, defineNamespace, type Value } from './define.ts';
import { optionals } from './optionals.ts';

class NamedFormat {
  readonly name: string;
  readonly errors: (text: string) => string[];

  constructor(name: string, errors: (text: string) => string[]) {
    this.name = name;
    this.errors = errors;
  }
}

const ofSchema = (format: string, text: string) => (value: string): string[] => (formatError(format, value) ? [text] : []);

const FORMATS = new Map(Object.entries({
  dns1123Label: dns1123LabelErrors, dns1123Subdomain: dns1123SubdomainErrors, dns1035Label: dns1035LabelErrors,
  dns1123LabelPrefix: (text: string) => generateNameErrors(text, dns1123LabelErrors), dns1123SubdomainPrefix: (text: string) => generateNameErrors(text, dns1123SubdomainErrors),
  dns1035LabelPrefix: (text: string) => generateNameErrors(text, dns1035LabelErrors), qualifiedName: labelKeyErrors, labelValue: labelValueErrors,
  uri: ofSchema('uri', 'invalid URI'), uuid: ofSchema('uuid', 'does not match the UUID format'), byte: ofSchema('byte', 'invalid base64'),
  date: ofSchema('date', 'invalid date'), datetime: ofSchema('date-time', 'invalid datetime'),
}).map(([name, errors]) => [name, new NamedFormat(name, errors)] as const));

export function registerFormats(environment: Environment): void {
  environment.registerType('kubernetes.NamedFormat', NamedFormat);
  environment.registerOperator('kubernetes.NamedFormat == kubernetes.NamedFormat', (a: NamedFormat, b: NamedFormat) => a.name === b.name);
  const namespace = defineNamespace(environment, 'format');
  const { of, none } = optionals();
  const functions: Record<string, (...args: Value[]) => Value> = {
    [`${namespace}.named(string): optional<kubernetes.NamedFormat>`]: (_: unknown, name: string) => (FORMATS.has(name) ? of(FORMATS.get(name)) : none()),
    'kubernetes.NamedFormat.validate(string): optional<list<string>>': (format: NamedFormat, text: string) => {
      const errors = format.errors(text);
      return errors.length === 0 ? none() : of(errors);
    },
  };
  for (const [name, format] of FORMATS) functions[`${namespace}.${name}(): kubernetes.NamedFormat`] = () => format;
  define(environment, functions);
}
