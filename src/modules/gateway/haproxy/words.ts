/** Words of a configuration file of HAProxy, so that no value of a user's can end the word that it stands in. */

/** A value that no configuration can say, such as one with a line break. */
export class Unsayable extends Error {}

/** One word, taken as it is. Throws Unsayable. */
export function quoted(value: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) throw new Unsayable(`${JSON.stringify(value.slice(0, 60))} holds control characters`);
  return `'${value.replaceAll("'", `'"'"'`)}'`;
}

/** Within a format: no variable stands in it. */
export function literal(value: string): string {
  return value.replaceAll('%', '%%');
}

/** Names in the arguments of a fetch, such as `req.fhdr(NAME)`, and of headers and cookies; no word in quotes, as what follows a `#` would be a comment elsewhere. Throws Unsayable. */
export function argument(name: string): string {
  if (!/^[A-Za-z0-9!#$%&*+.^_`|~:-]+$/.test(name)) throw new Unsayable(`the name ${JSON.stringify(name.slice(0, 60))} cannot be asked for`);
  return name.replaceAll('#', '\\#');
}
