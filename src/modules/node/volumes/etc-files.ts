/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a pod. Pure texts (DNS for Services and Pods; HostAliases). */
import type { PodSpec } from '../../../api/generated/core-v1.ts';

export interface DnsFacts {
  clusterDomain: string;
  dnsServiceIp: string;
  /** The machine's own /etc/resolv.conf. */
  hostResolvConf: string;
}

export function hostsText(options: { hostname: string; subdomain?: string; namespace: string; clusterDomain: string; ips: readonly string[]; aliases?: PodSpec['hostAliases'] }): string {
  const lines = ['# Kubernetes-managed hosts file.', '127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback', 'fe00::0\tip6-localnet', 'fe00::0\tip6-mcastprefix', 'fe00::1\tip6-allnodes', 'fe00::2\tip6-allrouters'];
  const names = options.subdomain ? `${options.hostname}.${options.subdomain}.${options.namespace}.svc.${options.clusterDomain}\t${options.hostname}` : options.hostname;
  for (const ip of options.ips) lines.push(`${ip}\t${names}`);
  if (options.aliases !== undefined && options.aliases.length > 0) {
    lines.push('', '# Entries added by HostAliases.');
    for (const alias of options.aliases) lines.push(`${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`);
  }
  return `${lines.join('\n')}\n`;
}

export function resolvConfText(spec: PodSpec, namespace: string, dns: DnsFacts): string {
  const policy = spec.dnsPolicy ?? 'ClusterFirst';
  const clusterFirst = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && spec.hostNetwork !== true);
  const base = policy === 'None' ? { nameservers: [], searches: [], options: [] }
    : clusterFirst ? { nameservers: [dns.dnsServiceIp], searches: [...['', 'svc.'].map((part) => (part === '' ? `${namespace}.svc.${dns.clusterDomain}` : `${part}${dns.clusterDomain}`)), dns.clusterDomain, ...parse(dns.hostResolvConf).searches], options: ['ndots:5'] }
      : parse(dns.hostResolvConf);
  const config = spec.dnsConfig;
  const nameservers = unique([...base.nameservers, ...(config?.nameservers ?? [])]).slice(0, 3);
  const searches = unique([...base.searches, ...(config?.searches ?? [])]).slice(0, 32);
  const own = (config?.options ?? []).map((option) => (option.value === undefined ? option.name! : `${option.name}:${option.value}`));
  const options = [...base.options.filter((each) => !own.some((option) => option.split(':')[0] === each.split(':')[0])), ...own];
  const lines = [...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []), ...nameservers.map((each) => `nameserver ${each}`), ...(options.length > 0 ? [`options ${options.join(' ')}`] : [])];
  return `${lines.join('\n')}\n`;
}

function parse(text: string): { nameservers: string[]; searches: string[]; options: string[] } {
  const words = text.split('\n').map((line) => line.trim().split(/\s+/));
  const after = (key: string): string[][] => words.filter((line) => line[0] === key).map((line) => line.slice(1));
  return { nameservers: after('nameserver').map((line) => line[0] ?? '').filter((each) => each !== ''), searches: after('search').at(-1)?.filter((each) => each !== '.') ?? [], options: after('options').flat() };
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)];
}
