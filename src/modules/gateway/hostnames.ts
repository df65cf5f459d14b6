/** Hostnames of listeners and routes: precise (`a.example.com`), wildcard (`*.example.com`, any labels in its place) or none (all). Pure. */

/** Whether a name, precise itself, falls under the pattern. */
function covers(pattern: string | undefined, name: string): boolean {
  if (pattern === undefined || pattern === '') return true;
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1 : name === pattern;
}

/** What both allow: the narrower of the two; undefined when nothing is. '' allows all. */
export function intersection(listener: string | undefined, route: string): string | undefined {
  const one = listener ?? '';
  if (one === '' || one === route) return route;
  if (route === '') return one;
  const [oneIsWild, otherIsWild] = [one.startsWith('*.'), route.startsWith('*.')];
  if (oneIsWild && otherIsWild) return route.endsWith(one.slice(1)) ? route : one.endsWith(route.slice(1)) ? one : undefined;
  if (oneIsWild) return covers(one, route) ? route : undefined;
  if (otherIsWild) return covers(route, one) ? one : undefined;
  return undefined;
}

/** Of a route: the hostnames that hold on a listener, each with the narrowest one that the route says for it; empty when the two have none in common. */
export function hostnamesOn(listener: string | undefined, route: readonly string[] | undefined): Map<string, string> {
  if (route === undefined || route.length === 0) return new Map([[listener ?? '', '']]);
  const found = new Map<string, string>();
  for (const said of route.toSorted(compareHostnames)) {
    const hostname = intersection(listener, said);
    if (hostname !== undefined && !found.has(hostname)) found.set(hostname, said);
  }
  return found;
}

/** The order in which hostnames are tried: precise before wildcard before none, longer before shorter. */
export function compareHostnames(one: string, other: string): number {
  const rank = (name: string): number => (name === '' ? 2 : name.startsWith('*.') ? 1 : 0);
  return rank(one) - rank(other) || other.length - one.length || (one < other ? -1 : one > other ? 1 : 0);
}
