#include "firmware/app/preflight_area.hpp"

#include "firmware/app/crc32.hpp"

namespace tinsmith::app {
namespace {

std::uint32_t checksum(const PreflightRequest& request) {
    return crc32(
        {reinterpret_cast<const std::uint8_t*>(&request), offsetof(PreflightRequest, crc)});
}

}  // namespace

void seal(PreflightRequest& request) {
    request.crc = checksum(request);
}

bool valid(const PreflightRequest& request) {
    constexpr std::uint32_t kMost =
        kPreflightAreaSize;  // bounds each factor, so that 64-bit sums cannot wrap
    return request.magic == kPreflightMagic && request.version == kPreflightVersion &&
           request.crc == checksum(request) && request.windowCount <= kMost &&
           request.windowFloats <= kMost && request.outputBytes <= kMost &&
           request.featureBytes <= kMost && preflightSize(request) <= kPreflightAreaSize;
}

}  // namespace tinsmith::app
