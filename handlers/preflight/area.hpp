// The scratch area of a run's flash file, seen from the gateway (firmware/app/preflight_area.hpp
// has the layout).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "firmware/app/preflight_area.hpp"
#include "firmware/wire/topics.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::preflight {

struct FlashSpec {
    std::filesystem::path file;
    int slot = 0;                         // 0 = a, 1 = b
    std::span<const std::uint8_t> image;  // signed
    app::PreflightRequest request;        // sealed
    std::vector<const float*>
        windows;  // request.windowCount pointers to request.windowFloats floats
};

// A sparse flash file of a board that never ran: no configuration, empty boot state, one image, the
// request.
[[nodiscard]] Status writeFlash(const FlashSpec& spec);

// What the board has written so far; also while the emulator runs. Zeros where the file cannot be
// read.
app::PreflightAnswer readAnswer(const std::filesystem::path& file);

// The records of all windows, request.windowCount * preflightRecordSize(request) bytes.
[[nodiscard]] Result<std::vector<std::uint8_t>> readRecords(const std::filesystem::path& file,
                                                            const app::PreflightRequest& request);

// How many windows fit one run.
std::uint32_t windowsPerRun(const app::PreflightRequest& request);

}  // namespace tinsmith::preflight
