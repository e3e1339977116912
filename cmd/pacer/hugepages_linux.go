package main

import "golang.org/x/sys/unix"

// hugePages asks the kernel to back memory by large pages, where it has some.
func hugePages(m []byte) { _ = unix.Madvise(m, unix.MADV_HUGEPAGE) }
