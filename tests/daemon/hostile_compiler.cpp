// Hostile C for the compiler, and what it makes of hostile C.
#include <signal.h>

#include "tests/daemon/hostile_code.hpp"

namespace tinsmith::daemon {

namespace {

const std::string kFunction =
    "int tinsmith_decide(const float *scores, int classes, float *memory) { return 0; }\n";

std::string decide(const std::string& body) {
    return "int tinsmith_decide(const float *scores, int classes, float *memory) {\n" + body +
           "\n}\n";
}

// #define names first … last, each twice the one before.
std::string doubling(const std::string& seed, const std::string& joint, int times) {
    std::string text = "#define A0 " + seed + "\n";
    for (int i = 1; i <= times; ++i) {
        const std::string before = "A" + std::to_string(i - 1);
        text += "#define A" + std::to_string(i) + " " + before + joint + before + "\n";
    }
    return text;
}

// Reads what is not its own: the compiler prints or packs it, in the cage there is nothing to read.
void addReaders(std::vector<Hostile>& all) {
    const auto says = [&](const std::string& name, const std::string& source) {
        all.push_back({name, Wall::compiler, source + kFunction, compilerSays(kSecret),
                       both(compilerSaysNothingOf(kSecret), compilerSays("No such file"))});
    };
    says("includes a secret", "#include \"{state}/secret\"\n");
    says("includes a secret by a digraph", "%:include \"{state}/secret\"\n");
    says("includes a secret over a line splice", "#incl\\\nude \"{state}/secret\"\n");
    says("includes a secret by a macro", "#define FILE \"{state}/secret\"\n#include FILE\n");
    says("includes a secret from below /proc", "#include \"/proc/self/root{state}/secret\"\n");
    for (const std::string file : {"/etc/passwd", "/etc/group"}) {
        // The compiler stumbles over its first line, if there is one.
        all.push_back({"includes " + file, Wall::compiler,
                       "#include \"" + file + "\"\n" + kFunction, compilerSays(file + ":1:"),
                       both(compilerSaysNothingOf(file + ":1:"), compilerSays("No such file"))});
    }
    all.push_back(
        {"feels for a file", Wall::compiler,
         "#if __has_include(\"{state}/secret\")\n#error it is there\n#endif\n" + kFunction,
         compilerSays("it is there"), compilerSaysNothingOf("it is there")});
    const auto packs = [&](const std::string& name, const std::string& source) {
        all.push_back({name, Wall::compiler, source + kFunction, objectHolds(kSecret),
                       objectHoldsNot(kSecret)});
    };
    packs("packs a secret with .incbin", "__asm__(\".incbin \\\"{state}/secret\\\"\");\n");
    packs("packs a secret with .incbin in a function",
          "static void f(void) { __asm__ volatile(\".pushsection .rodata\\n.incbin "
          "\\\"{state}/secret\\\"\\n.popsection\"); }\nvoid (*g)(void) = f;\n");
    packs("packs a part of a secret", "__asm(\".incbin \\\"{state}/secret\\\", 0, 22\");\n");
    all.push_back({"assembles a secret", Wall::compiler,
                   "__asm__(\".include \\\"{state}/secret\\\"\");\n" + kFunction,
                   compilerSays(kSecret), compilerSaysNothingOf(kSecret)});
}

// Keeps the compiler busy, or fills memory and disk.
void addBombs(std::vector<Hostile>& all) {
    const auto bomb = [&](const std::string& name, const std::string& source, Proof harm) {
        all.push_back({name, Wall::compiler, source, std::move(harm), compilerIsStopped()});
    };
    bomb("expands a macro a billion times", doubling("+1", " ", 30) + decide("return 0 A30;"),
         compilerIsStopped());
    bomb("pastes tokens",
         "#define P(a, b) a##b\n#define Q(a, b) P(a, b)\n" + doubling("Q(x, 1)", " ; int ", 28) +
             kFunction + "int A28;\n",
         compilerIsStopped());
    bomb("declares millions of types",
         "#define P(a, b) a##b\n#define Q(a, b) P(a, b)\n" +
             doubling("struct Q(S, __COUNTER__) { int a; };", " ", 23) + kFunction + "A23\n",
         compilerIsStopped());
    bomb("has a giant initialiser",
         "const int big[500000000] = {[0 ... 499999999] = 7};\n" + kFunction,
         [](const Outcome& seen) {
             return compilerIsStopped()(seen).empty() ? std::string()
                                                      : objectIsLargerThan(100'000'000)(seen);
         });
    all.back().sourceRefuses = false;
    bomb("fills the disk by .fill", "__asm__(\".fill 2000000000, 1, 65\");\n" + kFunction,
         [](const Outcome& seen) {
             return compilerIsStopped()(seen).empty() ? std::string()
                                                      : objectIsLargerThan(100'000'000)(seen);
         });
    bomb("repeats in the assembler", "__asm__(\".rept 1000000000\\n nop\\n .endr\");\n" + kFunction,
         compilerIsStopped());
    bomb("repeats repeats in the assembler",
         "__asm__(\".rept 100000\\n .rept 100000\\n .set x, 1\\n .endr\\n .endr\");\n" + kFunction,
         compilerIsStopped());
    bomb("has a million cases",
         doubling("case __COUNTER__: r += __COUNTER__;", " ", 21) +
             decide("int r = 0; switch (classes) { A21 } return r;"),
         compilerIsStopped());
    bomb("nests expressions", doubling("(", " ", 22) + decide("return A22 0;"),
         compilerIsStopped());
    bomb("nests blocks", doubling("{ if (classes)", " ", 22) + decide("A22 return 1; return 0;"),
         compilerIsStopped());
}

// A compiler that was taken over, in the same cage.
void addTakenOver(std::vector<Hostile>& all) {
    const auto taken = [&](const std::string& name, const std::string& script, Proof harm,
                           Proof held) {
        all.push_back({name, Wall::object, kFunction, std::move(harm), std::move(held)});
        all.back().instead = {"bash", "-c", script};
        all.back().sourceRefuses = false;
    };
    taken("leaves a link to a secret as its object", "ln -s {state}/secret decision.o",
          objectHolds(kSecret), both(objectHoldsNot(kSecret), refusedWith("missing, or no file")));
    taken(
        "leaves a pipe as its object", "mkfifo decision.o",
        [](const Outcome& seen) {
            return seen.objectBytes == 0 && seen.compiled == 0 ? std::string() : "no pipe";
        },
        refusedWith("no file of its own"));
    taken(
        "leaves a folder as its object", "mkdir decision.o",
        [](const Outcome& seen) { return seen.compiled == 0 ? std::string() : "no folder"; },
        refusedWith("no file of its own"));
    taken("leaves a huge hole as its object", "truncate -s 3M decision.o",
          objectIsLargerThan(2'000'000), refusedWith("are the most"));
    taken("leaves noise as its object", "head -c 3000 /dev/urandom > decision.o",
          objectIsLargerThan(2'000), refusedWith("something else than an object file"));
    taken("writes where it should not", "echo mark > {state}/mark; echo > /usr/tinsmith-mark",
          stateHas("mark"), [](const Outcome& seen) {
              return seen.compiled == 0 ? std::string("it could write") : std::string();
          });
    taken("connects to a port", "exec 3<>/dev/tcp/127.0.0.1/{port}", connected(),
          compilerSays("Operation not permitted"));
    taken("kills all it can", "trap '' TERM; kill -9 -1; sleep 1", peerIsDead(),
          [](const Outcome& seen) {
              return seen.peerAlive ? std::string() : std::string("its peer is dead");
          });
    taken("forks until it can no more",
          "for i in {1..60}; do sleep 9 & done 2>/dev/null; echo forks $(jobs -p | wc -l) >&2; "
          "exit 0",
          compilerSays("forks 60"), compilerSaysNothingOf("forks 60"));
    taken("looks at other processes", "cat /proc/[0-9]*/cmdline >&2", compilerSays("peer"),
          compilerSaysNothingOf("peer"));
}

}  // namespace

std::vector<Hostile> hostileToTheCompiler() {
    std::vector<Hostile> all;
    addReaders(all);
    addBombs(all);
    addTakenOver(all);
    return all;
}

// Compiles, and is not what it should be. The harm is shown linked with libc, which starts what
// runs by itself.
std::vector<Hostile> hostileObjects() {
    std::vector<Hostile> all;
    const auto object = [&](const std::string& name, const std::string& source, Proof harm,
                            const std::string& why, bool sourceRefuses = true) {
        all.push_back({name, Wall::object, source, std::move(harm), refusedWith(why)});
        all.back().withLibrary = true;
        all.back().sourceRefuses = sourceRefuses;
    };
    const std::string touch = "int creat(const char *, unsigned); ";
    const std::string mark = "creat(\"{state}/mark\", 0600);";
    object(
        "has a constructor",
        touch + "__attribute__((constructor)) static void f(void) { " + mark + " }\n" + kFunction,
        stateHas("mark"), "something that runs by itself");
    object("has a destructor",
           touch + "__attribute__((destructor)) static void f(void) { " + mark + " }\n" + kFunction,
           stateHas("mark"), "something that runs by itself");
    object("puts itself among the constructors",
           touch + "static void f(void) { " + mark +
               " }\n__attribute__((section(\".init_array\"), used)) static void (*const p)(void) = "
               "f;\n" +
               kFunction,
           stateHas("mark"), "something that runs by itself");
    object("is chosen when it is loaded",
           "static int one(void) { return 1; }\nstatic int (*choose(void))(void) { return one; }\n"
           "int late(void) __attribute__((ifunc(\"choose\")));\n" +
               decide("return late();"),
           answers(1), "outlives a call");
    object("calls libc",
           "int system(const char *);\n" + decide("return system(\"echo > "
                                                  "{state}/mark\");"),
           stateHas("mark"), "calls system");
    object("remembers in a static variable", decide("static int n; return ++n & 1;"), answers(1),
           "variables that outlive a call", false);
    object("remembers in a global variable", "int n;\n" + decide("return ++n & 1;"), answers(1),
           "variables that outlive a call", false);
    object("remembers in the thread's storage",
           "static _Thread_local int n;\n" + decide("return ++n & 1;"), answers(1),
           "variables that outlive a call");
    object("takes the place of our functions",
           "float ts_sqrt(float x) { return x + 1; }\n" + decide("return ts_sqrt(3) == 4;"),
           answers(1), "defines ts_sqrt for everybody", false);
    object("takes the place of memcpy",
           "void *memcpy(void *a, const void *b, unsigned long n) { *(volatile char *)0 = 1; "
           "return a; }\n" +
               decide("float c[64]; memcpy(c, scores, 8); return c[0] > 0;"),
           endsWithSignal(SIGSEGV), "defines memcpy for everybody");
    object(
        "recurses by turns",
        "static int b(int n);\nstatic __attribute__((noinline)) int a(int n) { return n < 0 ? 0 : "
        "b(n + 1) * 3 + 1; }\nstatic __attribute__((noinline)) int b(int n) { return n < 0 ? 0 : "
        "a(n + 1) * 5 + 2; }\n" +
            decide("return a(classes);"),
        endsWithSignal(SIGSEGV), "is recursive");
    object("calls through a pointer",
           "static int a(void) { return 1; }\nstatic int b(void) { return 2; }\n" +
               decide("int (*const f[2])(void) = {a, b}; return f[classes & 1]();"),
           answers(1), "calls through a pointer", false);
    object("takes a frame of any size",
           "void *__builtin_alloca(unsigned long);\n" +
               decide("volatile char *p = __builtin_alloca((unsigned)classes * 100000000u); p[0] = "
                      "1; return p[classes] > 0;"),
           endsWithSignal(SIGSEGV), "not fixed");
    object("takes a large frame",
           decide("float a[4000]; for (int i = 0; i < 4000; ++i) a[i] = scores[i & 1] * i; return "
                  "a[(int)scores[0] & 63] > 1;"),
           ends(0), "of stack, 1500 are there", false);
    object(
        "carries a large table",
        doubling("1,", " ", 13) + "static const int t[] = {A13};\n" + decide("return t[classes];"),
        answers(1), "bytes, 16384 are allowed");
    return all;
}

}  // namespace tinsmith::daemon
