# Runs a program that must not outlive whoever started it, and clears up.
#   keeper run|clear DIR BRIDGE CGROUP PROGRAM...
# run: standard input is a pipe from our owner. The name of a signal ends the
# program with it, and we end too. The pipe's end means that the owner is gone or
# has had enough: kill everything, clear up. With namespaces of our own we are process 1:
# when we end, by whatever, the kernel ends all the rest.
# clear: remove what an earlier run left.
mode=$1 dir=$2 bridge=$3 cgroup=$4
shift 4

clear_up() {
	grep -oE " $dir/[^ ]+" /proc/self/mounts | sort -r | xargs -r umount -l
	[ -z "$bridge" ] || { ip link show "$bridge" >/dev/null 2>&1 && ip link del "$bridge"; }
	[ -z "$cgroup" ] || find /sys/fs/cgroup -depth -type d \( -path "*/$cgroup" -o -path "*/$cgroup/*" \) -exec rmdir {} + 2>/dev/null
	rm -rf --one-file-system "$dir"
	[ ! -e "$dir" ]
}

if [ "$mode" = clear ]; then
	clear_up
	exit
fi
if [ $$ = 1 ]; then
	mount -t proc proc /proc || exit
fi
exec 3<&0 </dev/null
{ read -r signal && echo "$signal" >"$dir/signal"; } <&3 &
owner=$!
"$@" 3<&- &
program=$!
wait -n -p first $owner $program
code=$?
if [ "$first" = $program ]; then
	exit $code
fi
if [ $code = 0 ]; then
	kill -"$(<"$dir/signal")" $program
	wait $program
	exit
fi
if [ $$ = 1 ]; then
	kill -KILL -1
	while kill -0 -1 2>/dev/null; do sleep 0.01; done
else
	kill -KILL $program
	wait $program
fi
clear_up
