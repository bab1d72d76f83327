// Hostile C, what it does to a house without cages, and what becomes of it in ours.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "handlers/code/source.hpp"

namespace tinsmith::daemon {

// Where a piece of hostile C is stopped, at the latest; everything before is skipped or ignored, as
// if it had failed.
enum class Wall {
    compiler,  // the compile cage, or the compiler itself
    object,    // what is made of it is refused
    program,   // the code cage
    answer,    // what it computed is refused
};

// What happened, in a house without cages or in ours.
struct Outcome {
    // The compiler, or what ran in its place.
    int compiled = -1;  // exit status
    std::string compileLimit;
    std::string errors;
    std::uint64_t objectBytes = 0;
    std::string object;  // its first MB
    // What inspectObject or inspectCalls said of it; ours only.
    std::string refused;
    // The program.
    int ran = -1;  // exit status, or 128 + signal
    std::string runLimit;
    std::uint64_t outputBytes = 0;
    std::int32_t value = 0;  // the first answer, where there is one
    std::string verdict;     // what was said of its answers; ours only
    // The house.
    std::string canary;              // what is in it
    std::vector<std::string> state;  // names in the state folder, sorted
    bool peerAlive = true;
    int connections = 0;
};

// Empty where it is as wanted, else what is not.
using Proof = std::function<std::string(const Outcome&)>;

struct Hostile {
    std::string name;
    Wall wall = Wall::compiler;
    std::string source;  // may hold {state}, {port}
    Proof harm;          // without a cage
    Proof held;          // with ours
    code::Kind kind = code::Kind::decision;
    bool sourceRefuses = true;         // the check of the source alone stops it, too
    bool withLibrary = false;          // to show the harm it is linked with libc and a main
    std::vector<std::string> instead;  // run instead of the compiler, as one that was taken over
};

inline constexpr const char* kSecret = "swordfish_of_the_house";
inline constexpr const char* kCanary = "canary sings";

std::vector<Hostile> hostileToTheCompiler();
std::vector<Hostile> hostileObjects();
std::vector<Hostile> hostilePrograms();

// What proofs are made of.
Proof both(Proof first, Proof second);
Proof compilerSays(const std::string& text);
Proof compilerSaysNothingOf(const std::string& text);
Proof compilerIsStopped();  // by a limit or a signal
Proof objectIsLargerThan(std::uint64_t bytes);
Proof objectHolds(const std::string& text);
Proof objectHoldsNot(const std::string& text);
Proof refusedWith(const std::string& text);
Proof ends(int status);
Proof endsWithSignal(int number);
Proof isStopped();  // by a limit
Proof isStoppedBy(const std::string& limit);
Proof outputIsLargerThan(std::uint64_t bytes);
Proof outputIsAtMost(std::uint64_t bytes);
Proof answers(std::int32_t value);
Proof answersAtLeast(std::int32_t value);
Proof verdictIs(const std::string& text);
Proof canaryIs(const std::string& text);
Proof stateHas(const std::string& name);
Proof peerIsDead();
Proof connected();

}  // namespace tinsmith::daemon
