/** Image references as upstream normalises them (distribution/reference): `web` means `docker.io/library/web:latest`. */

export interface ImageName {
  /** With registry and path, without tag and digest: `docker.io/library/web`. */
  repository: string;
  tag?: string;
  digest?: string;
  /** Whether the name as given had no registry: such an image may also be one built here, `localhost/web`. */
  short: boolean;
}

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const HOST = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?';
const FORM = new RegExp(`^((?:${HOST}/)?${COMPONENT}(?:/${COMPONENT})*)(?::([\\w][\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$`);

/** Gives undefined for what is no reference (InvalidImageName). */
export function parseImageName(text: string): ImageName | undefined {
  if (text.length > 4_096 || /^[0-9a-f]{64}$/.test(text)) return undefined;
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, name = '', tag, digest] = match;
  const { registry, path } = splitRegistry(name);
  if (registry === undefined && /[A-Z]/.test(path)) return undefined;
  const repository = registry === undefined || registry === 'docker.io' ? `docker.io/${path.includes('/') ? path : `library/${path}`}` : `${registry}/${path}`;
  return { repository, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest, short: registry === undefined };
}

/** `docker.io/library/web:latest`, with a digest instead of the tag where there is one. */
export function imageNameText(name: ImageName): string {
  return name.digest === undefined ? `${name.repository}:${name.tag}` : `${name.repository}@${name.digest}`;
}

/** The names under which the store may hold the image, best first: a short name is also looked for among those built here. */
export function candidateNames(name: ImageName): readonly string[] {
  const full = imageNameText(name);
  return name.short ? [`localhost/${full.slice('docker.io/'.length).replace(/^library\//, '')}`, full] : [full];
}

function splitRegistry(name: string): { registry: string | undefined; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isRegistry = first === 'localhost' || /[.:[A-Z]/.test(first);
  return isRegistry ? { registry: first === 'index.docker.io' ? 'docker.io' : first, path: name.slice(slash + 1) } : { registry: undefined, path: name };
}
