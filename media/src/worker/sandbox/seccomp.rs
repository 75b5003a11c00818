//! The system calls a locked worker may make: those that move memory, threads, time, and bytes of
//! files that are open already. All others fail; the few that only an intruder would try end it.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};

/// Allowed with any arguments. `clone3` fails in a filter of its own, in the way that makes libc
/// fall back to `clone`, whose flags can be looked at.
const ALLOWED: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_recvfrom,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_futex,
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_getpriority,
    libc::SYS_getcpu,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_select,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_pipe,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// No library of ours makes these by mistake.
const DEADLY: &[c_long] = &[
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_open_by_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
];

/// Closes the lock for all threads, for ever. False when this kernel or machine has no such lock.
/// With `reading`, files can still be opened for reading: which ones is for Landlock to say.
pub(super) fn apply(reading: bool) -> bool {
    // The allow-list comes last: it forbids adding further filters.
    [deadly(), missing(), allowed(reading)]
        .into_iter()
        .all(|filter| filter.is_some_and(|f| apply_filter_all_threads(&f).is_ok()))
}

fn compile(
    rules: BTreeMap<c_long, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Option<BpfProgram> {
    let machine = std::env::consts::ARCH.try_into().ok()?;
    SeccompFilter::new(rules, otherwise, matched, machine).ok()?.try_into().ok()
}

fn deadly() -> Option<BpfProgram> {
    let rules = DEADLY.iter().map(|call| (*call, vec![])).collect();
    compile(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

fn missing() -> Option<BpfProgram> {
    let rules = BTreeMap::from([(libc::SYS_clone3, vec![])]);
    compile(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))
}

fn allowed(reading: bool) -> Option<BpfProgram> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        ALLOWED.iter().map(|call| (*call, vec![])).collect();
    for (call, conditions) in conditional(reading)? {
        rules.entry(call).or_default().push(SeccompRule::new(conditions).ok()?);
    }
    compile(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
}

/// Allowed with these arguments only; several lines of one call are alternatives.
fn conditional(reading: bool) -> Option<Vec<(c_long, Vec<SeccompCondition>)>> {
    let small = |argument: u8, op: SeccompCmpOp, value: u64| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value).ok()
    };
    let large = |argument: u8, op: SeccompCmpOp, value: u64| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Qword, op, value).ok()
    };
    let own = u64::from(std::process::id());
    let thread = (libc::CLONE_VM | libc::CLONE_SIGHAND | libc::CLONE_THREAD) as u64;
    let spaces = (libc::CLONE_NEWNS
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP) as u64;
    let handle = libc::AT_EMPTY_PATH as u64;
    let with = |mask: u64, value: u64| (SeccompCmpOp::MaskedEq(mask), value);
    let (threads, thread) = with(thread | spaces, thread);
    let mut rules = vec![
        // Threads, never processes or name spaces.
        (libc::SYS_clone, vec![large(0, threads, thread)?]),
        (libc::SYS_kill, vec![small(0, SeccompCmpOp::Eq, own)?]),
        (libc::SYS_tgkill, vec![small(0, SeccompCmpOp::Eq, own)?]),
        // A pair without a name, by which GStreamer wakes its threads; it leads nowhere else.
        (
            libc::SYS_socketpair,
            vec![
                small(0, SeccompCmpOp::Eq, libc::AF_UNIX as u64)?,
                small(1, SeccompCmpOp::MaskedEq(0xf), libc::SOCK_STREAM as u64)?,
            ],
        ),
        // Bytes to the parent, never to an address.
        (libc::SYS_sendto, vec![large(4, SeccompCmpOp::Eq, 0)?]),
        // Reading limits, never setting them, and none but our own.
        (libc::SYS_prlimit64, vec![small(0, SeccompCmpOp::Eq, 0)?, large(2, SeccompCmpOp::Eq, 0)?]),
        // What an open file is, not what lies at a path.
        (libc::SYS_newfstatat, vec![small(3, SeccompCmpOp::MaskedEq(handle), handle)?]),
        (libc::SYS_statx, vec![small(2, SeccompCmpOp::MaskedEq(handle), handle)?]),
    ];
    // Flags and seals of open files; never whom a signal about one goes to.
    for command in [
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_SETFL,
        libc::F_ADD_SEALS,
        libc::F_GET_SEALS,
    ] {
        rules.push((libc::SYS_fcntl, vec![small(1, SeccompCmpOp::Eq, command as u64)?]));
    }
    // Names of threads and of memory, for those who look at the process from outside.
    for option in [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA] {
        rules.push((libc::SYS_prctl, vec![small(0, SeccompCmpOp::Eq, option as u64)?]));
    }
    if reading {
        let writing = (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_PATH) as u64;
        rules.push((libc::SYS_openat, vec![small(2, SeccompCmpOp::MaskedEq(writing), 0)?]));
        // What lies at a path may be asked for as well.
        rules.push((libc::SYS_newfstatat, vec![small(3, SeccompCmpOp::MaskedEq(handle), 0)?]));
    }
    Some(rules)
}
