#include "handlers/dataset/resample.hpp"

#include <algorithm>

namespace tinsmith::dataset {

void resampleRuns(std::vector<Run>& runs, std::vector<float>& samples, std::size_t channels,
                  std::size_t length) {
    std::vector<float> out;
    out.reserve(runs.size() * length * channels);
    for (Run& run : runs) {
        const float* from = samples.data() + run.offset;
        run.offset = out.size();
        for (std::size_t i = 0; i < length; ++i) {
            const double at = length < 2
                                  ? 0
                                  : static_cast<double>(i) * static_cast<double>(run.samples - 1) /
                                        static_cast<double>(length - 1);
            const auto left = std::min(static_cast<std::size_t>(at), run.samples - 1);
            const std::size_t right = std::min(left + 1, run.samples - 1);
            const double weight = at - static_cast<double>(left);
            for (std::size_t c = 0; c < channels; ++c) {
                const double a = from[left * channels + c];
                const double b = from[right * channels + c];
                out.push_back(static_cast<float>(a + (b - a) * weight));
            }
        }
        run.samples = length;
    }
    samples = std::move(out);
}

}  // namespace tinsmith::dataset
