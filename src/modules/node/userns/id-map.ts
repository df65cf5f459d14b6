/**
 * Mounts that show other owners (mount_setattr(2), MOUNT_ATTR_IDMAP), and a user namespace that lasts without a process. Node.js has neither call, the
 * machine's perl can make them. Arguments: file that keeps the namespace, first id of the machine, number of ids, then pairs of source and target.
 */
import { runAny } from '../../../base/sys/run.ts';

const SCRIPT = String.raw`
use strict; use Fcntl; use POSIX ();
my $empty = '';
my ($keep, $base, $size, @pairs) = @ARGV;
my ($unshare, $here) = ((POSIX::uname())[4] eq 'aarch64' ? 97 : 272, -100);
if ((stat($keep))[0] != (stat('/proc/self/ns/user'))[0]) {
  pipe(my $ready, my $tell); pipe(my $wait, my $end);
  my $pid = fork() // die "fork: $!\n";
  if ($pid == 0) { close $ready; close $end; syscall($unshare, 0x10000000) == 0 or exit 1; syswrite($tell, 'x'); sysread($wait, my $byte, 1); exit 0; }
  close $tell; close $wait;
  (sysread($ready, my $byte, 1) // 0) == 1 or die "the machine gives no user namespace\n";
  for my $map ('uid_map', 'gid_map') { open(my $file, '>', "/proc/$pid/$map") or die "$map: $!\n"; (syswrite($file, "0 $base $size\n") // 0) > 0 or die "$map: $!\n"; close $file; }
  system('mount', '--bind', "/proc/$pid/ns/user", $keep) == 0 or die "the user namespace could not be kept\n";
  close $end; waitpid($pid, 0);
}
sysopen(my $ns, $keep, O_RDONLY) or die "$keep: $!\n";
while (my ($source, $target) = splice(@pairs, 0, 2)) {
  my $tree = syscall(428, $here, $source, 0x80001);
  die "$source cannot be mounted: $!\n" if $tree < 0;
  my $attributes = pack('QQQQ', 0x100000, 0, 1 << 18, fileno($ns));
  syscall(442, $tree, $empty, 0x1000, $attributes, 32) == 0 or die "the owners of $source cannot be mapped, its file system or this kernel does not know how: $!\n";
  syscall(429, $tree, $empty, $here, $target, 4) == 0 or die "$target: $!\n";
}
`;

/** Makes the namespace when it is not kept yet, then the mounts. Rejects in plain words. */
export async function mapOwners(options: { keep: string; base: number; size: number; pairs: readonly { source: string; target: string }[] }): Promise<void> {
  const { code, stderr } = await runAny('perl', ['-e', SCRIPT, options.keep, String(options.base), String(options.size), ...options.pairs.flatMap(({ source, target }) => [source, target])], { timeoutMs: 30_000 });
  if (code !== 0) throw new Error(stderr.trim().slice(-1_000) || `perl ended with code ${code}`);
}
