// A job folder with everything that preflight needs: a small network, a dataset, what the gateway's
// kernels answer.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "firmware/boot/layout.hpp"
#include "firmware/boot/rom.hpp"
#include "firmware/image/image.hpp"
#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/preflight/area.hpp"
#include "handlers/preflight/fields.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/fakes/fake_world.hpp"
#include "tests/handlers/build/sample_model.hpp"

namespace tinsmith::preflight::test {

namespace fs = std::filesystem;

inline constexpr std::size_t kValidation = 50;  // windows

inline void put(const fs::path& path, const void* bytes, std::size_t size) {
    std::ofstream(path, std::ios::binary)
        .write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
}
inline void put(const fs::path& path, const std::string& text) {
    put(path, text.data(), text.size());
}

class Case {
  public:
    Case() {
        data.channels = {"x", "y", "z"};
        data.windowLength = 100;
        data.windowStride = 50;
        data.classes = model.input.labels;
        data.samples.resize(3 * 100 * (kValidation + 8));
        for (std::size_t i = 0; i < data.samples.size(); ++i) {
            data.samples[i] = static_cast<float>((i * 7919 + i / 300 * 131) % 1000) / 500 - 1;
        }
        data.segments = {{0, "g", dataset::Part::validation, 100 * kValidation, 0},
                         {1, "h", dataset::Part::train, 400, 300 * kValidation},
                         {1, "i", dataset::Part::test, 400, 300 * (kValidation + 4)}};
        EXPECT_TRUE(dataset::save(folder() / "data.tsd", data));
        const auto tflite = quantize::writeTflite(model.input.graph).value();
        put(folder() / "model.tflite", tflite.data(), tflite.size());

        auto runner = nn::Runner::create(model.input.graph).value();
        std::vector<float> scratch(dsp::scratchFloats(model.input.pipeline) + 1);
        std::vector<std::int8_t> features(300);
        for (const auto& window : dataset::windows(data, dataset::Part::validation)) {
            dsp::run(model.input.pipeline, window.samples, scratch.data(), features.data());
            const auto output = runner.run(features).value();
            outputs.insert(outputs.end(), output.begin(), output.end());
        }
        writeOutputs();
        input = {{"boot", "rom.elf"},        {"images", {{"a", "a.unsigned"}, {"b", "b.unsigned"}}},
                 {"tflite", "model.tflite"}, {"dataset", "data.tsd"},
                 {"part", "validation"},     {"outputs", "outputs.bin"}};
        // Stand-ins that only a real board would notice.
        std::string rom = "an ELF file, as far as this goes ";
        rom += std::string(boot::kRomMarker) +
               std::string(sizeof(boot::RomInfo) - boot::kRomMarker.size(), '\0') + "and so on";
        put(folder() / "rom.elf", rom);
        for (const int slot : {0, 1})
            putImage(slot, image::Bytes(2000, static_cast<std::uint8_t>(slot)));
    }

    [[nodiscard]] const fs::path& folder() const { return temporary_.path(); }

    void putImage(int slot, image::Bytes payload, const std::string& board = "mps2-an386") {
        image::ImageSpec spec;
        spec.payload = std::move(payload);
        spec.slotBase = boot::slotAddress(static_cast<std::uint8_t>(slot));
        spec.securityCounter = 5;
        spec.board = board;
        const auto image = image::build(spec).value();
        put(folder() / (slot == 0 ? "a.unsigned" : "b.unsigned"), image.data(), image.size());
    }
    void writeOutputs() const { put(folder() / "outputs.bin", outputs.data(), outputs.size()); }
    void writeInput() const { put(folder() / "input.json", canonical(input)); }

    tinsmith::test::SampleModel model;
    dataset::Dataset data;
    std::vector<std::int8_t> outputs;
    Json input;

  private:
    testing::TemporaryFolder temporary_;
};

inline void ignore(const Json&) {}

}  // namespace tinsmith::preflight::test
