package document

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// olderCalls are those that newer architectures do not have any more.
var olderCalls []uintptr
