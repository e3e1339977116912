package lb

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// ackedBytes is how many bytes of what we sent the other side's kernel has
// confirmed (tcpi_bytes_acked, RFC 4898 tcpEStatsAppHCThruOctetsAcked, Linux 4.1);
// -1 where the kernel does not say.
func ackedBytes(c net.Conn) int64 {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return -1
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1
	}
	acked := int64(-1)
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.Bytes_acked > 0 {
			acked = int64(info.Bytes_acked) - 1 // the SYN is counted
		}
	})
	return acked
}
