/** Patterns of images in the configuration of credential providers, and in what they answer (kubelet.config.k8s.io/v1 CredentialProvider.matchImages). Pure. */

/** `registry.io:8080` of `registry.io:8080/team/app`. */
export function registryOf(repository: string): string {
  return repository.split('/')[0]!;
}

/** As many parts of the domain, each fitting, where `*` stands for any letters within one; the same port; and a path that the image's begins with. */
export function matchesImage(pattern: string, repository: string): boolean {
  const [wanted, image] = [splitImage(pattern.replace(/^https?:\/\//, '')), splitImage(repository)];
  return wanted.port === image.port && wanted.parts.length === image.parts.length && image.path.startsWith(wanted.path) && wanted.parts.every((part, index) => fits(part, image.parts[index]!));
}

function splitImage(text: string): { parts: string[]; port: string; path: string } {
  const [registry = '', ...path] = text.split('/');
  const [host = '', port = ''] = registry.split(/:(?=\d+$)/);
  return { parts: host.split('.'), port, path: path.length === 0 ? '' : `/${path.join('/')}` };
}

function fits(pattern: string, part: string): boolean {
  const source = pattern.replaceAll(/[\\^$+.()|{}[\]]/g, '\\$&').replaceAll(/\*+/g, '.*').replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(part);
}
