/**
 * Flows of UDP, as the kernel follows them (conntrack): what it knows of one it does until no more datagrams come, whatever the rules say by then.
 *
 * Node has no netlink sockets. The program `conntrack` does it where it is installed, else Perl, which every Debian has.
 */
import { existsSync } from 'node:fs';
import { runAny } from './run.ts';

const PERL = '/usr/bin/perl';
const FEW = 64;

/** Forgets the UDP flows that are answered from there, each written as `address:port` or `[address]:port`. Rejects with why it cannot. */
export async function forgetFlows(targets: readonly string[], programs: { conntrack?: string | undefined } = {}): Promise<void> {
  if (targets.length === 0) return;
  // The program is run once for each.
  if (programs.conntrack !== undefined && (targets.length <= FEW || !existsSync(PERL))) {
    for (const target of targets) {
      const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(target) ?? [];
      await runAny(programs.conntrack, ['-D', '-f', address.includes(':') ? 'ipv6' : 'ipv4', '-p', 'udp', '--reply-src', address, '--reply-port-src', port]); // code 1: there was none
    }
    return;
  }
  await forgetByPerl(targets, "install the package 'conntrack'");
}

/**
 * Forgets the UDP flows to these places that are answered by nobody of those given for it; all written as for {@link forgetFlows}. For who does not know who answered before. Rejects with
 * why it cannot.
 */
export async function forgetFlowsToOthers(answering: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
  await forgetByPerl([...answering].map(([place, by]) => [place, ...by].join(',')), 'install Perl');
}

/** `ADDRESS:PORT` is who answers; `ADDRESS:PORT,ADDRESS:PORT,...` who is asked, and all who may answer. */
async function forgetByPerl(rules: readonly string[], advice: string): Promise<void> {
  if (rules.length === 0) return;
  if (!existsSync(PERL)) throw new Error(`flows of UDP to endpoints that are gone cannot be forgotten; ${advice}`);
  const six = rules.filter((each) => each.startsWith('['));
  const four = rules.filter((each) => !each.startsWith('['));
  for (const [family, own] of [['2', four], ['10', six]] as const) {
    if (own.length === 0) continue;
    // Not as arguments, of which there may be more than the kernel takes.
    const { code, stderr } = await runAny(PERL, ['-e', FORGET, family], { input: own.join('\n'), timeoutMs: 10_000 });
    if (code !== 0) throw new Error(`flows of UDP could not be forgotten: ${stderr.trim()}`);
  }
}

/** linux/netfilter/nfnetlink_conntrack.h: lists the flows of a family (type 0x101; AF_INET is 2, AF_INET6 10), and deletes (0x102) by their first tuple those that match. */
const FORGET = String.raw`
use strict;
use Socket qw(inet_pton);
my $family = shift @ARGV;
my $source = $family == 2 ? 1 : 3;
sub place { my ($a, $p) = $_[0] =~ /^\[?(.*?)\]?:(\d+)\s*$/; inet_pton($family, $a) . pack('n', $p) }
my (%gone, %kept);
for (<STDIN>) { my ($first, @others) = map { place($_) } split /,/; if (/,/) { $kept{$first} = { map { $_ => 1 } @others } } else { $gone{$first} = 1 } }
socket(my $s, 16, 3, 12) or die "netlink: $!";
sub attributes { my ($d) = @_; my %r; while (length($d) >= 4) { my ($l, $t) = unpack('SS', $d); last if $l < 4; $r{$t & 0x3fff} = substr($d, 4, $l - 4); my $n = ($l + 3) & ~3; $d = $n < length($d) ? substr($d, $n) : ''; } %r }
my $body = pack('CCn', $family, 0, 0);
send($s, pack('LSSLL', 16 + 4, 0x101, 0x301, 1, 0) . $body, 0) or die "list: $!";
my @found;
DUMP: while (1) {
  defined(recv($s, my $data, 1 << 20, 0)) or die "list: $!";
  while (length($data) >= 16) {
    my ($l, $t, $f) = unpack('LSS', $data);
    last DUMP if $t == 3;
    die "list: refused\n" if $t == 2;
    my %a = attributes(substr($data, 20, $l - 20));
    my %reply = attributes($a{2}); my %ip = attributes($reply{1} // ''); my %proto = attributes($reply{2} // '');
    my %asked = attributes($a{1}); my %to = attributes($asked{1} // ''); my %port = attributes($asked{2} // '');
    my $from = ($ip{$source} // '') . ($proto{2} // ''); my $kept = $kept{($to{$source + 1} // '') . ($port{3} // '')};
    push @found, $a{1} if unpack('C', $proto{1} // "\0") == 17 && ($gone{$from} || ($kept && !$kept->{$from}));
    my $n = ($l + 3) & ~3; $data = $n < length($data) ? substr($data, $n) : '';
  }
}
for my $tuple (@found) {
  my $p = $body . pack('SS', 4 + length($tuple), 0x8001) . $tuple;
  send($s, pack('LSSLL', 16 + length($p), 0x102, 0x5, 2, 0) . $p, 0) or die "delete: $!";
  recv($s, my $answer, 1 << 16, 0);
}
`;
