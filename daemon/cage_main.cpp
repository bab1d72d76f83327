// tinsmith-cage MODE PROCESSES UID FOLDER PROGRAM [ARGS…]: the last step into a cage, run by
// bubblewrap inside of it. Gives up root (UID >= 0), bounds the number of processes, forbids system
// calls (MODE `compile`, `run` or `code`), becomes PROGRAM.
//
// In mode `run` nothing can be executed after PROGRAM, itself excepted: the filter lets only
// execveat on one descriptor through, that descriptor closes as PROGRAM starts, and no other file
// can get its number because the limit of open files lies below it by then.
//
// In mode `code` PROGRAM reads and writes two files that are open already and ends; any other
// system call kills it. Being without a library it needs none to start.

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "handlers/code/run_format.hpp"

namespace {

constexpr int kProgramFd = 500;

[[noreturn]] void die(const char* what, int error) {
    std::fprintf(stderr, "tinsmith-cage: %s: %s\n", what, std::strerror(error));
    std::_Exit(126);
}

void must(int result, const char* what) {
    if (result < 0) die(what, errno);
}

// What no caged program needs and what has let others out of theirs.
constexpr int kForbidden[] = {
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
};

constexpr scmp_datum_t kNamespaces[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                                        CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};

void rule(scmp_filter_ctx filter, int action, int call) {
    if (const int failed = seccomp_rule_add(filter, static_cast<std::uint32_t>(action), call, 0);
        failed < 0) {
        die("system call filter", -failed);
    }
}

void rule(scmp_filter_ctx filter, int call, scmp_arg_cmp argument) {
    if (const int failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1, argument);
        failed < 0) {
        die("system call filter", -failed);
    }
}

void forbid(bool run) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter) die("system call filter", ENOMEM);
    constexpr int denied = static_cast<int>(SCMP_ACT_ERRNO(EPERM));
    for (const int call : kForbidden) rule(filter, denied, call);
    // Its flags are behind a pointer, which filters cannot follow; libc falls back to clone.
    rule(filter, static_cast<int>(SCMP_ACT_ERRNO(ENOSYS)), SCMP_SYS(clone3));
    if (run) {
        rule(filter, denied, SCMP_SYS(fork));
        rule(filter, denied, SCMP_SYS(vfork));
        rule(filter, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
        rule(filter, denied, SCMP_SYS(execve));
        rule(filter, SCMP_SYS(execveat), SCMP_A0(SCMP_CMP_NE, kProgramFd));
    } else {
        for (const auto flag : kNamespaces) {
            rule(filter, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
        }
    }
    if (const int failed = seccomp_load(filter); failed < 0) die("system call filter", -failed);
    seccomp_release(filter);
}

// Reading, writing and ending; becoming the program.
void allowOnlyComputing() {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter) die("system call filter", ENOMEM);
    constexpr int allowed = static_cast<int>(SCMP_ACT_ALLOW);
    for (const int call : {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(exit), SCMP_SYS(exit_group)})
        rule(filter, allowed, call);
    if (const int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(execveat), 1,
                                            SCMP_A0(SCMP_CMP_EQ, kProgramFd));
        failed < 0) {
        die("system call filter", -failed);
    }
    if (const int failed = seccomp_load(filter); failed < 0) die("system call filter", -failed);
    // Not released: giving memory back is a system call too.
}

void openAs(int wanted, const char* name, int flags) {
    const int file = open(name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
    must(file, name);
    must(dup2(file, wanted), name);
}

void giveUpRoot(uid_t uid) {
    must(setgroups(0, nullptr), "groups");
    must(setresgid(uid, uid, uid), "group");
    must(setresuid(uid, uid, uid), "user");
}

void limit(__rlimit_resource which, rlim_t value, const char* what) {
    const rlimit both{value, value};
    must(setrlimit(which, &both), what);
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 6) {
        std::fprintf(
            stderr,
            "usage: tinsmith-cage compile|run|code PROCESSES UID FOLDER PROGRAM [ARGS...]\n");
        return 126;
    }
    const std::string_view mode = arguments[1];
    const long processes = std::strtol(arguments[2], nullptr, 10);
    const long uid = std::strtol(arguments[3], nullptr, 10);
    if (uid >= 0) giveUpRoot(static_cast<uid_t>(uid));
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "privileges");
    // Counted per user and user namespace since Linux 5.14, so it bounds this cage alone; one more
    // for bubblewrap's own.
    limit(RLIMIT_NPROC, static_cast<rlim_t>(processes) + 1, "process limit");
    must(chdir(arguments[4]), arguments[4]);
    if (mode == "code") {
        openAs(0, tinsmith::code::kRunInputFile, O_RDONLY);
        openAs(1, tinsmith::code::kRunOutputFile, O_WRONLY | O_CREAT | O_TRUNC);
    }
    char** command = arguments + 5;
    const int program = open(command[0], O_PATH | O_CLOEXEC);
    must(program, command[0]);
    if (program != kProgramFd) must(dup3(program, kProgramFd, O_CLOEXEC), "descriptor");
    must(close_range(3, kProgramFd - 1, 0), "descriptors");
    must(close_range(kProgramFd + 1, ~0U, 0), "descriptors");
    limit(RLIMIT_NOFILE, kProgramFd, "open files limit");
    if (mode == "code") {
        allowOnlyComputing();
    } else {
        forbid(mode == "run");
    }
    syscall(SYS_execveat, kProgramFd, "", command, environ, AT_EMPTY_PATH);
    die(command[0], errno);
}
