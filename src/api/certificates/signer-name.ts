/** Names of signers, such as `example.com/issuer`: a domain of at least two labels, and a path that holds `namespace.name`. Source: kubernetes pkg/apis/certificates, ValidateSignerName. */
import { invalid, required, tooLong, type FieldError } from '../field-error.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../names.ts';

const MOST_DOMAIN = 253;
/** A domain, a namespace and a name, with what stands between them. */
const MOST_NAME = MOST_DOMAIN + 63 + 253 + 2;

export function signerNameErrors(name: string | undefined, path: string): FieldError[] {
  if (!name) return [required(path)];
  const [domain = '', tail, ...more] = name.split('/');
  if (tail === undefined || more.length > 0) return [invalid(path, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"')];
  const labels = domain.split('.');
  const errors = domain.length > MOST_DOMAIN ? [tooLong(path, MOST_DOMAIN)] : [];
  errors.push(...firstWrong(labels, dns1123LabelErrors).map((why) => invalid(path, domain, why)));
  if (labels.length < 2) errors.push(invalid(path, domain, 'should be a domain with at least two segments separated by dots'));
  errors.push(...firstWrong(tail.split('.'), dns1123SubdomainErrors).map((why) => invalid(path, tail, why)));
  return name.length > MOST_NAME ? [...errors, tooLong(path, MOST_NAME)] : errors;
}

/** What is wrong with the first label that is: of the others the same would be said. */
function firstWrong(labels: readonly string[], errorsOf: (label: string) => string[]): string[] {
  for (const label of labels) {
    const errors = errorsOf(label);
    if (errors.length > 0) return errors.map((each) => `validating label ${JSON.stringify(label)}: ${each}`);
  }
  return [];
}
