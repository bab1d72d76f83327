#include <algorithm>

#include "tests/daemon/hostile_code.hpp"

namespace tinsmith::daemon {

namespace {

std::string unless(bool holds, const std::string& what) {
    return holds ? std::string() : what;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::string runOf(const Outcome& seen) {
    return "ended with " + std::to_string(seen.ran) + " " + seen.runLimit;
}

}  // namespace

Proof both(Proof first, Proof second) {
    return [first = std::move(first), second = std::move(second)](const Outcome& seen) {
        const std::string said = first(seen);
        return said.empty() ? second(seen) : said;
    };
}
Proof compilerSays(const std::string& text) {
    return [text](const Outcome& seen) {
        return unless(has(seen.errors, text), "the compiler said: " + seen.errors.substr(0, 600));
    };
}
Proof compilerSaysNothingOf(const std::string& text) {
    return [text](const Outcome& seen) {
        return unless(seen.compiled != -1 && !has(seen.errors, text), "the compiler said it");
    };
}
Proof compilerIsStopped() {
    return [](const Outcome& seen) {
        // GCC reports its own compiler's death by a signal, and that it has no memory.
        const bool stopped = !seen.compileLimit.empty() || seen.compiled > 128 ||
                             has(seen.errors, "signal terminated program") ||
                             has(seen.errors, "CPU time") || has(seen.errors, "out of memory") ||
                             has(seen.errors, "exhausted") || has(seen.errors, "cannot allocate") ||
                             has(seen.errors, "File size");
        return unless(stopped, "the compiler ended with " + std::to_string(seen.compiled) +
                                   " and said: " + seen.errors.substr(0, 600));
    };
}
Proof objectIsLargerThan(std::uint64_t bytes) {
    return [bytes](const Outcome& seen) {
        return unless(seen.objectBytes > bytes,
                      "the object has " + std::to_string(seen.objectBytes) + " bytes");
    };
}
Proof objectHolds(const std::string& text) {
    return [text](const Outcome& seen) { return unless(has(seen.object, text), "it has it not"); };
}
Proof objectHoldsNot(const std::string& text) {
    return [text](const Outcome& seen) {
        return unless(seen.compiled != -1 && !has(seen.object, text), "the object has it");
    };
}
Proof refusedWith(const std::string& text) {
    return [text](const Outcome& seen) {
        return unless(
            has(seen.refused, text),
            "refused with '" + seen.refused + "', the compiler said " + seen.errors.substr(0, 600));
    };
}
Proof ends(int status) {
    return [status](const Outcome& seen) { return unless(seen.ran == status, runOf(seen)); };
}
Proof endsWithSignal(int number) {
    return ends(128 + number);
}
Proof isStopped() {
    return [](const Outcome& seen) { return unless(!seen.runLimit.empty(), runOf(seen)); };
}
Proof isStoppedBy(const std::string& limit) {
    return [limit](const Outcome& seen) { return unless(seen.runLimit == limit, runOf(seen)); };
}
Proof outputIsLargerThan(std::uint64_t bytes) {
    return [bytes](const Outcome& seen) {
        return unless(seen.outputBytes > bytes, std::to_string(seen.outputBytes) + " bytes");
    };
}
Proof outputIsAtMost(std::uint64_t bytes) {
    return [bytes](const Outcome& seen) {
        return unless(seen.ran != -1 && seen.outputBytes <= bytes,
                      std::to_string(seen.outputBytes) + " bytes");
    };
}
Proof answers(std::int32_t value) {
    return [value](const Outcome& seen) {
        return unless(seen.ran == 0 && seen.value == value,
                      "answered " + std::to_string(seen.value) + ", " + runOf(seen));
    };
}
Proof answersAtLeast(std::int32_t value) {
    return [value](const Outcome& seen) {
        return unless(seen.ran == 0 && seen.value >= value,
                      "answered " + std::to_string(seen.value) + ", " + runOf(seen));
    };
}
Proof verdictIs(const std::string& text) {
    return [text](const Outcome& seen) {
        return unless(has(seen.verdict, text), "the verdict is '" + seen.verdict + "'");
    };
}
Proof canaryIs(const std::string& text) {
    return [text](const Outcome& seen) {
        return unless(seen.canary == text, "the canary is '" + seen.canary + "'");
    };
}
Proof stateHas(const std::string& name) {
    return [name](const Outcome& seen) {
        return unless(std::ranges::find(seen.state, name) != seen.state.end(),
                      "there is no " + name);
    };
}
Proof peerIsDead() {
    return [](const Outcome& seen) { return unless(!seen.peerAlive, "its peer lives"); };
}
Proof connected() {
    return [](const Outcome& seen) {
        return unless(seen.connections > 0, "nobody connected to the port");
    };
}

}  // namespace tinsmith::daemon
