"""What the process that decodes files of strangers gives up before it sees the first one.

A file may exploit a fault of its decoder; the process then has nothing to give: no network, no file but the pipes it
was handed, no other process. Linux does this by seccomp(2); limits on descriptors do most of it on any POSIX system.
"""

import errno
import os
import sys
from types import ModuleType

# The largest image that is read takes about 0.9 GB while it is converted.
MEMORY_ABOVE_BASE = 1536 * 2**20
_CLONE_THREAD = 0x00010000  # sched.h
_FORBIDDEN = (
    # network
    "socket socketpair connect accept accept4 bind listen sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg",
    # processes, and reaching into others
    "execve execveat fork vfork kill tkill rt_sigqueueinfo rt_tgsigqueueinfo ptrace process_vm_readv process_vm_writev",
    "process_madvise pidfd_open pidfd_getfd pidfd_send_signal kcmp setpgid setsid",
    # files
    "open openat openat2 creat open_by_handle_at name_to_handle_at unlink unlinkat rename renameat renameat2 mkdir",
    "mkdirat rmdir link linkat symlink symlinkat mknod mknodat chmod fchmod fchmodat fchmodat2 chown lchown fchown",
    "fchownat truncate setxattr lsetxattr fsetxattr removexattr lremovexattr utime utimes utimensat futimesat chdir",
    "fchdir chroot pivot_root mount umount2 move_mount open_tree fsopen fsmount fspick",
    # limits, and what a faulty kernel was most often attacked by
    "setrlimit prlimit64 setns unshare bpf perf_event_open io_uring_setup io_uring_enter io_uring_register userfaultfd",
    "keyctl add_key request_key init_module finit_module delete_module kexec_load kexec_file_load reboot swapon",
)


def confine() -> tuple[str, ...]:
    """Give up everything that decoding does not need; what is needed later must have been imported.

    Returns:
        A sentence for each thing that this system does not let go of; empty where all is forbidden.
    """
    # The limits forbid to open what these two need.
    seccomp, address_space = _seccomp(), _address_space()
    return (*_limit_resources(address_space), *_forbid_calls(seccomp))


def _limit_resources(address_space: int) -> list[str]:
    """Bound memory; forbid further descriptors, and by that opening files and connections, and core dumps."""
    try:
        import resource
    except ImportError:
        return ["Memory and files of the image reader are not limited on this system, only its time."]
    for limited in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        resource.setrlimit(limited, (0, 0))
    limit = address_space + MEMORY_ABOVE_BASE
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ValueError, OSError):
        return ["The memory of the image reader is not limited: the system refuses limits on address space."]
    return []


def _address_space() -> int:
    """Bytes of address space in use; 1 GB where the system does not tell, as on macOS."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 2**30


def _seccomp() -> ModuleType | None:
    if sys.platform != "linux":
        return None
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError):  # it looks for the system's libseccomp
        return None
    return pyseccomp


def _forbid_calls(seccomp: ModuleType | None) -> list[str]:
    """Have the system refuse calls for network, processes and files; threads may still be started."""
    if seccomp is None:
        return [
            "The image reader may start processes and change files by name, though open none, for there is no seccomp: "
            "on Linux install libseccomp2 (or libseccomp) and pyseccomp."
        ]
    refused = seccomp.ERRNO(errno.EPERM)
    rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    try:
        for name in " ".join(_FORBIDDEN).split():
            if _known(seccomp, name):
                rules.add_rule(refused, name)
        new_process = seccomp.Arg(0, seccomp.MASKED_EQ, _CLONE_THREAD, 0)
        rules.add_rule(refused, "clone", new_process)
        # Its flags lie in memory, where no filter sees them; the C library then takes clone.
        if _known(seccomp, "clone3"):
            rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
        # A process may end itself by a signal, as abort(3) does, but nobody else.
        rules.add_rule(refused, "tgkill", seccomp.Arg(0, seccomp.NE, os.getpid()))
        rules.load()
    except (OSError, ValueError) as error:
        return [f"The image reader may start processes and change files by name: seccomp refused its rules ({error})."]
    return []


def _known(seccomp: ModuleType, name: str) -> bool:
    """Whether this machine's architecture has a call of that name."""
    try:
        return bool(seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) >= 0)
    except (OSError, ValueError):
        return False
