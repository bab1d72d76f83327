// Hostile C that reaches the code cage.
#include <signal.h>
#include <sys/syscall.h>

#include "tests/daemon/hostile_code.hpp"

namespace tinsmith::daemon {

namespace {

// System calls without a library, as a payload would make them.
std::string prelude() {
#if defined(__x86_64__)
    return "static inline long sys(long n, long a, long b, long c, long d) {\n"
           "  long r; register long r10 __asm__(\"r10\") = d;\n"
           "  __asm__ volatile(\"syscall\" : \"=a\"(r) : \"a\"(n), \"D\"(a), \"S\"(b), \"d\"(c), "
           "\"r\"(r10) : \"rcx\", \"r11\", \"memory\");\n  return r;\n}\n";
#else
    return "static inline long sys(long n, long a, long b, long c, long d) {\n"
           "  register long x8 __asm__(\"x8\") = n; register long x0 __asm__(\"x0\") = a;\n"
           "  register long x1 __asm__(\"x1\") = b; register long x2 __asm__(\"x2\") = c;\n"
           "  register long x3 __asm__(\"x3\") = d;\n"
           "  __asm__ volatile(\"svc 0\" : \"+r\"(x0) : \"r\"(x8), \"r\"(x1), \"r\"(x2), \"r\"(x3) "
           ": \"memory\");\n  return x0;\n}\n";
#endif
}

std::string decide(const std::string& body) {
    return prelude() + "int tinsmith_decide(const float *scores, int classes, float *memory) {\n" +
           body + "\n}\n";
}

std::string feature(const std::string& body) {
    return "void tinsmith_feature(const float *window, int length, int channels, float *out) {\n" +
           body + "\n}\n";
}

std::string call(long number, const std::string& arguments) {
    return "sys(" + std::to_string(number) + ", " + arguments + ")";
}
std::string open(const std::string& path, const std::string& flags) {
    return call(SYS_openat, "-100, (long)\"" + path + "\", " + flags + ", 0600");
}

// A call that succeeds without the cage and ends the program in it.
Hostile forbidden(const std::string& name, const std::string& body, Proof harm) {
    return {name, Wall::program, decide(body), std::move(harm), endsWithSignal(SIGSYS)};
}

Hostile wrongFeature(const std::string& name, const std::string& body, Proof harm,
                     const std::string& verdict, bool sourceRefuses = false) {
    Hostile hostile{name, Wall::answer, feature(body), std::move(harm), verdictIs(verdict)};
    hostile.kind = code::Kind::feature;
    hostile.sourceRefuses = sourceRefuses;
    return hostile;
}

void addFiles(std::vector<Hostile>& all) {
    const std::string secret = "{state}/secret";
    const std::string canary = "{state}/canary";
    const std::string path = "(long)\"" + canary + "\"";
    all.push_back(forbidden("opens /etc/passwd", "return " + open("/etc/passwd", "0") + ";",
                            answersAtLeast(3)));
    // "swor" as a number.
    all.push_back(forbidden("reads a secret",
                            "int word = 0; " +
                                call(SYS_read, open(secret, "0") + ", (long)&word, 4, 0") +
                                "; return word;",
                            answers(0x726f7773)));
    all.push_back(
        forbidden("empties a file", "return " + open(canary, "01001") + ";", canaryIs("")));
    all.push_back(forbidden("deletes a file",
                            "return " + call(SYS_unlinkat, "-100, " + path + ", 0, 0") + ";",
                            canaryIs("(gone)")));
    all.push_back(forbidden(
        "renames a file",
        "return " + call(SYS_renameat2, "-100, " + path + ", -100, (long)\"{state}/dead\"") + ";",
        stateHas("dead")));
    all.push_back(forbidden("makes a file", "return " + open("{state}/mark", "0101") + ";",
                            stateHas("mark")));
    all.push_back(
        forbidden("makes a folder",
                  "return " + call(SYS_mkdirat, "-100, (long)\"{state}/nest\", 0700, 0") + ";",
                  stateHas("nest")));
    all.push_back(forbidden("makes a symbolic link",
                            "return " +
                                call(SYS_symlinkat, "(long)\"" + secret +
                                                        "\", -100, (long)\"{state}/way\", "
                                                        "0") +
                                ";",
                            stateHas("way")));
    all.push_back(forbidden(
        "makes a hard link",
        "return " +
            call(SYS_linkat, "-100, (long)\"" + secret + "\", -100, (long)\"{state}/twin\"") + ";",
        stateHas("twin")));
    all.push_back(forbidden("opens a file to everybody",
                            "return " + call(SYS_fchmodat, "-100, " + path + ", 0777, 0") + ";",
                            answers(0)));
}

void addProcesses(std::vector<Hostile>& all) {
    all.push_back(
        forbidden("forks until it can no more",
                  "int n = 0; for (; n < 40; ++n) { long p = " + call(SYS_clone, "17, 0, 0, 0") +
                      "; if (p < 0) break; if (p == 0) for (;;) { long t[2] = {5, 0}; " +
                      call(SYS_nanosleep, "(long)t, 0, 0, 0") + "; } } return n;",
                  answers(40)));
    all.push_back(forbidden("executes a shell",
                            "const char *argv[] = {\"sh\", \"-c\", \"echo > {state}/shell\", 0}; "
                            "return " +
                                call(SYS_execve, "(long)\"/bin/sh\", (long)argv, 0, 0") + ";",
                            stateHas("shell")));
    all.push_back(forbidden("kills all it can", "return " + call(SYS_kill, "-1, 9, 0, 0") + ";",
                            peerIsDead()));
    all.push_back(forbidden("asks to be traced", "return " + call(SYS_ptrace, "0, 0, 0, 0") + ";",
                            answers(0)));
    all.push_back(forbidden(
        "sleeps", "long t[2] = {100, 0}; return " + call(SYS_nanosleep, "(long)t, 0, 0, 0") + ";",
        isStoppedBy("wall")));
    all.push_back(forbidden("makes a program in memory",
                            "return " + call(SYS_memfd_create, "(long)\"x\", 0, 0, 0") + ";",
                            answersAtLeast(3)));
    all.push_back(forbidden("maps memory to execute",
                            "return " + call(SYS_mmap, "0, 4096, 7, 0x22") + " != 0;", answers(1)));
    all.push_back(
        forbidden("makes its code writable",
                  "return " + call(SYS_mprotect, "(long)tinsmith_decide & -4096, 4096, 7, 0") + ";",
                  answers(0)));
    all.push_back(forbidden("ignores its limits",
                            "struct { long handler, flags, restorer, mask; } ignore = {1, 0, 0, "
                            "0}; return " +
                                call(SYS_rt_sigaction, "24, (long)&ignore, 0, 8") + ";",
                            answers(0)));
    all.push_back(forbidden(
        "changes its limits",
        "long both[2] = {7, 7}; return " + call(SYS_prlimit64, "0, 7, (long)both, 0") + ";",
        answers(0)));
    all.push_back(forbidden("outlives its parent", "return " + call(SYS_prctl, "1, 0, 0, 0") + ";",
                            answers(0)));
    all.push_back(forbidden("makes shared memory",
                            "return " + call(SYS_shmget, "0, 4096, 01600, 0") + ";",
                            answersAtLeast(0)));
    all.push_back(forbidden("watches files",
                            "return " + call(SYS_inotify_init1, "0, 0, 0, 0") + ";",
                            answersAtLeast(3)));
    all.push_back(forbidden("asks who it is", "return " + call(SYS_getpid, "0, 0, 0, 0") + ";",
                            answersAtLeast(2)));
    all.push_back(forbidden(
        "asks for the time",
        "long t[2]; return " + call(SYS_clock_gettime, "0, (long)t, 0, 0") + ";", answers(0)));
    all.push_back(forbidden("asks for chance",
                            "int x; return " + call(SYS_getrandom, "(long)&x, 4, 0, 0") + ";",
                            answers(4)));
#if defined(__x86_64__)
    // The 32-bit way in, which filters for 64 bits may not know.
    all.push_back(forbidden(
        "takes the 32-bit way",
        "int r; __asm__ volatile(\"int $0x80\" : \"=a\"(r) : \"a\"(20) : \"memory\"); return r;",
        answersAtLeast(2)));
#endif
}

void addNetwork(std::vector<Hostile>& all) {
    all.push_back(forbidden(
        "connects to a port",
        "unsigned char a[16] = {2, 0, {port} >> 8, {port} & 255, 127, 0, 0, 1}; long s = " +
            call(SYS_socket, "2, 1, 0, 0") + "; return " + call(SYS_connect, "s, (long)a, 16, 0") +
            ";",
        connected()));
    all.push_back(forbidden("opens a local socket",
                            "return " + call(SYS_socket, "1, 1, 0, 0") + ";", answersAtLeast(3)));
    all.push_back(forbidden(
        "makes a pair of sockets",
        "int two[2]; return " + call(SYS_socketpair, "1, 1, 0, (long)two") + ";", answers(0)));
}

// What it may do, too much of it.
void addExcess(std::vector<Hostile>& all) {
    const auto add = [&](const std::string& name, const std::string& body, Proof harm, Proof held,
                         bool sourceRefuses) {
        all.push_back({name, Wall::program, decide(body), std::move(harm), std::move(held)});
        all.back().sourceRefuses = sourceRefuses;
        if (!sourceRefuses) all.back().source.erase(0, prelude().size());
    };
    add("loops for ever", "for (;;) { memory[0] += scores[0]; }", isStopped(),
        both(endsWithSignal(SIGKILL), verdictIs("took too long")), false);
    add("writes without end", "for (;;) " + call(SYS_write, "1, (long)scores, 4096, 0") + ";",
        outputIsLargerThan(20'000'000), both(endsWithSignal(SIGXFSZ), outputIsAtMost(10'000)),
        true);
    add("complains without end",
        "for (;;) " + call(SYS_write, "2, (long)\"all work and no play \", 21, 0") + ";",
        isStoppedBy("output"), isStoppedBy("output"), true);
    add("reads what others should get",
        "for (int i = 0; i < 9; ++i) { " + call(SYS_read, "0, (long)memory, 128, 0") +
            "; } return 0;",
        ends(2), both(ends(2), verdictIs("did not run")), true);
    add("says that all is done",
        "int both[2] = {0, 0x45435354}; " + call(SYS_write, "1, (long)both, 8, 0") + "; " +
            call(SYS_exit_group, "0, 0, 0, 0") + "; return 0;",
        both(ends(0), outputIsAtMost(8)), verdictIs("did not come to its end"), true);
    add(
        "takes memory",
        "static char much[600000000]; for (int i = 0; i < 600000000; i += 4096) much[i] = 1; "
        "return much[8192];",
        answers(1),
        [](const Outcome& seen) {
            return seen.ran > 128 ? std::string() : "ended with " + std::to_string(seen.ran);
        },
        false);
    add("writes where nothing is", "*(int *)(scores - scores) = 1; return 0;",
        endsWithSignal(SIGSEGV), both(endsWithSignal(SIGSEGV), verdictIs("touched memory")), false);
    add("divides by nothing", "int none = classes - 2; return 7 / none;", endsWithSignal(SIGFPE),
        both(endsWithSignal(SIGFPE), verdictIs("by zero")), false);
    add("takes a huge frame",
        "float frame[4000000]; for (int i = 0; i < 4000000; ++i) frame[i] = scores[i & 1]; "
        "return frame[classes] > 0;",
        endsWithSignal(SIGSEGV), both(endsWithSignal(SIGSEGV), verdictIs("touched memory")), false);
    add("runs what is no instruction", "__builtin_trap(); return 0;", endsWithSignal(SIGILL),
        both(endsWithSignal(SIGILL), verdictIs("a signal")), true);
    all.push_back(
        {"recurses for ever", Wall::program,
         "static int deeper(int n) { int a[99]; for (int i = 0; i < 99; ++i) a[i] = n + i; "
         "return n < 0 ? 0 : deeper((a[n % 99] & 1023) + 1) + a[(n + 1) % 99]; }\n"
         "int tinsmith_decide(const float *scores, int classes, float *memory) { return "
         "deeper(classes); }",
         endsWithSignal(SIGSEGV), endsWithSignal(SIGSEGV)});
    all.back().sourceRefuses = false;
    all.push_back({"begins before us", Wall::program,
                   decide("return 0;") + "void tinsmith_code_start(void) { " +
                       open("{state}/mark", "0101") + "; " + call(SYS_exit_group, "0, 0, 0, 0") +
                       "; }\n",
                   stateHas("mark"), endsWithSignal(SIGSYS)});
}

void addAnswers(std::vector<Hostile>& all) {
    const Proof ran = ends(0);
    all.push_back(wrongFeature("gives no number",
                               "float none = window[0] - window[0]; out[0] = none / none; out[1] = "
                               "window[0];",
                               ran, "gave not a number as out[0]"));
    all.push_back(wrongFeature("gives infinity",
                               "float x = 1 + ts_abs(window[0]); for (int i = 0; i < 9; ++i) x *= "
                               "1e30f; out[0] = x; out[1] = -x;",
                               ran, "gave infinity as out[0]"));
    all.push_back(
        wrongFeature("leaves one out", "out[0] = window[0];", ran, "did not write out[1]"));
    all.push_back(wrongFeature("looks at nothing", "out[0] = 1; out[1] = 2;", ran,
                               "gives every window the same values"));
    all.push_back({"names a class that is none", Wall::answer,
                   "int tinsmith_decide(const float *scores, int classes, float *memory) { return "
                   "1000000; }",
                   answers(1000000), verdictIs("returned 1000000")});
    all.back().sourceRefuses = false;
    all.push_back({"always says the same", Wall::answer,
                   "int tinsmith_decide(const float *scores, int classes, float *memory) { return "
                   "1; }",
                   answers(1), verdictIs("returns 1 for every window")});
    all.back().sourceRefuses = false;
}

}  // namespace

std::vector<Hostile> hostilePrograms() {
    std::vector<Hostile> all;
    addFiles(all);
    addProcesses(all);
    addNetwork(all);
    addExcess(all);
    addAnswers(all);
    return all;
}

}  // namespace tinsmith::daemon
