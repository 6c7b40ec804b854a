//go:build linux && (amd64 || arm64)

package document

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbidden are the system calls by which a process comes to anything outside of itself: files, sockets, programs, other
// processes, and the corners of the kernel where its own faults were found. What stays is memory, threads,
// the clock, and reading and writing what is open already. A list of what is allowed would be shorter to
// argue for, but the Go runtime's needs change with its versions, and a call that it misses ends in a crash here.
var forbidden = append([]uintptr{
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT,
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_RECVMMSG,
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_MKDIRAT, unix.SYS_MKNODAT,
	unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE,
	unix.SYS_UTIMENSAT, unix.SYS_SETXATTR, unix.SYS_CHDIR, unix.SYS_FCHDIR, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_MOUNT, unix.SYS_UMOUNT2,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_IO_URING_SETUP, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL,
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_MEMFD_CREATE, unix.SYS_INOTIFY_INIT1, unix.SYS_SHMGET, unix.SYS_MSGGET, unix.SYS_SEMGET, unix.SYS_MQ_OPEN,
}, olderCalls...)

// confine gives up all that reading a PDF does not need, for every thread of the process and for good. Of the limits only
// the filter has to succeed: in the service's sandbox the kernel refuses to set others, and systemd's are there.
func confine() error {
	runtime.LockOSThread()
	for _, l := range []struct {
		what int
		max  uint64
	}{
		{unix.RLIMIT_CPU, uint64(maxTime.Seconds())}, {unix.RLIMIT_FSIZE, 0}, {unix.RLIMIT_CORE, 0}, {unix.RLIMIT_NOFILE, 16},
		{unix.RLIMIT_DATA, 4 * maxMemory}, // the runtime's reserve of addresses counts as well
	} {
		_ = unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.max, Max: l.max})
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("couldn't give up new privileges: %w", err)
	}
	filter := filterOf(forbidden)
	p := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// TSYNC brings all threads under the filter, and with it under no_new_privs.
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(p))); errno == 0 {
		return nil
	}
	// systemd before 247 counts seccomp(2) among what a service has no need of; prctl does the same thread by thread.
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("couldn't give up new privileges: %w", errno)
	}
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(p)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("couldn't give up system calls: %w", errno)
	}
	return nil
}

// filterOf is the program that the kernel runs before each system call: calls of another architecture end the process,
// those that are listed are refused, and all others go on.
func filterOf(calls []uintptr) []unix.SockFilter {
	const number, arch = 0, 4 // in struct seccomp_data
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	equal := func(k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	f := []unix.SockFilter{load(arch), equal(auditArch, 1, 0), answer(unix.SECCOMP_RET_KILL_PROCESS), load(number),
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: 0x40000000, Jt: 0, Jf: 1}, answer(unix.SECCOMP_RET_KILL_PROCESS)} // x32
	for _, c := range calls {
		f = append(f, equal(uint32(c), 0, 1), answer(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)))
	}
	return append(f, answer(unix.SECCOMP_RET_ALLOW))
}
