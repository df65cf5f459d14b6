/** Names of signers, such as `example.com/issuer`: a domain of at least two labels, and a path. */
import { invalid, required, type FieldError } from '../field-error.ts';

const SIGNER = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\.[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$/;

export function signerNameErrors(name: string | undefined, path: string): FieldError[] {
  if (!name) return [required(path)];
  return SIGNER.test(name) ? [] : [invalid(path, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"')];
}
