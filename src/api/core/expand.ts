/** `$(NAME)` in commands, arguments and values of variables (core/v1 Container.command): `$$` is a dollar, the unknown stays as it is. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.includes('$') ? text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) => (name === undefined ? '$' : (lookup(name) ?? whole))) : text;
}
