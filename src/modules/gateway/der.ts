/** The names that certificates of the gateway bear, in DER. */
import { implicit, oid, sequence, set, utf8 } from '../../api/certificates/der.ts';

const COMMON_NAME = oid('2.5.4.3');
const MOST_CHARACTERS = 64;

/** A Name (X.509) with a common name, cut to its 64 characters. */
export function nameOf(commonName: string): Buffer {
  return sequence(set(sequence(COMMON_NAME, utf8(commonName.slice(0, MOST_CHARACTERS)))));
}

/** GeneralNames of DNS names. */
export function altNamesOf(names: readonly string[]): Buffer {
  return sequence(...names.map((name) => implicit(2, Buffer.from(name))));
}
