package sim

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what this process has spent: unlike the clock on the wall it does not
// count what others on the machine do meanwhile.
func cpuTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}
