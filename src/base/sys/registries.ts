/**
 * Registries of images as the configuration names them: mirrors, authorities of their own, plain HTTP. They become the files that skopeo
 * reads (containers-registries.conf(5), containers-certs.d(5)); without any the files of the machine under /etc/containers hold.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Registry {
  /** `host[:port][/path]`: images whose name begins so. */
  location: string;
  /** Tried first, in this order; `host[:port][/path]` instead of the location. */
  mirrors: readonly string[];
  /** Plain HTTP, or a certificate that nobody vouches for, is taken. */
  insecure: boolean;
  /** PEM of the authority that signed the certificate, of the registry or its mirrors. */
  caFile?: string;
}

export interface RegistryFiles {
  /** `--registries-conf`; undefined lets that of the machine hold. */
  conf?: string;
  /** `--src-cert-dir` and the like; undefined where no authority is named. */
  certFolder?: string;
  /** Whether an image comes from elsewhere than its name says. */
  isMirrored(image: string): boolean;
}

const LOCATION = /^[a-zA-Z0-9.-]+(:\d{1,5})?(\/[a-z0-9._/-]+)?$/;
const KEYS = ['location', 'mirrors', 'insecure', 'caFile'];

/** `modules.node.registries`. Throws with what is wrong. */
export function registriesOf(value: unknown): Registry[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error("modules.node.registries must be a list, for instance [{ location: 'docker.io', mirrors: ['mirror.example.com:5000'] }]");
  return value.map((each: Record<string, unknown>, index): Registry => {
    const path = `modules.node.registries[${index}]`;
    if (typeof each !== 'object' || each === null) throw new Error(`${path} must be a mapping`);
    for (const key of Object.keys(each)) if (!KEYS.includes(key)) throw new Error(`unknown key '${path}.${key}'; known here: ${KEYS.join(', ')}`);
    const { location, mirrors = [], insecure = false, caFile } = each;
    const isLocation = (text: unknown): text is string => typeof text === 'string' && LOCATION.test(text);
    if (!isLocation(location)) throw new Error(`${path}.location must be host[:port][/path], not ${JSON.stringify(location)}`);
    if (!Array.isArray(mirrors) || !mirrors.every(isLocation)) throw new Error(`${path}.mirrors must be a list of host[:port][/path]`);
    if (typeof insecure !== 'boolean') throw new Error(`${path}.insecure must be true or false`);
    if (caFile !== undefined && (typeof caFile !== 'string' || !existsSync(caFile))) throw new Error(`${path}.caFile: there is no file ${JSON.stringify(caFile)}`);
    return { location, mirrors, insecure, ...(caFile === undefined ? {} : { caFile }) };
  });
}

/** `host:port` of the registry on this machine: `modules.registry.port`, default 5000. Throws with what is wrong. */
export function localRegistryAddress({ port = 5000 }: Readonly<Record<string, unknown>>): string {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`modules.registry.port must be a port from 1 to 65535, not ${JSON.stringify(port)}`);
  return `127.0.0.1:${port}`;
}

/** Pure: the text of registries.conf. */
export function registriesConf(registries: readonly Registry[]): string {
  const table = ({ location, mirrors, insecure }: Registry): string => [
    '[[registry]]', `location = ${JSON.stringify(location)}`, `insecure = ${insecure}`,
    ...mirrors.flatMap((mirror) => ['[[registry.mirror]]', `location = ${JSON.stringify(mirror)}`, `insecure = ${insecure}`]),
  ].join('\n');
  return `${registries.map(table).join('\n\n')}\n`;
}

/** Writes the files into a folder of their own, which is replaced. */
export function writeRegistries(folder: string, registries: readonly Registry[]): RegistryFiles {
  rmSync(folder, { recursive: true, force: true });
  if (registries.length === 0) return { isMirrored: () => false };
  const certFolder = join(folder, 'certs');
  mkdirSync(certFolder, { recursive: true, mode: 0o711 });
  const conf = join(folder, 'registries.conf');
  writeFileSync(conf, registriesConf(registries));
  const withFile = registries.filter((each) => each.caFile !== undefined);
  withFile.forEach(({ caFile }, index) => copyFileSync(caFile!, join(certFolder, `${index}.crt`)));
  return {
    conf,
    ...(withFile.length === 0 ? {} : { certFolder }),
    isMirrored: (image) => registries.some(({ location, mirrors }) => mirrors.length > 0 && `${image}/`.startsWith(location)),
  };
}
