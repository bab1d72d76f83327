// tinsmith-work STAGE JOBDIR: the CPU-heavy stages that the daemon runs as children. Reads
// JOBDIR/input.json, writes JOBDIR/output.json, prints progress as JSON lines. Exit 0 = ok, 1 =
// output.json holds {"error":…}, 2 = wrong call, 3 = no room for output.json.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string_view>

#include "handlers/build/import_stage.hpp"
#include "handlers/build/stage.hpp"
#include "handlers/dataset/stage.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/preflight/stage.hpp"
#include "handlers/quantize/decision.hpp"
#include "handlers/quantize/stage.hpp"
#include "handlers/train/code_features.hpp"

namespace {

using tinsmith::Code;
using tinsmith::Json;
using tinsmith::Result;

using Progress = std::function<void(const Json&)>;
using Stage = Result<Json> (*)(const std::filesystem::path& jobDir, const Progress& progress);

struct Entry {
    std::string_view name;
    Stage run;
};

constexpr Entry kStages[] = {
    {"import", tinsmith::dataset::importStage},
    {"profile", tinsmith::dataset::profileStage},
    {"look", tinsmith::dataset::lookStage},
    {"append", tinsmith::dataset::appendStage},
    {"edit", tinsmith::dataset::editStage},
    {"code-input", tinsmith::train::codeInputStage},
    {"code-features", tinsmith::train::codeFeaturesStage},
    {"quantize", tinsmith::quantize::quantizeStage},
    {"evaluate", tinsmith::quantize::evaluateStage},
    {"decide", tinsmith::quantize::decideStage},
    {"import-model", tinsmith::build::importModelStage},
    {"generate", tinsmith::build::generateStage},
    {"preflight-prepare", tinsmith::preflight::prepareStage},
    {"preflight-check", tinsmith::preflight::checkStage},
};

Result<Json> run(Stage stage, const std::filesystem::path& folder) {
    try {
        return stage(folder, [](const Json& line) {
            std::puts(tinsmith::canonical(line).c_str());
            std::fflush(stdout);
        });
    } catch (const std::bad_alloc&) {
        return tinsmith::fail(Code::too_large, "the stage ran out of memory",
                              "use fewer or shorter windows, or a smaller network");
    } catch (const std::exception& e) {
        return tinsmith::fail(Code::internal, std::string("the stage met a defect: ") + e.what(),
                              "report it with the job's log");
    }
}

int usage() {
    std::fputs("usage: tinsmith-work STAGE JOBDIR\nstages:", stderr);
    for (const Entry& entry : kStages) {
        std::fprintf(stderr, " %.*s", static_cast<int>(entry.name.size()), entry.name.data());
    }
    std::fputs("\n", stderr);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return usage();
    for (const Entry& entry : kStages) {
        if (entry.name != argv[1]) continue;
        const std::filesystem::path folder = argv[2];
        const Result<Json> result = run(entry.run, folder);
        const Json output = result ? *result : Json{{"error", tinsmith::toJson(result.error())}};
        std::ofstream out(folder / "output.json", std::ios::binary);
        out << tinsmith::canonical(output);
        out.close();
        if (!out) {
            std::fprintf(stderr, "cannot write %s\n", (folder / "output.json").c_str());
            return 3;
        }
        return result ? 0 : 1;
    }
    return usage();
}
