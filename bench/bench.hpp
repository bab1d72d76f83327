// What the benchmarks share. Each measures a whole Tinsmith in a temporary folder from outside,
// prints its figures as lines "name  value unit" and asserts nothing about them: machines differ.
// Failures are thrown as std::runtime_error.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/house.hpp"

namespace tinsmith::bench {

using Options = std::vector<std::string>;  // what follows the benchmark's name
using Steady = std::chrono::steady_clock;

struct Benchmark {
    const char* name;
    const char* what;  // one line for the usage text
    bool byDefault;    // runs when no name is given
    void (*run)(const Options&);
};

void latency(const Options&);
void durable(const Options&);
void memory(const Options&);
void ota(const Options&);
void step(const Options&);
void accuracy(const Options&);
void llm(const Options&);
void nn(const Options&);
void host(const Options&);

// One figure on stdout, at once.
void report(const std::string& name, double value, int decimals, const std::string& unit);
double secondsSince(Steady::time_point start);

// Ctrl-C and SIGTERM end the waits below by an exception, so that broker, daemon, devices and
// folder are cleaned up.
void catchInterrupts();
bool interrupted();
void pause(double seconds);
// Throws with `what` when `done` does not hold after `seconds`.
void await(e2e::Client& client, const std::function<bool()>& done, double seconds,
           const std::string& what);

// A long request: the id of its job. Throws when it is refused.
std::string start(e2e::Client& client, const std::string& verb, const Json& payload);
// The last state of the job, whichever it is.
Json finish(e2e::Client& client, const std::string& job, double seconds);
// A long request to its end; throws unless it succeeds.
Json succeed(e2e::Client& client, const std::string& verb, const Json& payload, double seconds);

// Listens to the stories of jobs while it lives.
class Steps {
  public:
    explicit Steps(e2e::Client& client);
    ~Steps();
    Steps(const Steps&) = delete;
    Steps& operator=(const Steps&) = delete;

    // The durable steps of a job that has ended, in order, each with its seconds.
    std::vector<std::pair<std::string, double>> of(const std::string& job) const;

  private:
    e2e::Client& client_;
    std::vector<Json> done_;
};

// Makes two models of Tinsmith's own below `folder`, by the stages that a request runs through, and
// names their .tflite files: a conv1d network over accelerations, a depthwise separable one over
// spectra of words. Simulated data: what a model costs does not depend on what it learnt.
struct NamedModel {
    std::string name;
    std::filesystem::path tflite;
};
std::vector<NamedModel> makeOwnModels(const std::filesystem::path& folder);

// Writes three easily told classes of three-axis waves below `data`/waves and imports them as the
// dataset `waves`.
void writeWaves(const std::filesystem::path& data);
Json wavesImport();
// A small model of them under the name `waves`.
Json wavesRegenerate();

}  // namespace tinsmith::bench
